"""Every session that a sign-out ends is one line of the audit trail, whichever way the sign-out came."""

import aiohttp
import pytest
from structlog.testing import capture_logs

from support.browser import Browser
from support.logout import logout_token, sids_of, subject_of
from support.trail import Trail, by_alice
from support.world import custom


@pytest.fixture
def trail():
    with capture_logs() as lines:
        yield Trail(lines)


@pytest.fixture
async def one(world, browser, other_browser):
    """A world in which alice is signed in in two browsers, with access token management."""
    one = await world(**custom(nonce=True))
    for each in (browser, other_browser):
        await each.sign_in(one.url("/main.aspx"))
    return one


def sessions(trail, event):
    return {each["session"] for each in trail.of(event)}


async def test_a_sign_out_everywhere(trail, one, browser):
    await browser.fetch(one.url("/.claims/sign-out"), "POST", headers={"Origin": one.url("")})
    here, there = sorted(trail.of("signed_out"), key=lambda event: event["reason"])
    assert by_alice(here, "signed_out")
    assert by_alice(there, "signed_out_everywhere")
    assert here["reference"] == there["reference"]
    assert sessions(trail, "signed_out") == sessions(trail, "signed_in")


async def test_a_sign_out_everywhere_by_a_browser_whose_own_session_had_run_out(trail, one, browser, clock):
    clock.advance(3599)
    async with Browser() as third:
        await third.sign_in(one.url("/main.aspx"))
        clock.advance(1)
        await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
        await browser.fetch(one.url("/.claims/sign-out"), "POST", headers={"Origin": one.url("")})
    ended = trail.of("signed_out")
    assert {(each["reason"], each["principal"]) for each in ended} == {("signed_out_everywhere", "")}
    assert trail.of("signed_in")[2]["session"] in sessions(trail, "signed_out")


async def test_a_front_channel_logout(trail, one, browser):
    sid, _ = sids_of(one.adfs)
    query = f"iss={one.adfs.state.issuer.url}&sid={sid}"
    await browser.fetch(one.url(f"/.claims/frontchannel-logout?{query}"), cookies=False)
    ended = trail.only("signed_out")
    assert by_alice(ended, "by_provider")
    assert ended["session"] == trail.of("signed_in")[0]["session"]


async def test_a_frame_that_brings_the_cookie_alone_names_the_session_and_nobody(trail, one, browser):
    await browser.fetch(one.url("/.claims/frontchannel-logout"), headers={"Sec-Fetch-Dest": "iframe"})
    ended = trail.only("signed_out")
    assert (ended["reason"], ended["principal"]) == ("by_provider", "")
    assert ended["session"] == trail.of("signed_in")[0]["session"]


async def test_a_back_channel_logout(trail, one):
    form = {"logout_token": logout_token(one.adfs, sid=..., sub=subject_of(one.adfs))}
    async with aiohttp.ClientSession() as client, client.post(one.url("/.claims/backchannel-logout"), data=form) as got:
        assert got.status == 200
    assert all(by_alice(each, "by_provider") for each in trail.of("signed_out"))
    assert sessions(trail, "signed_out") == sessions(trail, "signed_in")
