"""Organizations side by side: by path on one host, with rules of their own, and what outlives no session."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from support.browser import Browser
from support.patience import HANG
from support.world import custom, free_port, served

SESSION = "claims-session"


def by_path(upstream_of) -> list[dict[str, object]]:
    """Two organizations on one host, as with claims alone; `contoso` is also the host's root."""
    shared = {"hosts": ["127.0.0.1"], "upstream": upstream_of}
    return [
        {"name": "contoso", "path": "/contoso", "root": True, **shared},
        {"name": "fabrikam", "path": "/fabrikam", "require": [{"claim": "group", "values": "Service"}], **shared},
    ]


async def who_am_i(request: web.Request) -> web.Response:
    return web.json_response({"path": request.path, "user": request.headers.get("X-Forwarded-User")})


@pytest.fixture
async def two(world):
    upstream, port = web.Application(), free_port()
    upstream.router.add_route("*", "/{path:.*}", who_am_i)
    async with served(upstream, port):
        yield await world(organizations=by_path(f"http://127.0.0.1:{port}"))


async def test_each_organization_of_a_host_has_a_session_of_its_own(two, browser):
    page = await browser.sign_in(two.url("/contoso/main.aspx"), "bob")
    assert (page.status, str(page.url)) == (200, two.url("/contoso/main.aspx"))
    assert browser.cookie(f"{SESSION}-fabrikam") is None
    page = await browser.open(two.url("/fabrikam/main.aspx"))
    assert (page.status, str(page.url)) == (200, two.url("/fabrikam/main.aspx"))
    assert browser.cookie(f"{SESSION}-contoso") != browser.cookie(f"{SESSION}-fabrikam")


async def test_a_session_opens_no_other_organization(two, browser):
    await browser.sign_in(two.url("/contoso/main.aspx"), "bob")
    planted = {"Cookie": f"{SESSION}-fabrikam={browser.cookie(f'{SESSION}-contoso')}"}
    refused = await browser.fetch(two.url("/fabrikam/main.aspx"), headers=planted, cookies=False)
    assert (refused.status, refused.json()["error"]) == (401, "no_session")


async def test_who_does_not_meet_a_rule_gets_a_page_and_who_does_gets_in(two, browser, other_browser):
    page = await browser.sign_in(two.url("/fabrikam/main.aspx"), "alice")
    assert page.status == 403
    assert "reference" in page.text
    assert (await other_browser.sign_in(two.url("/fabrikam/main.aspx"), "bob")).status == 200


async def test_what_no_prefix_claims_is_the_root_s(two, browser):
    page = await browser.sign_in(two.url("/main.aspx"), "bob")
    assert page.status == 200
    assert browser.cookie(f"{SESSION}-contoso")


async def test_an_unknown_host_is_nobody_s(world, browser):
    one = await world()
    page = await browser.open(f"http://elsewhere.example:{one.port}/main.aspx")
    assert page.status == 421
    assert "elsewhere" not in page.text


async def test_anonymous_paths_pass_without_a_session_and_their_neighbours_do_not(world, browser):
    one = await world(organization={"anonymous": ["/XRMServices/2011/Discovery.svc"]})
    assert (await browser.fetch(one.url("/XRMServices/2011/Discovery.svc"))).status != 401
    assert (await browser.fetch(one.url("/XRMServices/2011/Organization.svc"))).status == 401


async def open_socket(one, browser, client):
    headers = {"Cookie": f"{SESSION}={browser.cookie(SESSION)}", "Origin": one.url("")}
    return await client.ws_connect(one.url("/live"), headers=headers)


async def closed_with(socket) -> int:
    """The code of the close frame that comes within 5 seconds."""
    async with asyncio.timeout(HANG):
        while (message := await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
            assert message.type is aiohttp.WSMsgType.TEXT, message
    return message.data


async def test_an_open_web_socket_ends_when_its_user_signs_out_in_another_tab(world, browser, state):
    one = await world(state=state)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    async with aiohttp.ClientSession() as client:
        socket = await open_socket(one, browser, client)
        await browser.open(one.url("/.claims/sign-out"))
        await browser.submit()
        assert await closed_with(socket) == 1008


async def test_an_open_web_socket_ends_with_the_session_s_time(world, browser, clock, state):
    one = await world(state=state, **custom(session=60))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    async with aiohttp.ClientSession() as client:
        socket = await open_socket(one, browser, client)
        clock.advance(60 * 60)
        assert await closed_with(socket) == 1008


async def test_an_event_stream_ends_with_the_session_s_time(world, browser, clock):
    one = await world(**custom(session=60))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    headers = {"Cookie": f"{SESSION}={browser.cookie(SESSION)}"}
    async with aiohttp.ClientSession() as client, client.get(one.url("/events"), headers=headers) as events:
        assert await events.content.readline()
        clock.advance(60 * 60)
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(events.content.read(), HANG)


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example"])
async def test_a_web_socket_of_another_site_is_refused(world, browser, origin):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"), "alice")
    headers = {"Cookie": f"{SESSION}={browser.cookie(SESSION)}"} | ({"Origin": origin} if origin else {})
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(one.url("/live"), headers=headers)
        assert refused.value.status == 403
        assert not (await open_socket(one, browser, client)).closed


async def test_two_people_in_one_organization_do_not_see_each_other(world, browser):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"), "alice")
    async with Browser() as other:
        await other.sign_in(one.url("/main.aspx"), "bob")
        mine, theirs = [
            (await each.fetch(one.url("/headers"), headers={"Accept": "application/json"})).text
            for each in (browser, other)
        ]
    assert "alice@contoso.com" in mine
    assert "bob@contoso.com" not in mine
    assert "bob@contoso.com" in theirs
