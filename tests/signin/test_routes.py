"""The callback: whose answer is taken, once, and what the others are told."""

import asyncio
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from proxy.demo.adfs_model import Method
from proxy.pages.texts import Page
from support.patience import HANG
from support.world import custom

SESSION = "claims-session"
LOGINS = [f"claims-login-{slot}" for slot in range(5)]


@pytest.fixture
async def ready(world, browser, steps):
    """A world, and a browser that the provider knows and we do not."""
    one = steps(await world())
    await one.know(browser)
    return one


def arrived(page, world, target="/main.aspx") -> bool:
    return (page.status, str(page.url)) == (200, world.url(target))


def login_cookie(browser) -> str | None:
    """The name of the one login cookie that the browser has."""
    found = [name for name in LOGINS if browser.cookie(name)]
    assert len(found) < 2
    return found[0] if found else None


def swapped(url: str, **changes: str | None) -> str:
    """The address with parameters changed; one set to None is left out."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} | changes
    given = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if value is not None)
    return f"{url.partition('?')[0]}?{given}"


async def test_an_answer_opens_nothing_in_another_browser(ready, browser, other_browser):
    url = await ready.answer(browser)
    page = await other_browser.open(url)
    assert page.status == 403
    assert ready.shows(page, Page.OTHER_BROWSER)
    assert other_browser.cookie(SESSION) is None
    assert arrived(await browser.open(url), ready.world), "the browser that began it is let in by the same address"


async def test_an_answer_opens_nothing_where_another_sign_in_is_under_way(ready, browser, other_browser):
    url = await ready.answer(browser)
    await ready.start(other_browser)
    own = login_cookie(other_browser)
    page = await other_browser.open(url)
    assert page.form_with("UserName"), "it is asked who it is itself"
    assert other_browser.cookie(SESSION) is None
    assert other_browser.cookie(own), "its own sign-in goes on"


async def test_a_tab_whose_login_cookie_another_overwrote_starts_again_by_itself_once(ready, browser):
    url = await ready.answer(browser, "/main.aspx?tab=1")
    own = login_cookie(browser)
    await ready.answer(browser, "/main.aspx?tab=2")
    browser.forget(own)
    assert arrived(await browser.open(url), ready.world, "/main.aspx?tab=1")


async def test_the_back_button_leads_to_the_target_while_the_session_lives(ready, browser):
    url = await ready.answer(browser, "/main.aspx?id=7")
    assert arrived(await browser.open(url), ready.world, "/main.aspx?id=7")
    cookie = browser.cookie(SESSION)
    assert arrived(await browser.open(url), ready.world, "/main.aspx?id=7")
    assert browser.cookie(SESSION) == cookie
    browser.forget(SESSION)
    page = await browser.open(url)
    assert (page.status, ready.shows(page, Page.OTHER_BROWSER)) == (403, True)
    assert browser.cookie(SESSION) is None


async def test_one_answer_makes_one_session_even_where_the_login_cookie_is_kept(ready, browser):
    url = await ready.answer(browser)
    name = login_cookie(browser)
    kept = browser.cookie(name)
    await browser.open(url)
    browser.forget(SESSION)
    browser.cookies.take(browser.page.url, f"{name}={kept}; Path=/")
    assert (await browser.open(url)).status == 403
    assert browser.cookie(SESSION) is None


@pytest.mark.parametrize("name", ["state", "code", "iss", "error"])
async def test_a_parameter_that_stands_twice_is_refused(ready, browser, name):
    url = await ready.answer(browser)
    given = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
    made = {"iss": ready.world.adfs.state.issuer.url, "error": "access_denied"}
    more = f"&{name}={quote((given | made)[name], safe='')}"
    page = await browser.open(url + (more if name in given else more * 2))
    assert (page.status, ready.shows(page, Page.BAD_REQUEST)) == (400, True)
    assert browser.cookie(SESSION) is None
    assert arrived(await browser.open(url), ready.world)


@pytest.mark.parametrize("name", ["state", "code"])
async def test_a_posted_parameter_that_stands_twice_is_refused(ready, browser, name):
    url = await ready.answer(browser)
    form = {key: values[0] for key, values in parse_qs(url.partition("?")[2]).items()}
    address = ready.world.url("/.claims/callback")
    twice = await browser.fetch(address, "POST", data=[*form.items(), (name, form[name])])
    assert twice.status == 400
    once = await browser.fetch(address, "POST", data=[*form.items()])
    assert once.status == 303


@pytest.mark.parametrize("state", [None, "", "junk", "altered"])
async def test_a_state_that_is_not_ours_is_refused(ready, browser, state):
    url = await ready.answer(browser)
    ours = parse_qs(url.partition("?")[2])["state"][0]
    altered = ours[:40] + ("A" if ours[40] != "A" else "B") + ours[41:]
    page = await browser.open(swapped(url, state=altered if state == "altered" else state))
    assert (page.status, ready.shows(page, Page.SIGN_IN_FAILED)) == (400, True)
    assert browser.cookie(SESSION) is None
    assert arrived(await browser.open(url), ready.world)


@pytest.mark.parametrize("keeps_cookie", [True, False])
async def test_a_sign_in_of_ten_minutes_is_over(ready, browser, clock, keeps_cookie):
    url = await ready.answer(browser)
    clock.advance(600)
    if not keeps_cookie:
        browser.forget(login_cookie(browser))
    page = await browser.open(url)
    assert (page.status, ready.shows(page, Page.STATE_EXPIRED)) == (400, True)
    assert browser.cookie(SESSION) is None


async def test_a_sign_in_of_less_than_ten_minutes_is_not(ready, browser, clock):
    url = await ready.answer(browser)
    clock.advance(599)
    assert arrived(await browser.open(url), ready.world)


async def test_six_tabs_arrive_each_at_its_own_target_though_there_are_five_places(ready, browser, clock):
    urls = []
    for tab in range(6):
        urls.append(await ready.answer(browser, f"/main.aspx?tab={tab}"))
        clock.advance(21)
    for tab in range(6):
        assert arrived(await browser.open(urls[tab]), ready.world, f"/main.aspx?tab={tab}")
    assert [browser.cookie(name) for name in LOGINS] == [None] * 5


async def test_five_tabs_at_once_lose_none(ready, browser, clock):
    urls = []
    for tab in range(5):
        urls.append(await ready.answer(browser, f"/main.aspx?tab={tab}"))
        clock.advance(21)
    for tab in reversed(range(5)):
        assert arrived(await browser.open(urls[tab]), ready.world, f"/main.aspx?tab={tab}")


@pytest.mark.parametrize("iss", ["https://evil.example/adfs", "", "slash"])
async def test_an_answer_of_another_issuer_is_refused(ready, browser, clock, iss):
    right = ready.world.adfs.state.issuer.url
    page = await browser.open(swapped(await ready.answer(browser), iss=f"{right}/" if iss == "slash" else iss))
    assert (page.status, ready.shows(page, Page.SIGN_IN_FAILED)) == (403, True)
    assert browser.cookie(SESSION) is None
    assert arrived(await browser.open(swapped(await ready.answer(browser), iss=right)), ready.world)


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        ("access_denied", 403, Page.SIGN_IN_FAILED),
        ("login_required", 403, Page.SIGN_IN_FAILED),
        ("temporarily_unavailable", 503, Page.PROVIDER_UNAVAILABLE),
        ("server_error", 503, Page.PROVIDER_UNAVAILABLE),
        ("<script>alert(1)</script>", 403, Page.SIGN_IN_FAILED),
    ],
)
async def test_a_provider_s_refusal_is_a_page_with_a_way_on(ready, browser, error, status, shown):
    url = await ready.answer(browser, "/main.aspx?id=7")
    page = await browser.open(swapped(url, code=None, error=error))
    assert (page.status, ready.shows(page, shown)) == (status, True)
    assert "<script" not in page.text
    assert "/.claims/sign-in?return=/main.aspx%3Fid%3D7" in page.text
    assert browser.cookie(SESSION) is None
    assert ("Retry-After" in page.headers) is (status == 503)


@pytest.mark.parametrize("code", [None, "a-code-of-somebody-else"])
async def test_an_answer_without_a_code_of_its_own_opens_nothing(ready, browser, code):
    page = await browser.open(swapped(await ready.answer(browser), code=code))
    assert (page.status, ready.shows(page, Page.SIGN_IN_FAILED)) == (403, True)
    assert browser.cookie(SESSION) is None


async def test_a_provider_that_does_not_answer_the_callback_is_a_page_to_try_again(ready, browser, monkeypatch):
    url = await ready.answer(browser)
    monkeypatch.setattr("proxy.demo.adfs_token_endpoint.access_token", lambda *_: 1 / 0)
    page = await browser.open(url)
    assert (page.status, ready.shows(page, Page.PROVIDER_UNAVAILABLE)) == (503, True)
    assert page.headers["Retry-After"] == "5"
    monkeypatch.undo()
    assert arrived(await browser.open(await ready.answer(browser)), ready.world)


async def test_a_store_that_does_not_answer_the_callback_keeps_the_sign_in(world, browser, steps, own_redis):
    one = steps(await world(state=own_redis.url))
    await one.know(browser)
    url = await one.answer(browser)
    own_redis.stop()
    page = await browser.open(url)
    assert (page.status, one.shows(page, Page.STORE_UNAVAILABLE)) == (503, True)
    assert page.headers["Retry-After"] == "5"
    assert login_cookie(browser)
    assert browser.cookie(SESSION) is None
    own_redis.start()
    async with asyncio.timeout(HANG):
        while (page := await browser.open(url)).status == 503:  # noqa: ASYNC110 - it comes back in its own time
            await asyncio.sleep(0.1)
    assert arrived(page, one.world), "the same answer is good once the store is back"


async def test_every_sign_in_has_a_session_id_of_its_own(ready, browser, clock):
    browser.cookies.take(browser.page.url, f"{SESSION}=planted; Path=/")
    await browser.open(await ready.answer(browser))
    first = browser.cookie(SESSION)
    assert first not in (None, "planted")
    clock.advance(61 * 60)
    assert browser.cookie(SESSION) == first
    await browser.open(await ready.answer(browser))
    assert browser.cookie(SESSION) not in (None, first)


async def test_a_browser_that_loses_its_session_cookie_sees_why_instead_of_a_loop(world, browser, steps):
    one = steps(await world())
    page = await browser.sign_in(one.world.url("/main.aspx"))
    rounds = 0
    while page.status == 200:
        browser.forget(SESSION)
        page = await browser.open(one.world.url("/main.aspx"))
        rounds += 1
    assert (page.status, one.shows(page, Page.LOOP)) == (403, True)
    assert rounds <= 6
    one.world.clock.advance(21)
    assert (await browser.open(one.world.url("/main.aspx"))).status == 200, "it is a pause, no ban"


async def test_credentials_that_are_owed_are_asked_for_once(world, browser, steps, clock):
    one = steps(await world(**custom(session=60)))
    await browser.sign_in(one.world.url("/main.aspx"))
    clock.advance(61 * 60)
    browser.forget(SESSION)
    # Without the cookie nothing tells us to ask; the provider answers silently, and the store has the last word.
    one.world.adfs.state.method = Method.WINDOWS
    form = await browser.open(one.world.url("/main.aspx"))
    asked = [hop.url.query for hop in form.hops if "prompt" in hop.url.query]
    assert [(query["prompt"], query["max_age"]) for query in asked] == [("login", "0")]
    page = await browser.complete_sign_in(form)
    assert (page.status, one.shows(page, Page.CREDENTIALS_OWED)) == (403, True)
    assert browser.cookie(SESSION) is None
    one.world.adfs.state.method = Method.FORMS
    again = await browser.complete_sign_in(await browser.open(one.world.url("/main.aspx")))
    assert again.status == 200, "a password pays what is owed"
