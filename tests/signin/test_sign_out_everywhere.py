"""Sign-out everywhere: with access token management always, on demand without; in one organization or in all."""

import asyncio

import pytest

from proxy.pages.texts import Page
from support.browser import Browser
from support.patience import HANG
from support.world import custom, free_port

SESSION = "claims-session"
WIDE = "/.claims/sign-out?everywhere"


@pytest.fixture
async def both(world, browser, other_browser, steps, request):
    """A world in which alice is signed in in two browsers; parametrize with the switch's position."""
    one = steps(await world(**custom(nonce=getattr(request, "param", False))))
    for each in (browser, other_browser):
        await each.sign_in(one.world.url("/main.aspx"))
    return one


async def is_in(one, browser, path="/api/data/v9.2/WhoAmI") -> bool:
    return (await browser.fetch(one.world.url(path))).status == 200


async def sign_out(one, browser, path="/.claims/sign-out", origin=None):
    answer = await browser.fetch(one.world.url(path), "POST", headers={"Origin": origin or one.world.url("")})
    assert answer.status == (303 if origin is None else 403)
    return answer


SWITCH = pytest.mark.parametrize("both", [False, True], ids=["off", "on"], indirect=True)
ON = pytest.mark.parametrize("both", [True], ids=["on"], indirect=True)


@SWITCH
async def test_with_the_switch_a_sign_out_ends_every_session_of_the_person(both, browser, other_browser):
    on = both.world.keys["server_settings"]["WSFedNonceCookieEnabled"]
    async with Browser() as third:
        await third.sign_in(both.world.url("/main.aspx"), "bob")
        await sign_out(both, browser)
        assert not await is_in(both, browser)
        assert await is_in(both, other_browser) is not on
        assert await is_in(both, third), "bob is somebody else"


@SWITCH
async def test_coming_back_in_another_browser_takes_credentials(both, other_browser, browser, clock):
    await sign_out(both, browser, WIDE)
    refused = await other_browser.fetch(both.world.url("/api/data/v9.2/WhoAmI"))
    assert (refused.status, refused.json()["error"]) == (401, "signed_out")
    clock.advance(1)
    page = await other_browser.open(both.world.url("/main.aspx"))
    assert page.form_with("Password") is not None, "its own single sign-on at the provider is not enough"
    clock.advance(1)
    assert (await other_browser.complete_sign_in(page)).status == 200
    assert await is_in(both, other_browser)


async def test_on_demand_everything_ends_without_the_switch(both, browser, other_browser):
    await sign_out(both, browser, WIDE)
    assert (await is_in(both, browser), await is_in(both, other_browser)) == (False, False)


@pytest.mark.parametrize("both", [True], ids=["on"], indirect=True)
async def test_it_is_so_from_a_browser_whose_own_session_has_run_out(both, browser, other_browser, clock):
    clock.advance(1800)
    other_browser.forget(SESSION)
    await other_browser.sign_in(both.world.url("/main.aspx"))
    clock.advance(1800)
    refused = await browser.fetch(both.world.url("/api/data/v9.2/WhoAmI"))
    assert refused.json()["error"] == "token_lifetime"
    assert await is_in(both, other_browser)
    await sign_out(both, browser)
    assert not await is_in(both, other_browser)
    clock.advance(1)
    page = await other_browser.open(both.world.url("/main.aspx"))
    assert page.form_with("Password") is not None


@SWITCH
async def test_a_session_that_was_signed_out_signs_nobody_out_again(both, browser, other_browser, clock):
    cookie = browser.cookie(SESSION)
    await sign_out(both, browser, WIDE)
    clock.advance(1)
    await other_browser.complete_sign_in(await other_browser.open(both.world.url("/main.aspx")))
    browser.cookies.take(browser.page.url, f"{SESSION}={cookie}; Path=/")
    await sign_out(both, browser, WIDE)
    assert await is_in(both, other_browser)


async def test_it_is_asked_for_first_and_done_by_our_own_origin_alone(both, browser, other_browser):
    page = await browser.open(both.world.url(WIDE))
    assert (page.status, both.shows(page, Page.SIGN_OUT_EVERYWHERE)) == (200, True)
    assert page.forms[0].action == "/.claims/sign-out?everywhere"
    await sign_out(both, browser, WIDE, origin="https://evil.example")
    assert (await is_in(both, browser), await is_in(both, other_browser)) == (True, True)
    await browser.submit(page.forms[0])
    assert (await is_in(both, browser), await is_in(both, other_browser)) == (False, False)


async def test_the_page_of_a_sign_out_offers_it(both, browser):
    page = await browser.open(both.world.url("/.claims/sign-out"))
    assert (both.shows(page, Page.SIGN_OUT), page.forms[0].action) == (True, "/.claims/sign-out")
    assert 'href="/.claims/sign-out?everywhere"' in page.text
    assert both.shows(await browser.follow("/.claims/sign-out?everywhere"), Page.SIGN_OUT_EVERYWHERE)


@ON
async def test_the_page_says_so_where_every_sign_out_is_one(both, browser):
    page = await browser.open(both.world.url("/.claims/sign-out"))
    assert both.shows(page, Page.SIGN_OUT_EVERYWHERE)
    assert page.forms[0].action == "/.claims/sign-out"
    assert "?everywhere" not in page.text


@ON
async def test_a_callback_under_way_brings_nothing_back(both, browser, clock):
    """The code was given before the sign-out, and is redeemed after it."""
    async with Browser() as third:
        await third.open(both.world.url("/main.aspx"))
        form = third.page.form_with("UserName")
        typed = form.fields | {"UserName": "alice@contoso.com", "Password": "any will do"}
        answer = await third.fetch(form.action, "POST", data=typed)
        clock.advance(1)
        await sign_out(both, browser)
        clock.advance(1)
        page = await third.open(answer.last.location)
        assert page.form_with("Password") is not None
        assert not await is_in(both, third)


@pytest.mark.parametrize(("scope", "left"), [("organization", 200), ("all", 401)])
async def test_the_setting_says_how_far_it_reaches(world, browser, other_browser, scope, left):
    organizations = [
        {"name": name, "path": f"/{name}", "hosts": ["127.0.0.1"], "upstream": "http://127.0.0.1:9"}
        for name in ("contoso", "fabrikam")
    ]
    one = await world(organizations=organizations, sign_out={"everywhere": scope})
    for path in ("/contoso/main.aspx", "/fabrikam/main.aspx"):
        await browser.sign_in(one.url(path))
        await other_browser.sign_in(one.url(path))
    origin = {"Origin": one.url("")}
    assert (await browser.fetch(one.url("/contoso" + WIDE), "POST", headers=origin)).status == 303
    for each in (browser, other_browser):
        found = [(await each.fetch(one.url(f"/{name}/.claims/session"))).status for name in ("contoso", "fabrikam")]
        assert found == [401, left]


async def test_it_holds_at_every_node(world, browser, other_browser, redis_url):
    one = await world(state=redis_url, **custom(nonce=True))
    port = (await one.start_proxy(free_port())).port
    for each in (browser, other_browser):
        await each.sign_in(one.url("/main.aspx"))
    carried = (f"{name}={other_browser.cookie(name)}" for name in (SESSION, "claims-nonce"))
    cookie = {"Cookie": "; ".join(carried)}
    elsewhere = f"http://127.0.0.1:{port}/api/data/v9.2/WhoAmI"
    assert (await other_browser.fetch(elsewhere, headers=cookie)).status == 200
    await browser.fetch(one.url("/.claims/sign-out"), "POST", headers={"Origin": one.url("")})
    async with asyncio.timeout(HANG):
        while (refused := await other_browser.fetch(elsewhere, headers=cookie)).status == 200:
            pass
    assert (refused.status, refused.json()["error"]) == (401, "signed_out")


async def test_a_store_that_is_down_signs_nobody_out_and_says_so(world, browser, steps, own_redis):
    one = steps(await world(state=own_redis.url))
    await browser.sign_in(one.world.url("/main.aspx"))
    own_redis.stop()
    page = await browser.fetch(one.world.url(WIDE), "POST", headers={"Origin": one.world.url("")})
    assert (page.status, one.shows(page, Page.STORE_UNAVAILABLE)) == (503, True)
    assert browser.cookie(SESSION)
