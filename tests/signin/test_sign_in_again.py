"""`sign-in?again`: a session is renewed before it ends."""

from urllib.parse import parse_qs, urlsplit

import pytest

from support.world import custom

MINUTE = 60.0
AGAIN = "/.claims/sign-in?again&return=%2F.claims%2Fsigned-in"


@pytest.mark.parametrize(
    ("keys", "prompt"), [(custom(session=60), ["login"]), (custom(inactivity=15), None), (custom(), None)]
)
async def test_credentials_are_asked_for_where_they_buy_a_new_length(world, browser, steps, keys, prompt):
    one = steps(await world(**keys))
    await browser.sign_in(one.world.url("/main.aspx"), "alice")
    answer = await one.navigate(browser, one.world.url(AGAIN))
    assert answer.status == 302
    assert answer.last.location.startswith(one.world.adfs.state.issuer.url)
    assert parse_qs(urlsplit(answer.last.location).query).get("prompt") == prompt


async def test_without_again_a_live_session_leads_straight_back(world, browser, steps):
    one = steps(await world(**custom(session=60)))
    await browser.sign_in(one.world.url("/main.aspx"), "alice")
    answer = await one.navigate(browser, one.world.url(AGAIN.replace("again&", "")))
    assert (answer.status, answer.last.location) == (302, "/.claims/signed-in")


async def test_the_new_session_has_its_whole_length_and_the_old_one_is_gone(world, browser, steps, clock):
    one = steps(await world(**custom(session=60)))
    await browser.sign_in(one.world.url("/main.aspx"), "alice")
    old = browser.cookie(one.SESSION)
    clock.advance(50 * MINUTE)
    page = await browser.sign_in(one.world.url(AGAIN), "alice")
    assert (page.status, page.url.path) == (200, "/.claims/signed-in")
    told = (await browser.fetch(one.world.url("/.claims/session"))).json()
    assert told["session_ends_in"] == 60 * MINUTE
    lookup = await one.world.proxy.sessions.load(old, "contoso", past_cache=True)
    assert lookup.tombstone.reason == "replaced"


async def test_a_renewal_that_is_not_finished_leaves_the_session_as_it_is(world, browser, steps, clock):
    one = steps(await world(**custom(session=60)))
    await browser.sign_in(one.world.url("/main.aspx"), "alice")
    clock.advance(50 * MINUTE)
    await one.navigate(browser, one.world.url(AGAIN))
    told = (await browser.fetch(one.world.url("/.claims/session"))).json()
    assert (told["state"], told["session_ends_in"]) == ("live", 10 * MINUTE)
