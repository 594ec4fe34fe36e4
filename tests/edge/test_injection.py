"""With injection on, requests whose answer may be changed are the full lane's; all others stay in the fast one."""

from dataclasses import replace

import pytest

from proxy.model.organization import ScriptPlacement
from proxy.model.session import ClientKind, Live
from support.injected import TAG, injection, page, site
from support.lanes import ANSWERS, LAST, both_lanes, compare

__all__ = ["site"]

NAVIGATION = b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
BACKGROUND = b"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
SCRIPT = b"Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n"
CONTEXT = b"/WebResources/ClientGlobalContext.js.aspx"


@pytest.mark.parametrize(
    ("target", "kind", "is_full"),
    [
        (b"/", NAVIGATION, True),
        (b"/", BACKGROUND, False),
        (b"/a.js", SCRIPT, False),
        (CONTEXT, SCRIPT, True),
        (b"/api/data/v9.2/accounts", NAVIGATION, False),
        (b"/public/a", NAVIGATION, False),
    ],
)
async def test_which_lane_a_request_takes(site, to_full_lane, target, kind, is_full):
    one, ask = await site(anonymous=("/public",))
    one.upstream.reply = page(b"<head>")
    for _ in range(3):
        assert (await ask(target, kind=kind)).status == 200
    assert bool(to_full_lane) is is_full
    assert len(to_full_lane) == (3 if is_full else 0)


async def test_both_lanes_take_turns_on_one_connection(site, to_full_lane):
    one, ask = await site()
    one.upstream.reply = page(b"<head>")
    for kind, body in [(NAVIGATION, b"<head>" + TAG), (BACKGROUND, b"<head>")] * 3:
        assert (await ask(kind=kind)).body == body
    assert len(to_full_lane) == 3


async def test_exempt_clients_keep_the_fast_lane(site, to_full_lane):
    one, ask = await site()
    one.sessions.known["alice"] = Live(replace(one.session, client_kind=ClientKind.OUTLOOK), from_store=False)
    assert (await ask(kind=NAVIGATION)).status == 200
    assert to_full_lane == []


@pytest.mark.parametrize("kind", [NAVIGATION, BACKGROUND, b"Accept: text/html\r\n"], ids=["navigation", "fetch", "old"])
async def test_nobody_can_tell_the_lanes_apart(stage, kind):
    async with both_lanes(stage, inject=ScriptPlacement.DOCUMENTS, transform=injection()) as sites:
        for target in (*ANSWERS, CONTEXT, b"/public/a"):
            for method in (b"GET", b"HEAD", b"POST"):
                lines = b"Host: crm.contoso.com\r\nCookie: claims-session=alice\r\nContent-Length: 0\r\n"
                asked = b"%b %b HTTP/1.1\r\n%b%bAccept-Encoding: gzip\r\n\r\n" % (method, target, lines, kind)
                got = await compare(sites, [asked * 2 + LAST])
                assert (TAG in got[0]) is (target == b"/page" and kind != BACKGROUND and method != b"HEAD")
