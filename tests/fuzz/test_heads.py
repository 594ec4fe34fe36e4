"""Request heads and bodies: what passes is read by another parser in the same way; all else is refused in time."""

import itertools

import httptools
from hypothesis import given
from hypothesis import strategies as st

from proxy.edge.body import ChunkedBody
from proxy.edge.head import bodyless, judge_beginning, read_head, read_request_line, without
from proxy.errors import RequestRefused
from proxy.policy.target import judge_target
from support.fuzzing import attempt, corpus, fuzz, mutated

MOST_FIELDS = 20
SEEDS = (
    "GET /main.aspx?a=b HTTP/1.1\r\nHost: crm.contoso.com\r\nCookie: a=b\r\nAccept: */*\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: crm.contoso.com\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
)
WORDS = (
    "\r\n",
    "\n",
    "\r",
    "\r\n ",
    " ",
    "\t",
    ":",
    "\0",
    "Host: a\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: +5\r\n",
)
WORDS += ("Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "HTTP/1.1", "HTTP/2.0", "PRI * ")
WORDS += ("Content_Length: 5\r\n", "Connection: close\r\n", "X-A:", "\x80", "\xff", "\x0b", "0", ",", ";", "GET ", "#")
REASONS = {
    *((400, reason) for reason in ("bad_request_line", "bad_line_end", "bad_header_line", "bad_header_name")),
    *((400, reason) for reason in ("bad_header_value", "bad_method", "no_host", "duplicate_host", "content_length")),
    (400, "transfer_encoding"),
    (400, "ambiguous_target"),
    (431, "too_many_fields"),
    (505, "http_version"),
}
CHUNKS = (
    "5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
    "a;x=y\r\n0123456789\r\n1\r\nz\r\n0\r\nT: 1\r\n\r\n",
    "0\r\n\r\n",
    "5\r\nhell",
)
CHUNK_WORDS = (
    "\r\n",
    "\n",
    "\r",
    "0",
    "f",
    "F" * 16,
    ";",
    '"',
    " ",
    "\t",
    "-1",
    "+1",
    "0x5",
    ":",
    "T: 1\r\n",
    "\0",
    "\xff",
)


class Reader:
    """llhttp's reading of a message."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body, self.whole, self.keep_alive = b"", False, False
        self.parser = httptools.HttpRequestParser(self)

    def on_headers_complete(self) -> None:
        self.keep_alive = self.parser.should_keep_alive()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.whole = True


def read(data: bytes):
    """Return method, target, version and the head, as the edge reads them one after the other."""
    block = data[: data.index(b"\r\n\r\n")]
    judge_beginning(block + b"\r\n\r\n", 0)
    line, separator, fields = block.partition(b"\r\n")
    method, target, version = read_request_line(line)
    judge_target(target.decode("latin-1"), allow_encoded_slash=True, method=method.decode("latin-1"))
    return method, target, version, read_head(method, version, separator + fields, MOST_FIELDS)


@fuzz
@given(text=mutated(SEEDS, WORDS))
@corpus("heads", "text")
def test_a_head_that_passes_is_read_alike_by_another_parser(text):
    data = text.encode("latin-1")
    if not data or b"\r\n\r\n" not in data:
        return
    found, refused = attempt(lambda: read(data), RequestRefused)
    if refused:
        assert (refused.status, refused.reason) in REASONS
        return
    whole = data[: data.index(b"\r\n\r\n") + 4]
    for seen in range(1, len(whole)):
        judge_beginning(whole[:seen], 0)
    method, target, (major, minor), head = found
    assert b" ".join((method, target, b"HTTP/%d.%d" % (major, minor))) == whole.partition(b"\r\n")[0]
    for made in (bodyless(whole, last=True), bodyless(whole, last=False), without(whole, b"upgrade")):
        kept = read(made)[3]
        assert set(kept.raw) <= {*head.raw, (b"Connection", b"close")}
    if target.isascii() and method in (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS"):
        other = Reader()
        _, error = attempt(lambda: other.parser.feed_data(whole), httptools.HttpParserUpgrade)
        assert (other.parser.get_method(), other.parser.get_http_version()) == (method, f"{major}.{minor}")
        assert [(name, value.strip(b" \t")) for name, value in other.headers] == head.raw
        assert error is not None or other.whole is (not head.chunked and not head.length)
        assert other.keep_alive == head.keep_alive


@fuzz
@given(text=mutated(CHUNKS, CHUNK_WORDS), cuts=st.sets(st.integers(1, 80), max_size=6))
@corpus("chunks", "text", cuts=())
@corpus("chunks", "text", cuts=range(1, 80))
def test_a_chunked_body_ends_where_another_parser_ends_it(text, cuts):
    data = text.encode("latin-1")

    def outcome(places):
        body, got, rest = ChunkedBody(), b"", None
        for start, end in itertools.pairwise([0, *sorted(place for place in places if place < len(data)), len(data)]):
            if start < end and rest is None:
                pieces, rest = body.feed(data[start:end])
                assert all(pieces)
                got += b"".join(pieces)
                rest = None if rest is None else rest + data[end:]
        return got, rest

    found, refused = attempt(lambda: outcome(cuts), RequestRefused)
    again, refused_again = attempt(lambda: outcome(()), RequestRefused)
    assert refused is None or (refused.status, refused.reason) == (400, "bad_body")
    assert (refused is None) == (refused_again is None)
    assert found == again
    if found and found[1] is not None:
        other = Reader()
        other.parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunks = data[: len(data) - len(found[1])]
        _, error = attempt(lambda: other.parser.feed_data(chunks), httptools.HttpParserError)
        # The other one also refuses some extensions, and framing fields in trailers, all of which end at the edge.
        assert error or (other.body, other.whole) == (found[0], True)
