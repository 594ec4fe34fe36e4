"""Signing out: asked first, done by our own origin alone, and never said where it was not done."""

from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from proxy.pages.texts import Page
from support.world import custom, free_port

SESSION = "claims-session"


@pytest.fixture
async def signed_in(world, browser, steps):
    """A world, in which the browser is signed in."""
    one = steps(await world())
    await browser.sign_in(one.world.url("/main.aspx"))
    return one


async def is_in(one, browser) -> bool:
    return (await browser.fetch(one.world.url("/api/data/v9.2/WhoAmI"))).status == 200


def post(one, browser, **headers: str):
    """The POST of the sign-out page, with these headers more."""
    return browser.fetch(one.world.url("/.claims/sign-out"), "POST", headers=headers)


def own(one) -> str:
    return one.world.url("")


async def test_a_get_asks_and_ends_nothing(signed_in, browser):
    page = await browser.open(signed_in.world.url("/.claims/sign-out"))
    assert (page.status, signed_in.shows(page, Page.SIGN_OUT)) == (200, True)
    assert not page.last.set_cookies
    assert page.forms[0].action == "/.claims/sign-out"
    assert await is_in(signed_in, browser)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_no_other_method_ends_anything(signed_in, browser, method):
    answer = await browser.fetch(signed_in.world.url("/.claims/sign-out"), method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert await is_in(signed_in, browser)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:1", "https", "slash", "upper"]
)
async def test_no_other_site_signs_anybody_out(signed_in, browser, origin):
    ours = own(signed_in)
    made = {"https": ours.replace("http:", "https:"), "slash": f"{ours}/", "upper": ours.upper()}
    page = await post(signed_in, browser, Origin=made.get(origin, origin))
    assert (page.status, signed_in.shows(page, Page.FORBIDDEN)) == (403, True)
    assert not page.last.set_cookies
    assert await is_in(signed_in, browser)
    assert (await post(signed_in, browser, Origin=ours)).status == 303
    assert not await is_in(signed_in, browser)


async def test_without_an_origin_nobody_is_signed_out(signed_in, browser):
    cookie = {"Cookie": f"{SESSION}={browser.cookie(SESSION)}"}
    browser.page = None
    page = await browser.fetch(
        signed_in.world.url("/.claims/sign-out"), "POST", headers=cookie | {"Sec-Fetch-Site": "same-origin"}
    )
    assert "Origin" not in page.last.sent
    assert page.status == 403
    assert await is_in(signed_in, browser)


async def test_signing_out_goes_on_at_the_provider_with_the_hint(signed_in, browser):
    answer = await post(signed_in, browser, Origin=own(signed_in))
    address, _, query = answer.last.location.partition("?")
    given = parse_qs(query)
    assert (answer.status, address) == (303, f"{signed_in.world.adfs.state.issuer.url}/oauth2/logout")
    assert given["post_logout_redirect_uri"] == [signed_in.world.url("/.claims/signed-out")]
    assert given["id_token_hint"][0].count(".") == 2
    page = await browser.open(answer.last.location)
    assert signed_in.shows(page, Page.SIGNED_OUT)
    assert str(page.url).startswith(signed_in.world.url("/.claims/signed-out"))


async def test_signing_out_clears_the_browser(signed_in, browser):
    await signed_in.navigate(browser, signed_in.path("/other"))
    answer = await post(signed_in, browser, Origin=own(signed_in))
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert answer.headers["Cache-Control"] == "no-store"
    gone = {cookie.partition("=")[0] for cookie in answer.last.set_cookies}
    assert gone == {SESSION, "claims-cleanup", *(f"claims-login-{slot}" for slot in range(5))}
    assert browser.cookie(SESSION) is None


async def test_a_cookie_of_a_signed_out_session_opens_nothing(signed_in, browser):
    cookie = browser.cookie(SESSION)
    await post(signed_in, browser, Origin=own(signed_in))
    browser.cookies.take(browser.page.url, f"{SESSION}={cookie}; Path=/")
    assert not await is_in(signed_in, browser)


@pytest.mark.parametrize("cookie", [None, "junk"])
async def test_whoever_is_not_signed_in_sees_that_they_are_out(world, browser, steps, cookie):
    one = steps(await world())
    await browser.open(one.world.url("/.claims/sign-out"))
    if cookie:
        browser.cookies.take(browser.page.url, f"{SESSION}={cookie}; Path=/")
    answer = await post(one, browser, Origin=own(one))
    assert (answer.status, answer.last.location) == (303, one.world.url("/.claims/signed-out"))
    assert browser.cookie(SESSION) is None


@pytest.fixture
def without_end_session(monkeypatch):
    """The provider states no end-session endpoint."""
    asked = web.json_response

    def stated(document):
        return asked({name: value for name, value in document.items() if name != "end_session_endpoint"})

    monkeypatch.setattr("proxy.demo.adfs.web.json_response", stated)


async def test_a_provider_that_knows_no_sign_out_leaves_it_at_ours(without_end_session, signed_in, browser):
    answer = await post(signed_in, browser, Origin=own(signed_in))
    assert (answer.status, answer.last.location) == (303, signed_in.world.url("/.claims/signed-out"))
    assert not await is_in(signed_in, browser)
    assert signed_in.shows(await browser.open(answer.last.location), Page.SIGNED_OUT)


async def test_a_provider_that_is_down_keeps_nobody_signed_in(world, browser, steps, redis_url):
    one = steps(await world(state=redis_url))
    await browser.sign_in(one.world.url("/main.aspx"))
    # Another proxy over the same store, which has never reached the provider.
    one.world.keys["provider"] = {"issuer": "http://127.0.0.1:1/adfs"}
    origin = f"http://127.0.0.1:{(await one.world.start_proxy(free_port())).port}"
    await browser.open(f"{origin}/.claims/sign-out")
    assert one.shows(browser.page, Page.SIGN_OUT)
    cookie = browser.cookie(SESSION)
    answer = await browser.fetch(f"{origin}/.claims/sign-out", "POST", headers={"Origin": origin})
    assert (answer.status, answer.last.location) == (303, f"{origin}/.claims/signed-out")
    browser.cookies.take(browser.page.url, f"{SESSION}={cookie}; Path=/")
    assert (await browser.fetch(f"{origin}/api/data/v9.2/WhoAmI")).status == 401


async def test_a_store_that_is_down_signs_nobody_out_and_says_so(world, browser, steps, own_redis):
    one = steps(await world(state=own_redis.url))
    await browser.sign_in(one.world.url("/main.aspx"))
    own_redis.stop()
    page = await post(one, browser, Origin=own(one))
    assert (page.status, one.shows(page, Page.STORE_UNAVAILABLE)) == (503, True)
    assert page.headers["Retry-After"] == "5"
    assert not page.last.set_cookies
    assert "Clear-Site-Data" not in page.headers
    assert browser.cookie(SESSION)


async def test_the_page_afterwards_leads_back_in(signed_in, browser):
    page = await browser.open(signed_in.world.url("/.claims/signed-out"))
    assert (page.status, signed_in.shows(page, Page.SIGNED_OUT)) == (200, True)
    assert 'href="/.claims/sign-in?return=/"' in page.text
    assert not page.last.set_cookies
    assert await is_in(signed_in, browser), "whoever types its address is not signed out by it"


async def test_no_id_token_is_shown_to_the_page_of_ours(signed_in, browser):
    answer = await post(signed_in, browser, Origin=own(signed_in))
    hint = parse_qs(urlsplit(answer.last.location).query)["id_token_hint"][0]
    page = await browser.open(answer.last.location)
    assert hint not in str(page.url)
    assert hint not in page.text


@pytest.mark.parametrize(("minutes", "asked"), [(14, False), (16, True)])
async def test_signing_out_after_an_idle_limit_still_owes_credentials(world, browser, *, steps, clock, minutes, asked):
    limits = custom(inactivity=15)
    one = steps(await world(**limits))
    await browser.sign_in(one.world.url("/main.aspx"))
    clock.advance(minutes * 60)
    answer = await post(one, browser, Origin=own(one))
    assert answer.status == 303
    # The browser does not go to the provider, so only what is owed here keeps its single sign-on from being enough.
    page = await browser.open(one.world.url("/main.aspx"))
    assert (page.form_with("UserName") is not None) is asked
