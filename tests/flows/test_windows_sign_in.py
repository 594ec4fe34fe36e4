"""Integrated Windows Authentication, which a browser answers without its user, on both protocols."""

import pytest

from proxy.demo.adfs_model import PEOPLE, Method
from support.world import custom

SESSION = "claims-session"
MINUTE = 60.0
ALICE = PEOPLE[0]


@pytest.fixture(params=[False, True], ids=["openid", "ws-federation"])
async def one(request, world, redis_url):
    one = await world(federated=request.param, state=redis_url, **custom(session=60))
    one.adfs.state.windows_user = ALICE
    return one


def asked_for_credentials(page) -> bool:
    return page.form_with("UserName") is not None


async def ends_in(one, browser) -> float:
    return (await browser.fetch(one.url("/.claims/session"))).json()["session_ends_in"]


async def test_silent_sign_in_continues_a_session_of_custom_length(one, browser, clock):
    assert (await browser.open(one.url("/main.aspx"))).status == 200
    for minutes in (30, 20, 9):
        clock.advance(minutes * MINUTE)
        browser.forget(SESSION)
        assert (await browser.open(one.url("/main.aspx"))).status == 200
    assert await ends_in(one, browser) == MINUTE


async def test_silent_sign_in_continues_it_after_sign_out_and_in_another_browser(one, browser, other_browser, clock):
    await browser.open(one.url("/main.aspx"))
    clock.advance(50 * MINUTE)
    await browser.submit((await browser.open(one.url("/.claims/sign-out"))).forms[0])
    clock.advance(MINUTE)
    assert (await other_browser.open(one.url("/main.aspx"))).status == 200
    assert await ends_in(one, other_browser) == 9 * MINUTE


async def test_silent_sign_in_does_not_start_another_session_after_the_end(one, browser, clock):
    await browser.open(one.url("/main.aspx"))
    clock.advance(60 * MINUTE + 1)
    browser.forget(SESSION)
    page = await browser.open(one.url("/main.aspx"))
    assert asked_for_credentials(page)
    assert (await browser.complete_sign_in(page, "alice")).status == 200
    assert await ends_in(one, browser) == 60 * MINUTE


@pytest.mark.parametrize("method", [Method.FORMS, Method.CERTIFICATE, Method.MFA])
async def test_credentials_start_another_session_before_the_end(world, browser, clock, method):
    one = await world(**custom(session=60))
    one.adfs.state.windows_user = ALICE
    await browser.open(one.url("/main.aspx"))
    clock.advance(50 * MINUTE)
    one.adfs.state.method = method
    page = await browser.open(one.url("/.claims/sign-in?credentials&return=/main.aspx"))
    assert asked_for_credentials(page)
    assert (await browser.complete_sign_in(page, "alice")).status == 200
    assert await ends_in(one, browser) == 60 * MINUTE


async def test_silent_sign_in_starts_a_full_session_where_windows_counts(world, browser, clock):
    one = await world(provider={"windows_counts_as_credentials": True}, **custom(session=60))
    one.adfs.state.windows_user = ALICE
    await browser.open(one.url("/main.aspx"))
    clock.advance(50 * MINUTE)
    browser.forget(SESSION)
    one.adfs.state.logins.clear()
    await browser.open(one.url("/main.aspx"))
    assert await ends_in(one, browser) == 60 * MINUTE
