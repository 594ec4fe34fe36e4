"""The way out to the provider: who is sent there, where they come back to, and what is asked."""

import re
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import pytest
from yarl import URL

from proxy.pages.texts import Page

SESSION = "claims-session"


def question(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def test_a_sign_in_asks_with_pkce_and_a_state_and_nonce_of_its_own(world, browser, steps):
    one = steps(await world())
    first, second = question(await one.start(browser)), question(await one.start(browser))
    assert first["redirect_uri"] == one.world.url("/.claims/callback")
    assert first["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert "prompt" not in first


async def test_a_login_cookie_is_for_ten_minutes_and_no_script(world, browser, steps):
    one = steps(await world())
    await one.start(browser)
    (cookie,) = [each for each in browser.hops[-1].set_cookies if re.match("claims-login-[0-4]=", each)]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"path=/", "httponly", "samesite=lax", "max-age=600"} <= attributes


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_sign_in_is_a_get(world, browser, steps, method):
    one = steps(await world())
    answer = await browser.fetch(one.path("/main.aspx"), method)
    assert answer.status == 405
    assert not answer.last.set_cookies
    assert await one.start(browser)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "\t//evil.example/",
        "/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "evil.example",
        "@evil.example/",
        "http:/evil.example",
    ],
)
@pytest.mark.parametrize("live", [True, False])
async def test_no_return_address_leads_off_the_host(world, browser, steps, wanted, live):
    one = steps(await world())
    await browser.sign_in(one.world.url("/main.aspx"))
    here = urlsplit(one.world.url("/")).netloc
    if live:
        answer = await one.navigate(browser, one.path(wanted))
    else:
        browser.forget(SESSION)
        one.world.clock.advance(21)
        answer = await one.navigate(browser, await one.answer(browser, wanted))
        assert browser.cookie(SESSION)
    assert answer.status == 302
    assert urlsplit(urljoin(str(answer.url), answer.last.location)).netloc == here
    assert "a=b" not in "".join(answer.last.set_cookies)


@pytest.mark.parametrize("wanted", ["/main.aspx?etn=account&id=%7B7%7D", "/", "/a//b"])
async def test_a_return_address_on_this_host_is_kept(world, browser, steps, wanted):
    one = steps(await world())
    await browser.sign_in(one.world.url("/main.aspx"))
    assert (await one.navigate(browser, one.path(wanted))).last.location == wanted


async def test_two_return_addresses_are_refused(world, browser, steps):
    one = steps(await world())
    page = await browser.open(f"{one.path('/main.aspx')}&return=/other")
    assert (page.status, one.shows(page, Page.BAD_REQUEST)) == (400, True)
    assert (await browser.open(one.path("/main.aspx"))).form_with("UserName")


async def test_without_a_return_address_it_is_the_organization_s_root(world, browser, steps):
    one = steps(await world())
    page = await browser.sign_in(one.world.url("/.claims/sign-in"))
    assert page.status == 200
    assert next(hop for hop in page.hops if hop.url.path == "/.claims/callback").location == "/"


@pytest.mark.parametrize("framed", ["iframe", "frame"])
async def test_a_frame_gets_a_page_that_leaves_it(world, browser, steps, framed):
    one = steps(await world())
    answer = await one.navigate(browser, one.path("/form.aspx"), **{"Sec-Fetch-Dest": framed})
    assert (answer.status, one.shows(answer, Page.FRAMED)) == (200, True)
    assert f'href="/.claims/sign-in?return={quote("/form.aspx")}" target="_top"' in answer.text
    assert not answer.last.set_cookies
    assert await one.start(browser, "/form.aspx"), "the same as the whole window goes to the provider"


async def test_whoever_is_signed_in_is_not_sent_away(world, browser, steps):
    one = steps(await world())
    await browser.sign_in(one.world.url("/main.aspx"))
    cookie = browser.cookie(SESSION)
    answer = await one.navigate(browser, one.path("/other"))
    assert (answer.status, answer.last.location) == (302, "/other")
    assert browser.cookie(SESSION) == cookie
    browser.forget(SESSION)
    assert await one.start(browser, "/other")


async def test_a_provider_that_is_down_is_a_page_to_try_again(world, browser, steps):
    one = steps(await world(provider={"issuer": "http://127.0.0.1:1/adfs"}))
    page = await browser.open(one.world.url("/main.aspx?id=7"))
    assert (page.status, one.shows(page, Page.PROVIDER_UNAVAILABLE)) == (503, True)
    assert page.headers["Retry-After"] == "5"
    assert "/.claims/sign-in?return=/main.aspx%3Fid%3D7" in page.text


async def test_a_provider_of_another_name_is_a_page_and_no_redirect(world, browser, steps):
    one = steps(await world())
    one.world.adfs.state.issuer = type(one.world.adfs.state.issuer)("http://127.0.0.1:1/adfs", "http://x/")
    page = await browser.open(one.world.url("/main.aspx"))
    assert (page.status, one.shows(page, Page.SIGN_IN_FAILED)) == (502, True)


async def test_two_hundred_junk_login_cookies_keep_nobody_out(world, browser, steps):
    one = steps(await world())
    for number in range(200):
        browser.cookies.take(URL(one.world.url("/")), f"claims-login-{number}=junk{number}; Path=/")
    page = await browser.sign_in(one.world.url("/main.aspx"))
    assert (page.status, str(page.url)) == (200, one.world.url("/main.aspx"))


async def test_a_login_cookie_that_comes_twice_is_refused(world, browser, steps):
    one = steps(await world())
    url = await one.start(browser)
    assert url
    value = browser.cookie("claims-login-0")
    twice = {"Cookie": f"claims-login-0={value}; claims-login-0=planted"}
    assert (await one.navigate(browser, one.path("/"), **twice)).status == 400
    assert (await one.navigate(browser, one.path("/"), Cookie=f"claims-login-0={value}")).status == 302
