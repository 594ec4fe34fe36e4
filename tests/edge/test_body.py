"""Where a body ends does not depend on how its bytes come, and what is no body is refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edge.body import ChunkedBody, CountedBody
from proxy.errors import RequestRefused

BEHIND = b"GET /next HTTP/1.1\r\n"


def read(body, data: bytes, cuts=()) -> tuple[bytes, bytes | None]:
    """(The body, what stands behind it or None) of bytes that come in pieces."""
    places = [0, *sorted(cuts), len(data)]
    got = b""
    for start, end in itertools.pairwise(places):
        if start == end:
            continue
        pieces, rest = body.feed(data[start:end])
        assert all(pieces)
        got += b"".join(pieces)
        if rest is not None:
            return got, rest + data[end:]
    return got, None


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.sets(st.integers(0, 200), max_size=30), st.booleans()
)
def test_chunks_end_where_they_end_however_they_come(chunks, cuts, trailer):
    framed = b"".join(b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    framed += b"0\r\n" + (b"X-Trailer: 1\r\n" if trailer else b"") + b"\r\n"
    data = framed + BEHIND
    assert read(ChunkedBody(), data, {cut for cut in cuts if cut < len(data)}) == (b"".join(chunks), BEHIND)


@given(st.binary(min_size=1, max_size=60), st.sets(st.integers(0, 60), max_size=10))
def test_a_counted_body_ends_where_it_ends_however_it_comes(body, cuts):
    data = body + BEHIND
    assert read(CountedBody(len(body)), data, {cut for cut in cuts if cut < len(data)}) == (body, BEHIND)


@pytest.mark.parametrize(
    ("refused", "twin"),
    [
        (b"2\r\nabc\r\n", b"3\r\nabc\r\n"),
        (b"2\nab\r\n", b"2\r\nab\r\n"),
        (b"2\r\nab\n", b"2\r\nab\r\n"),
        (b"2\r\nab\r0", b"2\r\nab\r\n0"),
        (b"+2\r\nab\r\n", b"02\r\nab\r\n"),
        (b"0x2\r\nab\r\n", b"2\r\nab\r\n"),
        (b" 2\r\nab\r\n", b"2\r\nab\r\n"),
        (b"2 \r\nab\r\n", b"2\r\nab\r\n"),
        (b"-2\r\nab\r\n", b"2\r\nab\r\n"),
        (b"\r\nab\r\n", b"2\r\nab\r\n"),
        (b"2;\0\r\nab\r\n", b"2;a\r\nab\r\n"),
        (b"2;a\rb\r\nab\r\n", b"2;a b\r\nab\r\n"),
        (b"1" * 16 + b"\r\n", b"1" * 15 + b"\r\n"),
        (b"2;" + b"a" * 5000 + b"\r\nab\r\n", b"2;" + b"a" * 4000 + b"\r\nab\r\n"),
        (b"0\r\nX : 1\r\n\r\n", b"0\r\nX: 1\r\n\r\n"),
        (b"0\r\nX\r\n\r\n", b"0\r\nX:\r\n\r\n"),
        (b"0\r\nX: 1\n\r\n", b"0\r\nX: 1\r\n\r\n"),
        (b"0\r\n" + b"X: %b\r\n" % (b"a" * 9000), b"0\r\n" + b"X: %b\r\n" % (b"a" * 4000)),
    ],
)
def test_what_is_no_chunk_is_refused(refused, twin):
    for cuts in ((), range(len(refused)) if len(refused) < 50 else ()):
        with pytest.raises(RequestRefused) as raised:
            read(ChunkedBody(), refused, cuts)
        assert (raised.value.status, raised.value.reason) == (400, "bad_body")
    read(ChunkedBody(), twin)


def test_a_line_of_a_chunk_does_not_grow_without_end():
    body = ChunkedBody()
    body.feed(b"2;" + b"a" * 4000)
    with pytest.raises(RequestRefused):
        body.feed(b"a" * 200)


def chunks(size: int, wire: int) -> bytes:
    """At least `wire` bytes of chunks of one size."""
    one = b"%x\r\n%b\r\n" % (size, b"x" * size)
    return one * (wire // len(one) + 1)


@pytest.mark.parametrize("step", [100, 10_000, 10_000_000])
def test_long_body_in_the_shortest_chunks_is_refused(step):
    def feed(data: bytes):
        got, rest = read(ChunkedBody(), data + b"0\r\n\r\n", range(step, len(data), step))
        assert rest == b""
        return len(got)

    for size in (1, 15):
        with pytest.raises(RequestRefused) as raised:
            feed(chunks(size, 66 * 1024))
        assert (raised.value.status, raised.value.reason) == (400, "chunk_overhead")
        assert feed(chunks(size, 63 * 1024)), "a short body may have chunks of any size"
    for size in (16, 64):
        assert feed(chunks(size, 200 * 1024))


def test_chunks_that_come_together_go_on_as_one():
    assert ChunkedBody().feed(b"1\r\na\r\n2\r\nbc\r\n3\r\nd") == ([b"abcd"], None)
