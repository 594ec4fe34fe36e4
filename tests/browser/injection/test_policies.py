"""Policies of pages, and pages that the script does not reach, over real sockets."""

import pytest
from structlog.testing import capture_logs

from proxy.gateway import relay
from support.injected import TAG, nonce_of, page, zipped
from support.raw_http import ok

PAGE = b"<!doctype html><html><head><title>a</title></head><body>b</body></html>"
SCRIPTS = b" ".join(b"http://crm.contoso.com/.claims/session-%b.js" % name for name in (b"watch", b"screens", b"hints"))
TO = b" ".join(b"http://crm.contoso.com/.claims/" + name for name in (b"session", b"activity", b"events", b"texts/"))
CSP = b"Content-Security-Policy: "


async def test_a_page_without_a_policy_gets_none(site):
    one, ask = await site()
    one.upstream.reply = page(PAGE)
    answer = await ask()
    assert answer.values("Content-Security-Policy") == []
    assert TAG in answer.body


async def test_a_policy_lets_the_script_and_its_endpoints_in(site):
    one, ask = await site()
    report_only = b"Content-Security-Policy-Report-Only: default-src 'none'"
    one.upstream.reply = page(PAGE, CSP + b"default-src 'none'; img-src a", report_only, b'ETag: "e"')
    answer = await ask()
    assert TAG in answer.body
    assert answer.value("Content-Security-Policy") == (
        b"default-src 'none'; img-src a; script-src-elem %b; connect-src %b" % (SCRIPTS, TO)
    )
    assert answer.value("Content-Security-Policy-Report-Only") == b"default-src 'none'"
    assert answer.values("ETag") != []


async def test_the_tag_carries_the_pages_nonce(site):
    one, ask = await site()
    one.upstream.reply = page(PAGE, CSP + b"script-src 'nonce-cGFnZQ' 'strict-dynamic'")
    answer = await ask()
    assert nonce_of(answer.body) == b"cGFnZQ"
    assert answer.value("Content-Security-Policy") == b"script-src 'nonce-cGFnZQ' 'strict-dynamic'"


async def test_or_one_of_ours_and_then_no_copy_is_taken_for_good(site):
    one, ask = await site()
    one.upstream.reply = page(PAGE, CSP + b"script-src 'sha256-YQ==' 'strict-dynamic'", b'ETag: "e"')
    answer = await ask()
    assert nonce_of(answer.body) == b"b3Vycw"
    assert answer.value("Content-Security-Policy") == b"script-src 'sha256-YQ==' 'strict-dynamic' 'nonce-b3Vycw'"
    assert answer.values("ETag") == []


async def test_several_lines_stay_several(site):
    one, ask = await site()
    one.upstream.reply = page(
        PAGE, CSP + b"script-src 'self', img-src a", b"X-A: 1", CSP.lower() + b"script-src 'none'"
    )
    answer = await ask()
    assert answer.values("Content-Security-Policy") == [b"script-src 'self', img-src a", b"script-src " + SCRIPTS]
    assert TAG in answer.body


async def test_a_policy_in_the_document_lets_in_what_comes_later(site):
    one, ask = await site()
    meta = b"<meta http-equiv='Content-Security-Policy' content=\"script-src 'self'; connect-src 'none'\">"
    one.upstream.reply = page(PAGE.replace(b"<title>", meta + b"<title>"))
    body = (await ask()).body
    assert b'content="script-src &#x27;self&#x27;; connect-src %b">' % TO in body
    assert body.index(TAG) < body.index(b"<meta")


async def test_an_organization_at_a_path_has_its_own_mount(site):
    one, ask = await site(path="/contoso")
    one.upstream.reply = page(PAGE, CSP + b"script-src 'none'")
    answer = await ask(b"/contoso/main.aspx")
    assert b'<head><script src="/contoso/.claims/session-watch.js"></script>' in answer.body
    assert answer.value("Content-Security-Policy").endswith(SCRIPTS.replace(b"com/", b"com/contoso/"))


def told(logs):
    return [(line["reason"], line["path"]) for line in logs if line["event"] == "script_not_injected"]


UNREACHED = [
    (ok(PAGE, b"Content-Type: text/html; charset=utf-16"), "charset"),
    (ok(PAGE, b"Content-Type: text/html; charset='ISO-2022-JP'"), "charset"),
    (page(b"\xff\xfe<\0h\0"), "charset"),
    (page(PAGE, b"Content-Encoding: br"), "content_coding"),
    (page(PAGE, b"Content-Encoding: gzip, gzip"), "content_coding"),
    (page(PAGE, b"Cache-Control: private, no-transform"), "no_transform"),
    (page(PAGE, b"Integrity-Policy: blocked-destinations=(script)"), "integrity_policy"),
    (page(PAGE, CSP + b"sandbox"), "sandbox"),
    (page(b"<!--" + b"x" * 70_000 + b"-->" + PAGE), "preamble_too_long"),
    (ok(b"<a/>", b"Content-Type: application/xhtml+xml"), "no_head"),
]


@pytest.mark.parametrize(("reply", "why"), UNREACHED)
async def test_a_page_that_it_does_not_reach_is_as_it_was_and_told_of_once(site, reply, why):
    one, ask = await site()
    one.upstream.reply = reply
    with capture_logs() as logs:
        for number in (b"1", b"23", b"23"):
            answer = await ask(b"/a/%b/B5A50C7A-0B0C-4F13-8A1C-0E7E4A5D1C11?x=secret" % number)
            assert answer.body == reply.partition(b"\r\n\r\n")[2]
    assert told(logs) == [(why, "/a/*/*")]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "windows-1252", "iso-8859-1", "shift_jis", "gb18030", "nonsense"])
async def test_most_charsets_it_reaches(site, charset):
    one, ask = await site()
    one.upstream.reply = ok(PAGE, b'Content-Type: text/html; charset="%b"' % charset.encode())
    with capture_logs() as logs:
        assert TAG in (await ask()).body
    assert told(logs) == []


async def test_the_log_is_bounded(site):
    one, ask = await site()
    one.upstream.reply = page(PAGE, CSP + b"sandbox")
    names = [chr(first) + chr(second) for first in range(97, 123) for second in range(97, 123)]
    with capture_logs() as logs:
        for name in names:
            await ask(f"/{name}".encode())
    assert len(told(logs)) == 512
    assert len(names) > 512


async def test_a_bomb_is_passed_on_without_being_held(site, monkeypatch):
    one, ask = await site()
    sizes: list[int] = []
    send = relay.send

    async def noting(request, data):
        sizes.append(len(data))
        await send(request, data)

    monkeypatch.setattr(relay, "send", noting)
    one.upstream.reply = zipped(PAGE + bytes(8_000_000))
    answer = await ask()
    assert answer.values("Content-Encoding") == []
    assert len(answer.body) == len(PAGE) + len(TAG) + 8_000_000
    assert max(sizes) < 200_000
