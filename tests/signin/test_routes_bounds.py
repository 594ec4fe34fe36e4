"""What a sign-in does no more than once, and no longer than it may be."""

from urllib.parse import parse_qs, urlsplit

import pytest

from proxy.demo.adfs_model import Method
from proxy.pages.texts import Page
from support.world import custom

SESSION = "claims-session"


def question(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def logins(browser) -> dict[str, str]:
    names = [f"claims-login-{slot}" for slot in range(5)]
    return {name: value for name in names if (value := browser.cookie(name))}


@pytest.mark.parametrize("name", ["state", "code", "iss", "error"])
@pytest.mark.parametrize(("length", "status"), [(8000, 303), (8193, 400)])
async def test_a_posted_parameter_is_not_longer_than_8192_characters(world, browser, name, length, status):
    one = await world()
    answer = await browser.fetch(one.url("/.claims/callback"), "POST", data={name: "x" * length})
    assert answer.status == status
    assert not answer.last.set_cookies


async def test_what_is_posted_beside_the_answer_is_not_passed_on(world, browser):
    one = await world()
    form = {"state": "s", "code": "c", "id_token": "secret", "error_description": "<b>"}
    answer = await browser.fetch(one.url("/.claims/callback"), "POST", data=form)
    assert answer.last.location == "/.claims/callback?state=s&code=c"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
async def test_a_callback_is_a_get_or_a_post(world, browser, steps, method):
    one = steps(await world())
    await one.know(browser)
    url = await one.answer(browser)
    assert (await browser.fetch(url, method)).status == 405
    assert (await browser.open(url)).status == 200, "nothing of the answer was used up"


async def test_a_tab_starts_again_by_itself_once_and_not_for_ever(world, browser, steps):
    one = steps(await world())
    await one.know(browser)
    url = await one.answer(browser)
    (overwritten,) = logins(browser)
    await one.start(browser)
    browser.forget(overwritten)
    again = await one.navigate(browser, url)
    assert again.status == 302
    (restarted,) = {hop.partition("=")[0] for hop in again.last.set_cookies}
    second = await one.navigate(browser, again.last.location)
    browser.forget(restarted)
    page = await browser.open(second.last.location)
    assert (page.status, one.shows(page, Page.OTHER_BROWSER)) == (403, True)
    assert browser.cookie(SESSION) is None


async def test_asking_once_more_for_credentials_takes_no_second_place(world, browser, steps, clock):
    one = steps(await world(**custom(session=60)))
    await browser.sign_in(one.world.url("/main.aspx"))
    clock.advance(61 * 60)
    browser.forget(SESSION)
    first = await one.answer(browser)
    (place,) = logins(browser)
    again = await one.navigate(browser, first)
    assert question(again.last.location)["prompt"] == "login"
    assert list(logins(browser)) == [place]
    assert (await browser.sign_in(again.last.location)).status == 200
    assert not logins(browser)


@pytest.mark.parametrize(("counts", "status"), [(True, 200), (False, 403)])
async def test_windows_integrated_authentication_counts_where_it_is_said_to(
    world, browser, *, steps, clock, counts, status
):
    one = steps(await world(provider={"windows_counts_as_credentials": counts}, **custom(session=60)))
    await browser.sign_in(one.world.url("/main.aspx"))
    clock.advance(61 * 60)
    one.world.adfs.state.method = Method.WINDOWS
    page = await browser.sign_in(one.world.url("/main.aspx"))
    assert page.status == status
    assert one.shows(page, Page.CREDENTIALS_OWED) is not counts


async def test_whether_somebody_is_signed_in_is_no_reason_to_sign_in_while_the_store_is_down(
    world, browser, other_browser, steps, own_redis
):
    one = steps(await world(state=own_redis.url, sessions={"outage_grace": 0}))
    await browser.sign_in(one.world.url("/main.aspx"))
    own_redis.stop()
    one.world.clock.advance(3600)
    page = await browser.open(one.path("/main.aspx"))
    assert (page.status, one.shows(page, Page.STORE_UNAVAILABLE)) == (503, True)
    assert browser.cookie(SESSION), "an outage signs nobody out"
    assert not logins(browser)
    assert await one.start(other_browser), "who has no cookie has no session, whatever the store would say"
