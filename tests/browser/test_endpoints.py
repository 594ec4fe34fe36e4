"""`session` and `activity`, through the listener of a whole proxy."""

import pytest

from proxy.browser.endpoints import _PURPOSE
from proxy.sealing import Sealer
from support.browser import Browser
from support.ports import free_port
from support.world import custom

MINUTE = 60.0


async def test_the_seconds_left_are_told_and_telling_is_no_activity(signed_in, clock):
    world, browser = await signed_in(**custom(session=60, inactivity=15))
    clock.advance(10 * MINUTE)
    for _ in range(2):
        told = (await browser.fetch(world.url("/.claims/session"))).json()
        assert told["state"] == "live"
        assert told["session_ends_in"] == 50 * MINUTE
        assert told["session_warning_in"] == 30 * MINUTE
        assert told["inactivity_ends_in"] == 5 * MINUTE
        assert told["inactivity_warning_in"] == 4 * MINUTE
        assert told["reason"] == "inactivity_timeout"


async def test_without_limits_of_its_own_the_token_s_end_is_told(signed_in, clock):
    world, browser = await signed_in()
    told = (await browser.fetch(world.url("/.claims/session"))).json()
    assert (told["session_ends_in"], told["inactivity_ends_in"]) == (60 * MINUTE, None)
    assert told["reason"] == "token_lifetime"


async def test_the_principal_s_tag_tells_two_people_apart_and_names_nobody(signed_in):
    world, browser = await signed_in()
    told = await browser.fetch(world.url("/.claims/session"))
    assert "alice" not in told.text
    async with Browser() as other:
        await other.sign_in(world.url("/main.aspx"), "bob")
        theirs = await other.fetch(world.url("/.claims/session"))
    assert told.json()["principal"] != theirs.json()["principal"]


def test_a_principal_s_tags_are_keyed_and_one_outlives_each_step_of_a_rotation():
    def shown(*secrets, key="adfs alice@contoso.com"):
        return set(Sealer(secrets).tags(key, purpose=_PURPOSE))

    former, rotating, done = shown("former" * 6), shown("latest" * 6, "former" * 6), shown("latest" * 6)
    assert former & rotating
    assert rotating & done
    assert not former & done
    assert not shown("former" * 6, key="adfs bob@contoso.com") & rotating


async def test_a_principal_s_tags_are_the_same_in_every_session_and_at_every_node(signed_in, redis_url):
    world, browser = await signed_in(state=redis_url)
    other = await world.start_proxy(free_port())
    told = (await browser.fetch(world.url("/.claims/session"))).json()["principal"]
    assert (await browser.fetch(f"http://127.0.0.1:{other.port}/.claims/session")).json()["principal"] == told
    async with Browser() as elsewhere:
        await elsewhere.sign_in(world.url("/main.aspx"), "alice")
        again = (await elsewhere.fetch(world.url("/.claims/session"))).json()["principal"]
    assert again == told


async def test_after_the_end_the_reason_is_told(signed_in, clock):
    world, browser = await signed_in(**custom(inactivity=15))
    clock.advance(15 * MINUTE)
    told = await browser.fetch(world.url("/.claims/session"))
    assert (told.status, told.json()) == (401, {"state": "ended", "reason": "inactivity_timeout"})


async def test_a_stranger_is_told_that_there_is_no_session(signed_in):
    world, _ = await signed_in()
    async with Browser() as stranger:
        told = await stranger.fetch(world.url("/.claims/session"))
    assert (told.status, told.json()["state"]) == (401, "none")


async def test_activity_moves_the_end_and_answers_with_it(signed_in, clock):
    world, browser = await signed_in(**custom(inactivity=15))
    clock.advance(10 * MINUTE)
    told = (await browser.fetch(world.url("/.claims/activity"), "POST")).json()
    assert (told["inactivity_ends_in"], told["inactivity_warning_in"]) == (15 * MINUTE, 14 * MINUTE)
    assert (await browser.fetch(world.url("/.claims/session"))).json()["inactivity_ends_in"] == 15 * MINUTE


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1"])
async def test_another_origin_cannot_keep_a_session(signed_in, clock, origin):
    world, browser = await signed_in(**custom(inactivity=15))
    clock.advance(10 * MINUTE)
    forged = await browser.fetch(world.url("/.claims/activity"), "POST", headers={"Origin": origin or ""})
    assert (forged.status, forged.json()["error"]) == (403, "foreign_origin")
    assert (await browser.fetch(world.url("/.claims/session"))).json()["inactivity_ends_in"] == 5 * MINUTE


async def test_each_endpoint_has_its_method(signed_in):
    world, browser = await signed_in()
    assert (await browser.fetch(world.url("/.claims/activity"))).status == 405
    assert (await browser.fetch(world.url("/.claims/session"), "POST")).status == 405


@pytest.mark.parametrize(("inactivity", "resolution"), [(None, 30.0), (5, 15.0), (60, 30.0)])
async def test_the_resolution_told_is_the_one_that_writes_follow(signed_in, inactivity, resolution):
    world, browser = await signed_in(sessions={"activity_resolution": 30}, **custom(inactivity=inactivity))
    told = (await browser.fetch(world.url("/.claims/session"))).json()
    assert told["activity_resolution"] == resolution


@pytest.mark.parametrize(("signal", "dialogs"), [("Chrome", False), ("Another", True)])
async def test_an_exempt_client_is_told_to_show_nothing(signed_in, signal, dialogs):
    rule = {"kind": "outlook", "user_agent": signal}
    world, browser = await signed_in(organization={"exempt_clients": [rule]})
    assert (await browser.fetch(world.url("/.claims/session"))).json()["dialogs"] is dialogs
