"""A head is read in one way or refused; each refusal stands beside what is accepted with one thing changed."""

import pytest

from proxy.edge.head import bodyless, judge_beginning, read_head, read_request_line, without
from proxy.errors import RequestRefused

HTTP_11 = (1, 1)
HOST = b"\r\nHost: crm.contoso.com"


@pytest.mark.parametrize(
    ("refused", "twin"),
    [
        (b"GET /", b"GET / HTTP/1.1"),
        (b"GET  / HTTP/1.1", b"GET / HTTP/1.1"),
        (b"GET / HTTP/1.1 ", b"GET / HTTP/1.1"),
        (b" GET / HTTP/1.1", b"GET / HTTP/1.1"),
        (b"GET\t/ HTTP/1.1", b"GET / HTTP/1.1"),
        (b"GET / http/1.1", b"GET / HTTP/1.1"),
        (b"GET / HTTP/1.10", b"GET / HTTP/1.0"),
        (b"GET / HTTP/11", b"GET / HTTP/1.1"),
        (b"GET / HTTP/+1.1", b"GET / HTTP/1.1"),
        (b"GET /a b HTTP/1.1", b"GET /a%20b HTTP/1.1"),
    ],
)
def test_a_request_line_has_three_parts_and_a_version(refused, twin):
    with pytest.raises(RequestRefused) as raised:
        read_request_line(refused)
    assert (raised.value.status, raised.value.reason) == (400, "bad_request_line")
    assert len(read_request_line(twin)) == 3


@pytest.mark.parametrize(
    ("refused", "twin", "reason"),
    [
        (b"\r\nX-A : 1", b"\r\nX-A: 1", "bad_header_name"),
        (b"\r\nX-A: 1\r\n  2", b"\r\nX-A: 1  2", "bad_header_line"),
        (b"\r\nX-A: 1\r\n X-B: 2", b"\r\nX-A: 1\r\nX-B: 2", "bad_header_name"),
        (b"\r\nX-A", b"\r\nX-A:", "bad_header_line"),
        (b"\r\n: 1", b"\r\nX: 1", "bad_header_name"),
        (b"\r\nX-A: 1\nX-B: 2", b"\r\nX-A: 1\tX-B: 2", "bad_header_value"),
        (b"\r\nX-A: 1\rX-B: 2", b"\r\nX-A: 1 X-B: 2", "bad_header_value"),
        (b"\r\nX-A: \0", b"\r\nX-A: 0", "bad_header_value"),
        (b"\r\nX\x80: 1", b"\r\nX: \x80", "bad_header_name"),
        (b"\r\nHost: crm.contoso.com", b"\r\nX-Host: crm.contoso.com", "duplicate_host"),
        (b"\r\nContent-Length: 1\r\nContent-Length: 1", b"\r\nContent-Length: 1", "content_length"),
        (b"\r\nContent-Length: 1, 1", b"\r\nContent-Length: 11", "content_length"),
        (b"\r\nContent-Length: +1", b"\r\nContent-Length: 01", "content_length"),
        (b"\r\nContent-Length: 0x1", b"\r\nContent-Length: 001", "content_length"),
        (b"\r\nContent-Length: ", b"\r\nContent-Length: 0", "content_length"),
        (
            b"\r\nTransfer-Encoding: chunked\r\nContent-Length: 1",
            b"\r\nTransfer-Encoding: chunked\r\nX-Content-Length: 1",
            "transfer_encoding",
        ),
        (b"\r\nTransfer-Encoding: chunked, identity", b"\r\nTransfer-Encoding: chunked", "transfer_encoding"),
        (b"\r\nTransfer-Encoding: xchunked", b"\r\nTransfer-Encoding: Chunked", "transfer_encoding"),
        (
            b"\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"\r\nTransfer-Encoding: chunked",
            "transfer_encoding",
        ),
    ],
)
def test_what_could_be_framed_in_two_ways_is_refused(refused, twin, reason):
    with pytest.raises(RequestRefused) as raised:
        read_head(b"POST", HTTP_11, HOST + refused, 100)
    assert (raised.value.status, raised.value.reason) == (400, reason)
    assert read_head(b"POST", HTTP_11, HOST + twin, 100).raw


@pytest.mark.parametrize(("version", "status"), [((0, 9), 505), ((1, 2), 505), ((2, 0), 505)])
def test_other_versions_are_refused(version, status):
    with pytest.raises(RequestRefused) as raised:
        read_head(b"GET", version, HOST, 100)
    assert raised.value.status == status
    assert read_head(b"GET", (1, 0), HOST, 100)


def test_http_11_needs_a_host_and_http_10_does_not():
    with pytest.raises(RequestRefused, match="no_host"):
        read_head(b"GET", HTTP_11, b"\r\nA: b", 100)
    assert read_head(b"GET", (1, 0), b"\r\nA: b", 100)


def test_so_many_fields_and_no_more():
    block = HOST + b"".join(b"\r\nX-%d: 1" % number for number in range(99))
    assert len(read_head(b"GET", HTTP_11, block, 100).raw) == 100
    with pytest.raises(RequestRefused) as raised:
        read_head(b"GET", HTTP_11, block + b"\r\nX: 1", 100)
    assert raised.value.status == 431


def test_what_a_head_says_of_its_body_and_its_connection():
    def said(block, version=HTTP_11):
        head = read_head(b"POST", version, HOST + block, 100)
        return head.length, head.chunked, head.keep_alive

    assert said(b"") == (None, False, True)
    assert said(b"\r\nContent-Length: 007") == (7, False, True)
    assert said(b"\r\ntransfer-encoding:\tCHUNKED\t") == (None, True, True)
    assert said(b"\r\nConnection: x, Close") == (None, False, False)
    assert said(b"", (1, 0)) == (None, False, False)
    assert said(b"\r\nConnection: keep-alive", (1, 0)) == (None, False, True)


@pytest.mark.parametrize(
    ("refused", "twin"),
    [
        (b"GET / HTTP/1.1\nHost", b"GET / HTTP/1.1\r\nHost"),
        (b"GET / HTTP/1.1\rHost", b"GET / HTTP/1.1\r"),
        (b"\x16\x03\x01", b"G"),
        (b"\nGET", b"GET"),
        (b"GET / HTTP/1.1\r\r\n", b"GET / HTTP/1.1\r\n"),
        (b"GET / HTTP/1.1\r\n\n", b"GET / HTTP/1.1\r\n\r"),
    ],
)
@pytest.mark.parametrize("seen", [0, 1, 3])
def test_what_cannot_become_a_head_is_refused_before_it_is_whole(refused, twin, seen):
    with pytest.raises(RequestRefused):
        judge_beginning(refused, 0)
    judge_beginning(twin, min(seen, len(twin)))


@pytest.mark.parametrize("at", range(1, 24))
def test_a_bare_line_end_is_seen_wherever_the_pieces_part(at):
    data = b"GET / HTTP/1.1\r\nA: b\nC: d"
    refusals = 0
    for seen, until in ((0, at), (at, len(data))):
        try:
            judge_beginning(data[:until], seen)
        except RequestRefused:
            refusals += 1
    assert refusals


def test_a_head_without_its_body_and_without_another_protocol():
    raw = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: x\r\nConnection: x\r\nupgrade: h2c\r\n\r\n"
    assert bodyless(raw, last=False) == b"POST / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nupgrade: h2c\r\n\r\n"
    assert bodyless(raw, last=True) == b"POST / HTTP/1.1\r\nHost: a\r\nupgrade: h2c\r\nConnection: close\r\n\r\n"
    assert b"upgrade" not in without(raw, b"upgrade")
    assert b"Content-Length: 5" in without(raw, b"upgrade")
