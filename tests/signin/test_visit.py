"""Who comes to a sign-in with a session of some kind: the store is asked before anybody counts as idle."""

import asyncio
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from proxy.pages.texts import Page
from support.patience import HANG
from support.world import custom, free_port

MINUTE = 60.0


@pytest.fixture
async def idle(world, browser, steps, redis_url, clock):
    """A browser that is signed in, idle for 11 of 10 minutes as far as the first of two workers knows.

    `idle(seen_elsewhere=…)`: whether the other worker saw the user 6 minutes ago.
    """

    async def make(*, seen_elsewhere: bool):
        one = steps(await world(state=redis_url, **custom(inactivity=10)))
        port = free_port()
        other = await one.world.start_proxy(port)
        await browser.sign_in(one.world.url("/main.aspx"), "alice")
        async with asyncio.timeout(HANG):
            while one.world.proxy.sessions.cached(browser.cookie(one.SESSION), "contoso") is None:
                # Copies count once the first heartbeat came back; then this request leaves one.
                await asyncio.sleep(0.02)
                await browser.open(one.world.url("/main.aspx"))
        clock.advance(5 * MINUTE)
        if seen_elsewhere:
            page = await browser.open(f"http://127.0.0.1:{port}/main.aspx")
            assert page.status == 200
        await other.close()  # what it saw is written
        clock.advance(6 * MINUTE)
        return one

    return make


async def test_a_user_whom_another_worker_saw_is_not_sent_away(idle, browser):
    one = await idle(seen_elsewhere=True)
    answer = await one.navigate(browser, one.path("/main.aspx?id=7"))
    assert (answer.status, answer.last.location) == (302, "/main.aspx?id=7")


async def test_a_user_whom_nobody_saw_is_asked_for_credentials(idle, browser):
    one = await idle(seen_elsewhere=False)
    asked = parse_qs(urlsplit(await one.start(browser)).query)
    assert asked["prompt"] == ["login"]


@pytest.mark.parametrize(("live", "status"), [(True, 302), (False, 400)])
async def test_an_answer_to_nothing_of_ours_stops_nobody_who_is_signed_in(world, browser, steps, live, status):
    one = steps(await world())
    await browser.sign_in(one.world.url("/main.aspx"), "alice")
    cookie = browser.cookie(one.SESSION)
    if not live:
        browser.forget(one.SESSION)
    answer = await one.navigate(browser, one.world.url("/.claims/callback?state=junk&code=junk"))
    assert answer.status == status
    if live:
        assert answer.last.location == "/"
        assert browser.cookie(one.SESSION) == cookie
    else:
        assert one.shows(answer, Page.SIGN_IN_FAILED)


async def test_two_states_are_refused_whoever_is_signed_in(world, browser, steps):
    one = steps(await world())
    await browser.sign_in(one.world.url("/main.aspx"), "alice")
    answer = await one.navigate(browser, one.world.url("/.claims/callback?state=a&state=b"))
    assert (answer.status, one.shows(answer, Page.BAD_REQUEST)) == (400, True)


@pytest.mark.parametrize("limit", [{"session": 60}, {"inactivity": 10}])
@pytest.mark.parametrize("strips", [True, False])
async def test_taking_the_question_for_credentials_out_of_the_address_buys_nothing(
    world, browser, *, steps, clock, limit, strips
):
    one = steps(await world(**custom(**limit)))
    await browser.sign_in(one.world.url("/main.aspx"), "alice")
    clock.advance(61 * MINUTE)
    asked = await one.start(browser)
    query = {name: values[0] for name, values in parse_qs(urlsplit(asked).query).items()}
    assert (query.pop("prompt"), query.pop("max_age")) == ("login", "0")
    page = await browser.sign_in(f"{asked.partition('?')[0]}?{urlencode(query)}" if strips else asked, "alice")
    assert page.status == (403 if strips else 200)
    assert one.shows(page, Page.CREDENTIALS_OWED) is strips
    if strips:
        home = await one.navigate(browser, one.world.url("/main.aspx"))
        assert home.status == 302, "the session before is over as well"
