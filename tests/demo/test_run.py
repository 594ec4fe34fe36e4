"""The whole demonstration in one process: sign in as Alice, read the accounts, sign out."""

import asyncio
import io

import aiohttp
import pytest
from rich.console import Console

from proxy.demo.run import instructions, serve_demo, serve_part
from proxy.demo.stage import Part, Places
from proxy.model.provider import Protocol
from support.browser import Browser
from support.patience import HANG


def printed(panel):
    console = Console(file=io.StringIO(), width=120)
    console.print(panel)
    return console.file.getvalue()


def test_the_instructions_are_numbered_and_name_the_places():
    text = printed(instructions(Places("127.0.0.1", 18080), "/.claims"))
    assert all(f" {number}. " in text for number in range(1, 9))
    for place in (
        "http://127.0.0.1:18080/main.aspx",
        "http://127.0.0.1:18080/.claims/sign-out",
        "http://127.0.0.1:18081/adfs/demo/rollover",
        "http://127.0.0.1:18082/main.aspx",
    ):
        assert place in text


async def said(console, words, serving):
    """Waits until the words are printed, or raises what ended the serving."""
    async with asyncio.timeout(HANG):
        while words not in console.file.getvalue():
            if serving.done():
                serving.result()
            await asyncio.sleep(0.02)


@pytest.fixture
async def demo(clock, free_places):
    where, stop = free_places, asyncio.Event()
    console = Console(file=io.StringIO(), width=120)
    serving = asyncio.create_task(serve_demo(where, console, clock, stop))
    await said(console, "the demonstration", serving)
    yield where
    stop.set()
    await serving


async def test_alice_signs_in_reads_the_accounts_and_leaves_no_port_behind(demo):
    navigation = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers=navigation) as browser:
        async with browser.get(f"{demo.proxy}/main.aspx") as response:
            assert response.url.path == "/adfs/oauth2/authorize/"
            sign_in = response.url
        form = {"UserName": "alice@contoso.com", "Password": "x"}
        async with browser.post(sign_in, data=form) as response:
            assert (response.status, str(response.url)) == (200, f"{demo.proxy}/main.aspx")
            assert "Alice Ng" in await response.text()
        async with browser.get(f"{demo.proxy}/api/data/v9.2/accounts") as response:
            assert len((await response.json())["value"]) == 8


@pytest.mark.parametrize(("part", "path"), [(Part.PROVIDER, "/adfs/.well-known/openid-configuration"), (Part.CRM, "/")])
async def test_a_part_says_where_it_is_and_answers_there(clock, free_places, part, path):
    stop, console = asyncio.Event(), Console(file=io.StringIO(), width=120)
    serving = asyncio.create_task(serve_part(part, free_places, console, clock, stop))
    await said(console, f"{part}: ", serving)
    origin = free_places.adfs if part is Part.PROVIDER else free_places.crm
    assert f"{part}: {origin}" in console.file.getvalue()
    async with aiohttp.ClientSession() as session, session.get(f"{origin}{path}") as response:
        assert response.status == 200
    stop.set()
    await serving


async def test_the_same_by_ws_federation_with_encrypted_tokens(clock, free_places):
    where, stop = free_places, asyncio.Event()
    console = Console(file=io.StringIO(), width=120)
    serving = asyncio.create_task(serve_demo(where, console, clock, stop, protocol=Protocol.WS_FEDERATION))
    await said(console, "the demonstration", serving)
    try:
        async with Browser() as browser:
            page = await browser.sign_in(f"{where.proxy}/main.aspx", "alice")
            assert (page.status, str(page.url)) == (200, f"{where.proxy}/main.aspx")
            asked = [hop for hop in browser.hops if hop.url.path == "/adfs/ls/"]
            assert "EncryptedData" in asked[-1].text
            metadata = await browser.fetch(f"{where.proxy}/.claims/federation-metadata.xml")
            assert f"{where.proxy}/.claims/wsfed" in metadata.text
    finally:
        stop.set()
        await serving
