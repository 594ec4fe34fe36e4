from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamBroken
from proxy.gateway.upstream.answer import HEAD_BOUND, HEADER_BOUND, AnswerReader, Framing


class Sink:
    def __init__(self):
        self.interim, self.heads, self.body = [], [], b""

    def answer_interim(self, status, headers):
        self.interim.append((status, headers))

    def answer_head(self, head):
        self.heads.append(head)

    def data(self, piece):
        self.body += piece


def read(*pieces, is_head=False, upgrade=False):
    sink = Sink()
    reader = AnswerReader(sink)
    reader.begin(sink.data, is_head=is_head, upgrade=upgrade)
    for piece in pieces:
        reader.feed(piece)
    return reader, sink


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "framing", "body"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", Framing.LENGTH, b"abc"),
        (OK + b"content-length: 0\r\n\r\n", Framing.LENGTH, b""),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n", Framing.CHUNKED, b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Framing.NONE, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", Framing.NONE, b""),
    ],
)
def test_an_answer_is_whole_when_its_framing_says_so(answer, framing, body):
    reader, sink = read(answer)
    assert reader.done
    assert not reader.surplus
    assert sink.heads[0].framing is framing
    assert sink.heads[0].keep_alive
    assert sink.body == body
    reader, sink = read(answer + b"X")
    assert reader.done
    assert reader.surplus
    assert sink.body == body


@pytest.mark.parametrize("fields", [b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b""])
def test_the_answer_to_a_head_request_ends_with_its_head(fields):
    reader, sink = read(OK + fields + b"\r\n", is_head=True)
    assert (reader.done, reader.surplus, sink.body) == (True, False, b"")
    assert sink.heads[0].keep_alive
    reader, sink = read(OK + fields + b"\r\nabc", is_head=True)
    assert (reader.done, reader.surplus, sink.body) == (True, True, b"")


def test_a_head_answer_that_says_chunked_is_the_connections_last():
    reader, sink = read(OK + b"Transfer-Encoding: chunked\r\n\r\n", is_head=True)
    assert reader.done
    assert not sink.heads[0].keep_alive


def test_the_reader_reads_on_after_a_head_request():
    sink = Sink()
    reader = AnswerReader(sink)
    reader.begin(sink.data, is_head=True, upgrade=False)
    reader.feed(OK + b"Content-Length: 9\r\n\r\n")
    reader.begin(sink.data, is_head=False, upgrade=False)
    reader.feed(OK + b"Content-Length: 3\r\n\r\nabc")
    assert reader.done
    assert sink.body == b"abc"


def test_names_values_and_reason_are_raw():
    _, sink = read(b"HTTP/1.0 299 S\xe9r \r\nx-A: \xe9  b\r\nX-a:\r\nContent-Length: 0\r\n\r\n")
    head = sink.heads[0]
    assert (head.version, head.status, head.reason) == ((1, 0), 299, b"S\xe9r ")
    assert head.headers[:2] == ((b"x-A", b"\xe9  b"), (b"X-a", b""))


def test_interim_answers_come_before_the_final_one():
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    reader, sink = read(early + OK + b"Content-Length: 1\r\n\r\na")
    assert sink.interim == [(100, ()), (103, ((b"Link", b"</a>"),))]
    assert (reader.done, sink.heads[0].status, sink.body) == (True, 200, b"a")


def test_trailers_are_apart_from_headers():
    reader, sink = read(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n")
    assert reader.trailers == ((b"X-Sum", b"1"), (b"Y", b"2"))
    assert len(sink.heads[0].headers) == 1


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
        OK + b"Content-Length: 3, 3\r\n\r\n",
        OK + b"Content-Length: +3\r\n\r\n",
        OK + b"Content-Length: \r\n\r\n",
        OK + b"Content-Length : 3\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: identity\r\n\r\n",
        OK + b"Transfer-Encoding: xchunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3g\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcX",
        OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        OK + b"X: a\r\n folded\r\n\r\n",
        OK + b"X: a\nY: b\r\n\r\n",
        OK + b"X: a\rY: b\r\n\r\n",
        OK + b"X: \0\r\n\r\n",
        OK + b": x\r\n\r\n",
        b"HTTP/1.1 200 O\0K\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_what_two_readers_could_read_differently_is_broken(answer):
    with pytest.raises(UpstreamBroken):
        read(answer)


def test_heads_are_bounded():
    small = OK + b"X: y\r\n" * (HEADER_BOUND - 1) + b"Content-Length: 0\r\n\r\n"
    assert read(small)[0].done
    with pytest.raises(UpstreamBroken, match="fields"):
        read(small.replace(b"\r\n\r\n", b"\r\nX: y\r\n\r\n"))
    body = b"Content-Length: 1\r\n\r\nx"
    assert read(OK + b"X: " + b"y" * (HEAD_BOUND - 100) + b"\r\n" + body)[0].done
    with pytest.raises(UpstreamBroken, match="bytes"):
        read(OK + b"X: " + b"y" * HEAD_BOUND + b"\r\n" + body)


def test_endless_heads_interim_answers_extensions_and_trailers_are_broken():
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    endless = b"y" * 8192
    for start, more in [
        (OK + b"X: ", endless),
        (b"", b"HTTP/1.1 103 Early Hints\r\nX: " + endless + b"\r\n\r\n"),
        (chunked + b"1;", endless),
        (chunked + b"0\r\nX: ", endless),
    ]:
        assert read(start, *[more] * 7)[0].done is False
        with pytest.raises(UpstreamBroken):
            read(start, *[more] * 9)


@pytest.mark.parametrize(
    ("fields", "keeps"),
    [
        (b"", True),
        (b"Connection: close\r\n", False),
        (b"Connection: x, Close\r\n", False),
        (b"Connection: x\r\nconnection: CLOSE\r\n", False),
        (b"Connection: closed\r\n", True),
        (b"Proxy-Connection: close\r\n", False),
    ],
)
def test_keep_alive_is_read_from_every_connection_field(fields, keeps):
    _, sink = read(OK + fields + b"Content-Length: 0\r\n\r\n")
    assert sink.heads[0].keep_alive is keeps


def test_http_1_0_keeps_alive_only_when_it_says_so():
    for fields, keeps in ((b"", False), (b"Connection: Keep-Alive\r\n", True)):
        _, sink = read(b"HTTP/1.0 200 OK\r\n" + fields + b"Content-Length: 0\r\n\r\n")
        assert sink.heads[0].keep_alive is keeps


def test_only_an_orderly_end_completes_a_body_without_length():
    for clean in (True, False):
        reader, sink = read(OK + b"\r\nabc")
        assert sink.heads[0].framing is Framing.CLOSE
        assert not sink.heads[0].keep_alive
        if clean:
            reader.end_of_input(clean=True)
            assert reader.done
        else:
            with pytest.raises(UpstreamBroken):
                reader.end_of_input(clean=False)


@pytest.mark.parametrize("cut", [b"", OK, OK + b"Content-Length: 3\r\n\r\nab"])
def test_an_end_before_the_answer_is_whole_is_broken(cut):
    reader, _ = read(cut)
    with pytest.raises(UpstreamBroken):
        reader.end_of_input(clean=True)


def test_a_switch_hands_over_the_first_raw_bytes():
    reader, sink = read(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00", upgrade=True)
    assert reader.switched
    assert reader.rest == b"\x81\x00"
    assert sink.heads == []
    assert reader.head.status == 101


@pytest.mark.parametrize(
    ("field", "binds"),
    [
        (b"WWW-Authenticate: NTLM", True),
        (b"www-authenticate: Bearer realm=x, Negotiate", True),
        (b"Proxy-Authenticate: ntlm TlRM", True),
        (b"WWW-Authenticate: Bearer", False),
        (b"X-Authenticate: NTLM", False),
    ],
)
def test_ntlm_and_negotiate_are_seen(field, binds):
    _, sink = read(b"HTTP/1.1 401 No\r\n" + field + b"\r\nContent-Length: 0\r\n\r\n")
    assert sink.heads[0].authenticates is binds


WHOLE = (
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 Fine\r\nSet-Cookie: a=b\r\nTransfer-Encoding: chunked\r\n"
    b"\r\n5\r\nhello\r\n6;q=1\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n"
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_where_the_bytes_are_split_makes_no_difference(cuts):
    edges = [0, *sorted(cuts), len(WHOLE)]
    pieces = [WHOLE[start:end] for start, end in pairwise(edges)]
    reader, sink = read(*pieces)
    assert reader.done
    assert (sink.interim, sink.body, reader.trailers) == (
        [(103, ((b"Link", b"x"),))],
        b"hello world",
        ((b"X-Sum", b"7"),),
    )
    assert sink.heads[0].reason == b"Fine"
