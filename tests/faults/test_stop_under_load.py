"""SIGTERM in the middle of everything: nothing that was sent is lost."""

import asyncio
import time

import pytest

from support.load import ERRANDS, Load
from support.raw_http import RawClient

pytestmark = pytest.mark.slow

KINDS = {*(errand.name for errand in ERRANDS), "events", "WebSocket"}


async def stop_under(load: Load, site, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await load.all_under_way(KINDS - {"navigation"})
    seen_before = await site.seen()
    load.tolerates_end = True
    stopped_at = time.time()
    code, took = await site.stop()
    await load.finish()

    tally = load.tally
    assert tally.lost == []
    assert set(tally.answered) == KINDS
    assert tally.closes == {1001: 8}
    assert tally.said <= site.upstream.heard
    assert tally.streams_ended == 4
    assert code == 0
    assert site.errors() == []
    assert "requests_cut" not in site.events()
    assert site.events()[-1] == "stopped"
    seen = await site.seen()
    assert max(seen_before) < min(seen)
    assert min(seen) > stopped_at - 1
    print(f"{sum(tally.answered.values())} answers, stopped in {took:.2f} s, {tally.refused} refused")


@pytest.mark.parametrize("workers", [1, 2])
async def test_nothing_in_flight_is_lost_at_a_stop(site):
    async with Load(site.port, site.cookies) as load:
        load.begin()
        await stop_under(load, site, 2)


@pytest.mark.parametrize("seconds", [1.1, 1.4, 1.7, 2.3, 3.1])
async def test_nothing_is_lost_whenever_the_stop_comes_and_however_many_there_are(site, seconds):
    async with Load(site.port, site.cookies) as load:
        load.begin(each=25)
        await stop_under(load, site, seconds)


async def test_one_that_never_ends_is_cut_after_thirty_seconds_and_costs_nobody_else_anything(site):
    async with Load(site.port, site.cookies) as load:
        load.begin()
        endless = await RawClient.connect(site.port)
        lines = ["GET /never HTTP/1.1", f"Host: 127.0.0.1:{site.port}", f"Cookie: {site.cookies[0]}", "", ""]
        endless.send("\r\n".join(lines).encode())
        assert b" 200 " in await endless.reader.readline()
        await asyncio.sleep(2)
        load.tolerates_end = True
        code, took = await site.stop()
        await load.finish()
        with pytest.raises(ConnectionResetError):
            await endless.reader.read()
    assert load.tally.lost == []
    assert (code, site.errors()) == (0, [])
    assert took > 29
    print(f"stopped in {took:.2f} s")
    assert site.events().count("requests_cut") == 1
