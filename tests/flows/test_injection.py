"""The page's script in the pages of a whole world, and nothing of it elsewhere."""

import aiohttp
import pytest

from support.patience import HANG
from support.world import custom

TAG = '<script src="/.claims/session-watch.js"></script>'
CONTEXT = "/WebResources/ClientGlobalContext.js.aspx"
AS_SCRIPT = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}


def injecting(where: str = "documents", **organization):
    return {"organization": {"browser": {"inject": where}, **organization}}


async def test_pages_carry_the_script_first_thing_in_their_head(world, browser, state):
    one = await world(state=state, **injecting())
    page = await browser.sign_in(one.url("/main.aspx"), "alice")
    head = page.text.index("<head>")
    assert page.text[head:].startswith(f"<head>{TAG}")
    assert page.text.count(TAG) == 1
    assert "Content-Length" not in page.headers
    again = await browser.open(one.url("/main.aspx"))
    assert again.text.count(TAG) == 1


async def test_web_resources_that_include_the_global_context_are_covered(world, browser):
    one = await world(**injecting("global-context"))
    page = await browser.sign_in(one.url("/main.aspx"), "alice")
    assert TAG not in page.text
    script = await browser.fetch(one.url(CONTEXT), headers=AS_SCRIPT)
    assert '("/.claims/session-watch.js");' in script.text
    assert "GetGlobalContext" in script.text


@pytest.mark.parametrize("where", ["documents", "none"])
async def test_what_is_no_page_passes_as_it_is(world, browser, where):
    one = await world(**injecting(where))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    answer = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    assert "session-watch" not in answer.text
    download = await browser.fetch(one.url("/download?bytes=100000"))
    assert download.headers["Content-Length"] == "100000"
    style = await browser.fetch(one.url("/WebResources/contoso/crm.css"))
    assert "session-watch" not in style.text


async def test_a_web_socket_is_none_of_its_business(world, browser):
    one = await world(**injecting())
    await browser.sign_in(one.url("/main.aspx"), "alice")
    headers = {"Cookie": f"claims-session={browser.cookie('claims-session')}", "Origin": one.url("").rstrip("/")}
    async with aiohttp.ClientSession() as http, http.ws_connect(one.url("/live"), headers=headers) as socket:
        await socket.send_str("hello")
        said = [await socket.receive_str(timeout=HANG) for _ in range(2)]
        assert any("hello" in each for each in said)


async def test_exempt_clients_see_no_dialog(world, browser, other_browser):
    rule = {"kind": "live_assist", "path": "/WebResources"}
    limits = custom(session=90, inactivity=15)
    one = await world(
        **(limits | {"organization": limits["organization"] | injecting(exempt_clients=[rule])["organization"]})
    )
    exempt = await browser.sign_in(one.url("/WebResources/polling.html"), "alice")
    assert TAG not in exempt.text
    everybody = await other_browser.sign_in(one.url("/main.aspx"), "alice")
    assert TAG in everybody.text
