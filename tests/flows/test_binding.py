"""A cookie jar carried to another browser."""

import copy

import pytest

from support.browser import CHROME, Browser
from support.ports import free_port
from support.world import custom

WHO = "/api/data/v9.2/WhoAmI"
SESSION, NONCE = "claims-session", "claims-nonce"
HINTS = {"Sec-CH-UA": '"Chromium";v="{}", "Not=A?Brand";v="24"', "Sec-CH-UA-Platform": '"Windows"'}


def hints(version=140, platform='"Windows"'):
    return {"Sec-CH-UA": HINTS["Sec-CH-UA"].format(version), "Sec-CH-UA-Platform": platform}


def steal(owner: Browser, thief: Browser) -> None:
    thief.cookies.cookies = copy.copy(owner.cookies.cookies)


@pytest.mark.parametrize("federated", [False, True], ids=["oidc", "ws-federation"])
async def test_a_sign_in_leaves_a_nonce_that_stays_with_the_browser(world, browser, state, federated):
    one = await world(state=state, federated=federated, **custom(nonce=True))
    assert (await browser.sign_in(one.url("/main.aspx"))).status == 200
    [first, *_] = [hop.set_cookies for hop in browser.hops if any(NONCE in each for each in hop.set_cookies)]
    assert all("HttpOnly" in each and "SameSite=Lax" in each for each in first if NONCE in each)
    nonce, session = browser.cookie(NONCE), browser.cookie(SESSION)
    assert len(nonce) >= 43
    browser.forget(SESSION)
    await browser.sign_in(one.url("/main.aspx"))
    assert browser.cookie(NONCE) == nonce
    assert browser.cookie(SESSION) != session
    assert (await browser.fetch(one.url(WHO))).status == 200


@pytest.mark.parametrize("nonce", [True, False], ids=["on", "off"])
async def test_a_stolen_session_cookie_is_refused_with_the_switch_on_and_passes_with_it_off(  # noqa: PLR0917
    world, browser, other_browser, clock, state, nonce
):
    one = await world(state=state, **custom(nonce=nonce))
    await browser.sign_in(one.url("/main.aspx"))
    steal(browser, other_browser)
    other_browser.forget(NONCE)
    answer = await other_browser.fetch(one.url(WHO))
    assert answer.status == (401 if nonce else 200)
    if nonce:
        assert answer.json()["error"] == "binding_broken"
        # The session is no more, for its owner neither: who took it must not keep what he has.
        assert (await browser.fetch(one.url(WHO))).json()["error"] == "binding_broken"
        clock.advance(1)
        page = await browser.sign_in(one.url("/main.aspx"))
        assert page.status == 200
        assert any("prompt=login" in str(hop.url) for hop in page.hops + tuple(browser.hops[-6:]))
    assert (await browser.fetch(one.url(WHO))).status == 200


@pytest.mark.parametrize("nonce", [True, False], ids=["on", "off"])
async def test_a_whole_jar_in_another_kind_of_browser(world, browser, state, nonce):
    one = await world(state=state, **custom(nonce=nonce))
    await browser.sign_in(one.url("/main.aspx"))
    async with Browser(user_agent=CHROME.replace("Windows NT 10.0; Win64; x64", "X11; Linux x86_64")) as thief:
        steal(browser, thief)
        assert (await thief.fetch(one.url(WHO))).status == (401 if nonce else 200)


async def test_an_upgrade_and_absent_hints_change_nothing(world, browser, state):
    one = await world(state=state, **custom(nonce=True))
    await browser.sign_in(one.url("/main.aspx"))
    for headers in (hints(140), hints(141), {}, {"User-Agent": CHROME.replace("140", "141")}):
        assert (await browser.fetch(one.url(WHO), headers=headers)).status == 200
    assert (await browser.fetch(one.url(WHO), headers={"User-Agent": ""})).json()["error"] == "binding_broken"


async def test_flipping_the_switch_signs_nobody_out(world, browser, other_browser, redis_url):
    off = await world(state=redis_url)
    await browser.sign_in(off.url("/main.aspx"))
    # A proxy of the same store, with the switch on: what was recorded before is enforced now.
    off.keys |= custom(nonce=True)
    on = await off.start_proxy(free_port())
    url = f"http://127.0.0.1:{on.port}{WHO}"
    assert (await browser.fetch(url)).status == 200
    steal(browser, other_browser)
    other_browser.forget(NONCE)
    assert (await other_browser.fetch(url)).json()["error"] == "binding_broken"


async def test_the_page_s_endpoints_tell_another_browser_nothing(world, browser, other_browser, state):
    one = await world(state=state, **custom(inactivity=10, nonce=True))
    await browser.sign_in(one.url("/main.aspx"))
    steal(browser, other_browser)
    await other_browser.fetch(one.url("/favicon.ico"), cookies=False)
    other_browser.forget(NONCE)
    answer = await other_browser.fetch(one.url("/.claims/session"))
    assert (answer.status, answer.json()) == (401, {"state": "ended", "reason": "binding_broken"})
    assert (await browser.fetch(one.url("/.claims/session"))).json()["state"] == "live"


async def test_tabs_that_sign_in_at_once_end_with_a_session_and_its_own_nonce(world, browser):
    one = await world(**custom(nonce=True))
    first = await browser.open(one.url("/main.aspx"))
    browser.forget(NONCE)
    await browser.open(one.url("/main.aspx?second"))
    browser.page = first
    assert (await browser.complete_sign_in(first)).status == 200
    assert (await browser.fetch(one.url(WHO))).status == 200


async def test_a_session_holds_in_its_network_alone_where_that_is_asked_for(world, browser):
    networks = {"binding": {"bind_to_network": "/24,/56"}, "listen": {"trusted_proxies": ["127.0.0.1"]}}
    one = await world(**custom(nonce=True), **networks)
    await browser.sign_in(one.url("/main.aspx"))
    assert (await browser.fetch(one.url(WHO), headers={"X-Forwarded-For": "127.0.0.9"})).status == 200
    answer = await browser.fetch(one.url(WHO), headers={"X-Forwarded-For": "198.51.100.1"})
    assert answer.json()["error"] == "binding_broken"


async def test_a_response_carried_to_another_browser_is_refused_in_so_many_words(world, browser, other_browser):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"))
    [answer] = [str(hop.url) for hop in browser.hops if "/.claims/callback" in str(hop.url)]
    page = await other_browser.open(answer)
    assert page.status == 403
    assert "started in another browser" in page.text
