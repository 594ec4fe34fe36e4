"""Another configuration in the middle of everything: no request fails, nobody is sent to sign in."""

import asyncio
from collections import Counter

import pytest

from support.load import ERRANDS, Load
from support.load_upstream import LoadUpstream
from support.ports import free_port
from support.world import served

pytestmark = pytest.mark.slow

KINDS = {*(errand.name for errand in ERRANDS), "events", "WebSocket"}
OTHER_TIMES = {"sessiontimeoutenabled": True, "sessiontimeoutinmins": 480, "sessiontimeoutreminderinmins": 20}


def elsewhere(port: int):
    return lambda said: said["organizations"][0].update(upstream=f"http://127.0.0.1:{port}")


def another_limit(said) -> None:
    said["organizations"][0]["system_settings"] = OTHER_TIMES
    said["server_settings"] = {"AllowCustomSessionDuration": True}


def another_trusted_proxy(said) -> None:
    said["listen"]["trusted_proxies"] = ["192.0.2.0/24"]


def another_organization(said) -> None:
    said["organizations"].append({"name": "fabrikam", "hosts": ["fabrikam.example"], "upstream": "http://127.0.0.1:1"})


def without_it(said) -> None:
    said["organizations"].pop()


@pytest.fixture
async def other_port():
    """Where the application may move to: the same, on another port. (port, what it heard)."""
    other, port = LoadUpstream(), free_port()
    async with served(other.application(), port):
        yield port, other


def all_is_well(load: Load, site) -> None:
    assert load.tally.lost == []
    assert set(load.tally.answered) == KINDS
    assert load.tally.closes == {}
    assert load.tally.streams_ended == 0
    assert load.tally.said <= site.upstream.heard
    assert site.errors() == []
    decisions = Counter(line["decision"] for line in site.log()[site.lines_before :] if line["event"] == "request")
    assert set(decisions) == {"forward"}
    print(f"{sum(load.tally.answered.values())} answers, {site.events().count('reloaded')} reloads")


async def test_no_request_fails_and_nobody_is_signed_out_while_the_configuration_changes(site, other_port):
    port, other = other_port
    changes = [
        (another_limit, "organizations[contoso].system_settings.sessiontimeoutinmins"),
        (another_trusted_proxy, "listen.trusted_proxies"),
        (another_organization, "organizations[fabrikam]"),
        (elsewhere(port), "organizations[contoso].upstream"),
        (without_it, "organizations[fabrikam]"),
        (lambda _: None, None),
    ]
    async with Load(site.port, site.cookies) as load:
        load.begin()
        await asyncio.sleep(0.5)
        for change, key in changes:
            told = await site.reload(change)
            assert told["event"] == "reloaded", told
            assert key is None or key in str(told["changes"]), told["changes"]
            await asyncio.sleep(0.3)
        assert load.tally.under_way["WebSocket"] == 8
        await load.finish()
    all_is_well(load, site)
    assert other.requests["/small"] > 0


async def test_a_broken_configuration_is_refused_whole_and_all_goes_on(site):
    good = site.config.read_text()
    broken = {
        "not YAML": "listen: [",
        "an unknown key": good.replace('"secret"', '"secrte"'),
        "another store": good.replace(site.state, "redis://127.0.0.1:1/0"),
        "nothing": "",
        "half of it": good[: len(good) // 2],
        "no such certificate": good.replace('"listen"', '"ca_file": "/nowhere.pem", "listen"', 1),
    }
    async with Load(site.port, site.cookies) as load:
        load.begin()
        await asyncio.sleep(0.3)
        for what, text in broken.items():
            told = await site.reload_text(text)
            assert told["event"] == "reload_refused", (what, told)
            assert told["faults"], what
            await asyncio.sleep(0.1)
        assert (await site.reload_text(good))["event"] == "reloaded"
        await asyncio.sleep(0.3)
        await load.finish()
    all_is_well(load, site)


@pytest.mark.parametrize("workers", [1, 2])
async def test_many_reloads_in_a_row_cost_nobody_anything(site, other_port):
    """Some told by SIGHUP, some seen by the proxy itself; the application moves with each."""
    port, _ = other_port
    home = site.upstream_port
    async with Load(site.port, site.cookies) as load:
        load.begin(each=15)
        for number in range(20):
            told = await site.reload(elsewhere(home if number % 2 else port), told=number % 4 != 0)
            assert told["event"] == "reloaded", told
            await asyncio.sleep(0.1)
        await load.finish()
    all_is_well(load, site)
