"""What passes through, byte for byte, in both directions."""

import asyncio

import pytest

from proxy.edge.asked import GATHERED_BYTES
from support.patience import HANG
from support.raw_http import ok, read_body, read_head

LARGE = GATHERED_BYTES + 1


async def test_a_signed_in_request_reaches_the_upstream_as_it_came(stage, ask):
    one = await stage()
    client = await one.connect()
    answer = await client.ask(ask(b"/main.aspx?etn=a%2Fb&x=?", b"X-aB: 1\r\nX-aB: 2\r\n", one.cookie))
    assert (answer.status, answer.body) == (200, b"hello")
    seen = one.upstream.requests[0]
    assert seen.first == b"GET /main.aspx?etn=a%2Fb&x=? HTTP/1.1"
    assert seen.headers[:3] == [(b"Host", b"crm.contoso.com"), (b"X-aB", b"1"), (b"X-aB", b"2")]
    assert seen.value("X-Forwarded-User") == b"alice@contoso.com"
    assert seen.values("Cookie") == []


@pytest.mark.parametrize(
    "target",
    [
        b"/?",
        b"/a?",
        b"/a??b",
        b"/x?q=%C3%A9&r=[]{}|^'",
        b"/a%20b",
        b"/a+b?c+d",
        b"/%7Bguid%7D/WebResources/a.js",
    ],
)
async def test_the_target_is_sent_as_it_came(stage, ask, target):
    one = await stage()
    client = await one.connect()
    assert (await client.ask(ask(target, one.cookie))).status == 200
    assert one.upstream.requests[0].target == target


async def test_an_answer_comes_back_as_it_was(stage, ask):
    one = await stage()
    one.upstream.reply = (
        b"HTTP/1.1 299 Very Fine\r\nserver: IIS\r\nX-b: 2\r\nX-B: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: a=2\r\n"
        b"X-Latin: \xe9\r\nContent-Encoding: gzip\r\nSet-Cookie: claims-session=evil\r\nContent-Length: 3\r\n\r\n"
        b"\x1f\x8b\x00"
    )
    client = await one.connect()
    answer = await client.ask(ask(b"/", one.cookie, b"Accept-Encoding: gzip\r\n"))
    assert answer.first == b"HTTP/1.1 299 Very Fine"
    assert answer.headers == [
        (b"server", b"IIS"),
        (b"X-b", b"2"),
        (b"X-B", b"1"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"a=2"),
        (b"X-Latin", b"\xe9"),
        (b"Content-Encoding", b"gzip"),
        (b"Content-Length", b"3"),
    ]
    assert answer.body == b"\x1f\x8b\x00"


async def test_a_head_request_has_the_length_and_no_body(stage, ask):
    one = await stage()
    one.upstream.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    client = await one.connect()
    answer = await client.ask(ask(b"/", one.cookie, method=b"HEAD"), head=True)
    assert answer.headers == [(b"Content-Length", b"1000")]
    one.upstream.reply = ok()
    assert (await client.ask(ask(b"/", one.cookie))).body == b"hello"


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_keeps_the_connection(stage, ask, status):
    one = await stage()
    one.upstream.reply = b"HTTP/1.1 %d X\r\nETag: 1\r\n\r\n" % status
    client = await one.connect()
    for _ in range(2):
        answer = await client.ask(ask(b"/", one.cookie))
        assert (answer.status, answer.headers) == (status, [(b"ETag", b"1")])


async def test_chunks_stay_chunks_and_become_plain_for_http_10(stage, ask):
    one = await stage()
    one.upstream.reply = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"
    )
    client = await one.connect()
    answer = await client.ask(ask(b"/", one.cookie))
    assert (answer.body, answer.headers) == (b"abcde", [(b"Transfer-Encoding", b"chunked")])
    old = await one.connect()
    answer = await old.ask(ask(b"/", one.cookie, version=b"HTTP/1.0"))
    assert (answer.body, answer.headers) == (b"abcde", [(b"Connection", b"close")])


async def test_an_answer_that_ends_with_the_connection_is_chunked(stage, ask):
    one = await stage()

    async def answering(_message, _reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nto the end")
        return False

    one.upstream.answering = answering
    client = await one.connect()
    assert (await client.ask(ask(b"/", one.cookie))).body == b"to the end"
    assert (await client.ask(ask(b"/", one.cookie))).body == b"to the end"


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (b"Content-Length: 5\r\n", b"abcde"),
        (b"Transfer-Encoding: chunked\r\n", b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
        (b"Content-Length: 5\r\nContent-Encoding: gzip\r\n", b"abcde"),
    ],
)
async def test_a_body_goes_up_as_it_came(stage, ask, lines, sent):
    one = await stage()
    client = await one.connect()
    assert (await client.ask(ask(b"/", one.cookie, lines, method=b"POST", body=sent))).status == 200
    seen = one.upstream.requests[0]
    assert seen.body == b"abcde"
    assert seen.value("Content-Encoding") == (b"gzip" if b"gzip" in lines else None)


async def test_a_body_streams_while_the_client_still_sends(stage, ask):
    one = await stage()
    first = asyncio.Event()

    async def answering(_message, reader, writer):
        assert await reader.readexactly(len(begun)) == begun
        first.set()
        assert await reader.readexactly(3) == b"def"
        writer.write(ok(b"whole"))

    begun = b"abcd" * (GATHERED_BYTES // 4)
    length = b"Content-Length: %d\r\n" % (len(begun) + 3)
    one.upstream.answering = answering
    client = await one.connect()
    client.send(ask(b"/", one.cookie, length, method=b"POST", body=begun))
    await asyncio.wait_for(first.wait(), HANG)
    assert (await client.ask(b"def")).body == b"whole"


@pytest.mark.parametrize("framing", ["counted", "chunked"])
async def test_small_body_goes_up_once_it_is_whole(stage, ask, framing):
    one = await stage()
    client = await one.connect()
    chunked = framing == "chunked"
    line = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: 6\r\n"
    pieces = (b"3\r\nabc\r\n", b"3\r\ndef\r\n0\r\n\r\n") if chunked else (b"abc", b"def")
    client.send(ask(b"/", one.cookie, line, method=b"POST", body=pieces[0]))
    assert (await (await one.connect()).ask(ask(b"/other", one.cookie))).status == 200
    assert [message.target for message in one.upstream.requests] == [b"/other"]
    assert (await client.ask(pieces[1])).status == 200
    assert one.upstream.requests[1].body == b"abcdef"


async def test_100_for_a_small_body_is_said_by_the_proxy(stage, ask):
    one = await stage()
    client = await one.connect()
    client.send(ask(b"/", one.cookie, b"Expect: 100-continue\r\nContent-Length: 2\r\n", method=b"POST"))
    assert await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), HANG) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert one.upstream.requests == []
    assert (await client.ask(b"ab")).status == 200
    (sent,) = one.upstream.requests
    assert (sent.body, sent.value("Expect")) == (b"ab", None)


async def test_an_upload_above_every_limit_of_aiohttp_passes(stage, ask):
    one = await stage()
    client = await one.connect()
    body = b"x" * (3 * 1024 * 1024)
    answer = await client.ask(ask(b"/", one.cookie, b"Content-Length: %d\r\n" % len(body), method=b"PUT", body=body))
    assert answer.status == 200
    assert one.upstream.requests[0].body == body


async def test_100_is_said_when_the_upstream_wants_the_body(stage, ask):
    one = await stage()

    async def answering(message, reader, writer):
        assert message.value("Expect") == b"100-continue"
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.write(ok(await reader.readexactly(LARGE)))

    one.upstream.answering = answering
    client = await one.connect()
    client.send(ask(b"/", one.cookie, b"Expect: 100-continue\r\nContent-Length: %d\r\n" % LARGE, method=b"POST"))
    assert await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), HANG) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await client.ask(b"a" * LARGE)).body == b"a" * LARGE


async def test_100_is_not_said_where_the_upstream_refuses_the_body(stage, ask):
    one = await stage()

    async def answering(_message, _reader, writer):
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    one.upstream.answering = answering
    client = await one.connect()
    lines = b"Expect: 100-continue\r\nContent-Length: %d\r\n" % LARGE
    answer = await client.ask(ask(b"/", one.cookie, lines, method=b"POST"))
    assert (answer.status, answer.value("Connection")) == (413, b"close")


@pytest.mark.parametrize(
    "head", [b"Content-Length: 10\r\n", b"Transfer-Encoding: chunked\r\n"], ids=["counted", "chunked"]
)
async def test_a_broken_body_looks_broken(stage, ask, head):
    one, begun = await stage(), asyncio.Event()

    async def answering(_message, _reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + (b"3\r\nabc\r\n" if b"chunked" in head else b"abc"))
        await writer.drain()
        await begun.wait()
        return False

    one.upstream.answering = answering
    client = await one.connect()
    client.send(ask(b"/", one.cookie))
    answer = await read_head(client.reader)
    begun.set()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await read_body(client.reader, answer, answer=True)


async def test_a_client_that_goes_ends_its_upstream_request(stage, ask):
    one = await stage()
    seen = asyncio.Event()
    gone = asyncio.Event()

    async def answering(_message, reader, _writer):
        seen.set()
        assert await reader.read() == b""
        gone.set()
        return False

    one.upstream.answering = answering
    client = await one.connect()
    client.send(ask(b"/slow", one.cookie))
    await asyncio.wait_for(seen.wait(), HANG)
    await client.close()
    await asyncio.wait_for(gone.wait(), HANG)


async def test_an_ntlm_connection_is_never_anybody_elses(stage, ask):
    one = await stage()
    alice, bob = await one.connect(), await one.connect()
    assert (await alice.ask(ask(b"/", one.cookie, b"Authorization: NTLM TlRMTVNTUAAB\r\n"))).status == 200
    assert (await bob.ask(ask(b"/", one.cookie))).status == 200
    assert (await alice.ask(ask(b"/", one.cookie))).status == 200
    assert one.upstream.connections == 2
