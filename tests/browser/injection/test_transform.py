"""What becomes of documents and scripts on their way, over real sockets and in both lanes."""

import asyncio
import gzip
from dataclasses import replace

import pytest

from proxy.model.organization import ScriptPlacement
from proxy.model.session import ClientKind, Live
from support.injected import HTML, TAG, page, plain, zipped
from support.patience import HANG
from support.raw_http import ok

PAGE = b"<!doctype html><html><head><title>a</title></head><body>b</body></html>"
INJECTED = PAGE.replace(b"<head>", b"<head>" + TAG)
FRAMED = b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n"
OLD = b"Accept: text/html,*/*;q=0.8\r\n"
FETCH = b"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
SCRIPT = b"Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n"
CONTEXT = b"/%7B1%7D/WebResources/ClientGlobalContext.js.aspx?ver=1"
JAVASCRIPT = b"Content-Type: application/javascript; charset=utf-8"


@pytest.mark.parametrize("kind", [b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n", FRAMED, OLD])
async def test_a_document_gets_the_script(site, kind):
    one, ask = await site()
    one.upstream.reply = page(PAGE, b"X-A: 1", b"Set-Cookie: a=1", b'ETag: "e"', b"Last-Modified: Thu", b"X-a: 2")
    answer = await ask(kind=kind)
    assert (answer.status, answer.body) == (200, INJECTED)
    assert answer.values("Content-Length") == answer.values("Last-Modified") == []
    assert answer.value("ETag").startswith(b'W/"e-s')
    assert answer.values("X-A") == [b"1", b"2"]
    assert answer.value("Set-Cookie") == b"a=1"


async def test_the_answer_to_a_posted_form_gets_it_too(site):
    one, ask = await site()
    one.upstream.reply = page(PAGE)
    assert (await ask(b"/", b"Content-Length: 0\r\n", method=b"POST")).body == INJECTED


async def test_xhtml_gets_it(site):
    one, ask = await site()
    xhtml = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head></html>'
    one.upstream.reply = ok(xhtml, b"Content-Type: application/xhtml+xml")
    assert (await ask()).body == xhtml.replace(b"<head>", b"<head>" + TAG)


@pytest.mark.parametrize("kind", [FETCH, SCRIPT, b"Accept: */*\r\n", OLD + b"X-Requested-With: XMLHttpRequest\r\n"])
async def test_what_is_no_navigation_passes_untouched(site, kind):
    one, ask = await site()
    one.upstream.reply = page(PAGE, b'ETag: "e"')
    answer = await ask(b"/", b"Accept-Encoding: br\r\n", b'If-None-Match: "e"\r\n', kind=kind)
    assert (answer.body, answer.value("ETag"), answer.value("Content-Length")) == (PAGE, b'"e"', b"%d" % len(PAGE))
    seen = one.upstream.requests[0]
    assert (seen.value("Accept-Encoding"), seen.value("If-None-Match")) == (b"br", b'"e"')


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Type: application/pdf",),
        (b"Content-Type: text/plain",),
        (b"Content-Type: application/json",),
        (b"Content-Type: text/html", b"Content-Type: text/html"),
        (),
        (HTML, b"Content-Disposition: Attachment; filename=a.html"),
    ],
)
async def test_what_is_no_document_passes_untouched(site, fields):
    one, ask = await site()
    one.upstream.reply = ok(PAGE, *fields, b'ETag: "e"', b"Content-Security-Policy: script-src 'none'")
    answer = await ask(b"/", b"Accept-Encoding: gzip\r\n")
    assert (answer.body, answer.value("ETag"), answer.value("Content-Length")) == (PAGE, b'"e"', b"%d" % len(PAGE))
    assert answer.value("Content-Security-Policy") == b"script-src 'none'"


@pytest.mark.parametrize("status", [206, 301, 401, 404, 500])
async def test_other_answers_pass_untouched(site, status):
    one, ask = await site()
    one.upstream.reply = page(PAGE).replace(b"200 OK", b"%d X" % status)
    answer = await ask()
    assert (answer.status, answer.body) == (status, PAGE)


@pytest.mark.parametrize(
    ("kind", "gets_it"),
    [(kind, kind in {ClientKind.BROWSER, ClientKind.API}) for kind in ClientKind],
)
async def test_exempt_clients_get_no_script(site, kind, gets_it):
    one, ask = await site()
    one.sessions.known["alice"] = Live(replace(one.session, client_kind=kind), from_store=False)
    one.upstream.reply = page(PAGE)
    assert (await ask()).body == (INJECTED if gets_it else PAGE)


async def test_nor_do_bearers_and_strangers(site):
    one, ask = await site(anonymous=("/public",))
    one.upstream.reply = page(PAGE)
    assert (await ask(b"/public/a")).body == PAGE
    one.bearers["t"] = Live(replace(one.session, reference=None), from_store=True)
    assert (await ask(b"/", cookie=b"Authorization: Bearer t\r\n")).body == PAGE
    assert (await ask(b"/")).body == INJECTED


@pytest.mark.parametrize(
    ("inject", "document", "context"),
    [
        (ScriptPlacement.DOCUMENTS, True, True),
        (ScriptPlacement.GLOBAL_CONTEXT, False, True),
        (ScriptPlacement.NONE, False, False),
    ],
)
async def test_where_the_configuration_says(site, inject, document, context):
    one, ask = await site(inject)
    one.upstream.reply = page(PAGE)
    assert (TAG in (await ask()).body) is document
    one.upstream.reply = ok(b"var a = 1 // b", JAVASCRIPT, b'ETag: "e"')
    for kind in (SCRIPT, b"Accept: */*\r\n"):
        answer = await ask(CONTEXT, kind=kind)
        assert answer.body.startswith(b"var a = 1 // b")
        assert answer.body.endswith(b'("/.claims/session-watch.js");\n') is context
        assert (answer.value("ETag") != b'"e"') is context
    assert (await ask(b"/WebResources/a.js", kind=SCRIPT)).body == b"var a = 1 // b"


async def test_a_global_context_that_is_no_script_passes_untouched(site):
    one, ask = await site()
    one.upstream.reply = ok(b"no", b"Content-Type: text/plain")
    assert (await ask(CONTEXT, kind=SCRIPT)).body == b"no"


@pytest.mark.parametrize(
    ("said", "asked", "sent"),
    [
        (b"gzip, deflate, br", b"gzip", b"gzip"),
        (b"br", b"identity", None),
        (b"gzip;q=0", b"identity", None),
    ],
)
async def test_a_compressed_document_stays_so_where_the_client_takes_it(site, said, asked, sent):
    one, ask = await site()
    one.upstream.reply = zipped(PAGE)
    answer = await ask(b"/", b"Accept-Encoding: %b\r\n" % said)
    assert one.upstream.requests[0].value("Accept-Encoding") == asked
    assert answer.value("Content-Encoding") == sent
    assert plain(answer) == INJECTED


async def test_a_plain_document_stays_plain(site):
    one, ask = await site()
    one.upstream.reply = page(PAGE)
    answer = await ask(b"/", b"Accept-Encoding: gzip\r\n")
    assert (answer.values("Content-Encoding"), answer.body) == ([], INJECTED)


async def test_a_head_says_what_the_get_says(site):
    one, ask = await site()
    policy = b"Content-Security-Policy: script-src 'none'"
    one.upstream.reply = page(PAGE, b'ETag: "e"', policy)
    got = await ask()
    one.upstream.reply = page(PAGE, b'ETag: "e"', policy)[: -len(PAGE)]
    head = await ask(method=b"HEAD")
    assert head.headers == [field for field in got.headers if field[0] != b"Transfer-Encoding"]
    one.upstream.reply = page(PAGE)
    assert (await ask()).body == INJECTED


async def test_a_client_of_http_10_gets_it_to_the_end_of_the_connection(site):
    one, ask = await site()
    one.upstream.reply = page(PAGE)
    assert (await ask(version=b"HTTP/1.0")).body == INJECTED


async def test_a_copy_is_good_for_what_it_was(site):
    one, ask = await site()
    one.upstream.reply = page(PAGE, b'ETag: "e"', b"Last-Modified: Thu")
    tag = (await ask()).value("ETag")
    one.upstream.reply = (
        b'HTTP/1.1 304 X\r\nETag: "e"\r\nLast-Modified: Thu\r\nContent-Security-Policy: script-src a\r\n\r\n'
    )
    answer = await ask(b"/", b"If-None-Match: %b\r\nIf-Modified-Since: Thu\r\n" % tag)
    assert one.upstream.requests[-1].value("If-None-Match") == b'"e"'
    assert one.upstream.requests[-1].values("If-Modified-Since") == []
    assert (answer.status, answer.value("ETag"), answer.values("Last-Modified")) == (304, tag, [])
    assert b"/.claims/session-watch.js" in answer.value("Content-Security-Policy")


async def test_a_copy_without_the_script_is_not_taken_for_one_with_it(site):
    one, ask = await site()
    one.upstream.reply = page(PAGE)
    await ask(b"/", b'If-None-Match: "e"\r\nIf-Modified-Since: Thu\r\nRange: bytes=5-\r\n')
    seen = one.upstream.requests[0]
    for name in ("If-None-Match", "If-Modified-Since", "Range"):
        assert seen.values(name) == []


async def test_a_broken_off_download_goes_on(site):
    one, ask = await site()
    one.upstream.reply = ok(b"rest", b"Content-Type: application/zip", b'ETag: "e"').replace(b"200", b"206")
    answer = await ask(b"/a.zip", b'Range: bytes=5-\r\nIf-Range: "e"\r\n')
    assert (answer.status, answer.body, answer.value("ETag")) == (206, b"rest", b'"e"')
    assert one.upstream.requests[0].value("Range") == b"bytes=5-"


@pytest.mark.parametrize("packed", [False, True])
async def test_a_document_is_seen_as_it_comes(site, packed):
    one, _ = await site()
    go_on = asyncio.Event()

    async def answering(_message, _reader, writer):
        made = gzip.zlib.compressobj(wbits=31 if packed else -15)
        coding = b"Content-Encoding: gzip\r\n" if packed else b""
        writer.write(b"HTTP/1.1 200 OK\r\n%b\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (HTML, coding))
        for piece, last in ((PAGE[:40], False), (PAGE[40:], True)):
            data = piece
            if packed:
                data = made.compress(piece) + made.flush(gzip.zlib.Z_FINISH if last else gzip.zlib.Z_SYNC_FLUSH)
            writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            if not last:
                await go_on.wait()
        writer.write(b"0\r\n\r\n")

    one.upstream.answering = answering
    client = await one.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: crm.contoso.com\r\n" + one.cookie + OLD + b"Accept-Encoding: gzip\r\n\r\n")
    async with asyncio.timeout(HANG):
        head = await client.reader.readuntil(b"\r\n\r\n")
        size = int((await client.reader.readuntil(b"\r\n")), 16)
        first = await client.reader.readexactly(size)
    reader = gzip.zlib.decompressobj(31) if packed else None
    assert (reader.decompress(first) if reader else first).startswith(b"<!doctype html><html><head>" + TAG)
    assert (b"Content-Encoding: gzip" in head) is packed
    go_on.set()
    assert await client.reader.readuntil(b"0\r\n\r\n")


async def test_a_document_that_breaks_off_is_cut(site):
    one, ask = await site()

    async def answering(_message, _reader, writer):
        writer.write(zipped(PAGE * 9)[:-12] + b"x" * 12)

    one.upstream.answering = answering
    assert (await ask(b"/", b"Accept-Encoding: gzip\r\n")).status == 502
    client = await one.connect()

    async def cut(_message, _reader, writer):
        coded = gzip.compress(PAGE * 9)
        writer.write(
            b"HTTP/1.1 200 OK\r\n%b\r\nContent-Encoding: gzip\r\nContent-Length: 5000\r\n\r\n%b" % (HTML, coded)
        )
        await writer.drain()
        return False

    one.upstream.answering = cut
    client.send(b"GET / HTTP/1.1\r\nHost: crm.contoso.com\r\n" + one.cookie + OLD + b"\r\n")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await client.answer()
