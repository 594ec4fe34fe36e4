"""Design, section 7, row 1: an outage of the store signs nobody out and lets nobody in."""

import asyncio

import pytest
import redis.asyncio as redis

from proxy.errors import StoreUnavailable
from proxy.model.decision import Ending
from proxy.model.deployment import SessionTuning
from proxy.model.session import CannotTell, Ended, EndReason, Live, NoSession
from proxy.store.port import Creation, Owed, Place, SignedIn
from support.desk import Desk
from support.patience import HANG


@pytest.fixture
async def desk(own_redis, clock):
    desk = Desk(own_redis.url, clock)
    await desk.clean()
    yield desk
    await desk.sessions.close()


def signed_out(clock) -> Ending:
    return Ending(EndReason.SIGNED_OUT, clock(), owes_credentials=False)


async def until_unclean(desk) -> None:
    async with asyncio.timeout(HANG):
        while desk.sessions._cache.is_clean:
            await desk.sessions._heart.beat()
            await asyncio.sleep(0)


async def answer_that(wanted, desk, cookie, *, past_cache=False):
    """The first answer of one of these kinds, asked for again and again."""
    async with asyncio.timeout(HANG):
        while True:
            found = await desk.sessions.load(cookie, "contoso", past_cache=past_cache)
            if isinstance(found, wanted):
                return found
            await asyncio.sleep(0.01)


async def test_an_unknown_session_cannot_be_told_and_is_never_absent(desk, own_redis):
    created = await desk.sign_in()
    own_redis.stop()
    assert await desk.sessions.load(created.cookie, "contoso") == CannotTell()
    assert await desk.sessions.load("x.y.z", "contoso") == NoSession(), "a cookie that is none of ours needs no store"


async def test_a_known_session_goes_on_for_the_grace_and_no_longer(desk, own_redis, clock):
    created = await desk.sign_in()
    await desk.lives(created)
    own_redis.stop()
    await until_unclean(desk)
    clock.advance(59)
    assert await desk.sessions.load(created.cookie, "contoso") == Live(created.session, from_store=False)
    assert await desk.sessions.load(created.cookie, "contoso", past_cache=True) == CannotTell()
    clock.advance(1)
    assert await desk.sessions.load(created.cookie, "contoso") == CannotTell()


async def test_a_grace_of_zero_is_none(own_redis, clock):
    desk = Desk(own_redis.url, clock, tuning=SessionTuning(outage_grace=0.0, cache=100))
    await desk.clean()
    created = await desk.sign_in()
    await desk.lives(created)
    own_redis.stop()
    await until_unclean(desk)
    assert await desk.sessions.load(created.cookie, "contoso") == CannotTell()
    await desk.sessions.close()


async def test_what_must_reach_the_store_says_that_it_did_not(desk, own_redis, clock):
    created = await desk.sign_in()
    own_redis.stop()
    for attempt in (
        lambda: desk.sessions.create(desk.new()),
        lambda: desk.sessions.end(created.session, signed_out(clock)),
        lambda: desk.sessions.use_once("ticket", 30),
        lambda: desk.sessions.signed_out_after("alice", "contoso"),
        desk.sessions.listing,
    ):
        with pytest.raises(StoreUnavailable):
            await attempt()


async def test_dead_store_is_not_asked_between_probes(desk, own_redis, monkeypatch):
    created = await desk.sign_in()
    own_redis.stop()
    monkeypatch.setattr("proxy.store.link._PROBE_EVERY", HANG)
    await desk.sessions.load(created.cookie, "contoso")
    asked = []
    desk.store._link._observe = lambda *facts: asked.append(facts)
    for _ in range(100):
        assert await desk.sessions.load(created.cookie, "contoso") == CannotTell()
    assert asked == []


async def test_a_store_that_hangs_is_unreachable_within_its_time(desk, own_redis):
    created = await desk.sign_in()
    own_redis.process.send_signal(19)  # SIGSTOP: connected, but silent
    try:
        async with asyncio.timeout(HANG):
            assert await desk.sessions.load(created.cookie, "contoso") == CannotTell()
    finally:
        own_redis.process.send_signal(18)  # SIGCONT
    assert isinstance(await answer_that(Live | NoSession, desk, created.cookie, past_cache=True), Live)


async def test_a_session_ended_while_messages_were_missed_is_not_served_again(desk, own_redis, clock):
    other = Desk(own_redis.url, clock)
    created = await desk.sign_in()
    told = asyncio.get_running_loop().create_future()
    desk.sessions.watch(created.session, told.set_result)
    await desk.lives(created)
    client = redis.Redis.from_url(own_redis.url)
    await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await other.sessions.end(created.session, signed_out(clock))
    await answer_that(Ended, desk, created.cookie)
    await desk.clean_again()
    assert await asyncio.wait_for(told, HANG) is EndReason.SIGNED_OUT
    await other.sessions.close()
    await client.aclose()


async def test_a_store_that_restarts_is_used_again_and_its_scripts_come_back(desk, own_redis, clock):
    lost = await desk.sign_in()
    own_redis.stop()
    own_redis.start()
    assert await answer_that(Live | NoSession, desk, lost.cookie, past_cache=True) == NoSession()
    created = await desk.sign_in()
    await desk.lives(created)
    desk.sessions.note_activity(created.session, clock.advance(9), None)
    await desk.sessions._activity.write_all()
    await desk.clean_again()
    found = await desk.sessions.load(created.cookie, "contoso")
    assert found.session.last_activity == clock()


async def test_activity_waits_for_the_store_and_is_written_on_close(own_redis, clock):
    desk, other = Desk(own_redis.url, clock), Desk(own_redis.url, clock)
    created = await desk.sign_in()
    desk.sessions.note_activity(created.session, clock.advance(9), None)
    await desk.sessions.close()
    found = await other.sessions.load(created.cookie, "contoso")
    assert found.session.last_activity == clock()
    await other.sessions.close()


async def test_a_replica_s_refusal_to_write_is_an_outage(desk, own_redis):
    client = redis.Redis.from_url(own_redis.url)
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreUnavailable):
        await desk.sessions.create(desk.new())
    await client.execute_command("REPLICAOF", "NO", "ONE")
    await client.aclose()


def creation_at(now, id_hash, **facts) -> Creation:
    return Creation(Place("tag", id_hash), "contoso", now, now + 3600, **{"authenticated_at": now - 1} | facts)


async def test_a_session_that_the_store_forgot_owes_credentials_all_the_same(desk, clock):
    creation = creation_at(clock(), "one")
    assert await desk.store.create(creation, clock(), {}, ()) == SignedIn(clock())
    client = desk.store._link
    key = f"claims:{{{creation.place.tag}}}:session:{creation.place.id_hash}"
    kept_for = await client.run("TTL", key)
    assert 2 * 86_400 - 5 <= kept_for <= 2 * 86_400, "from the limits' maximum, not from the end"
    await client.run("DEL", key)
    clock.advance(700)
    again = creation_at(clock(), "two", authenticated_at=clock() - 701, inactivity=600.0)
    assert isinstance(await desk.store.prepare(again), Owed)


async def test_the_steady_state_costs_at_most_two_commands_in_a_hundred_requests(desk, clock):
    created = await desk.sign_in()
    await desk.lives(created)
    client = redis.Redis.from_url(desk.url)
    await client.execute_command("CONFIG", "RESETSTAT")
    for _ in range(1000):
        clock.advance(0.01)
        assert await desk.lives(created)
        desk.sessions.note_activity(created.session, clock(), 3600.0)
        await desk.sessions._heart.write()
    stats = await client.info("commandstats")
    calls = {name: row["calls"] for name, row in stats.items() if not name.startswith("cmdstat_config")}
    calls.pop("cmdstat_info", None)
    print(f"commands for 1,000 requests: {calls}")
    assert sum(calls.values()) / 1000 <= 0.02
    await client.aclose()


async def test_a_worker_starts_without_the_store_and_is_whole_once_it_answers(own_redis, clock):
    own_redis.stop()
    desk = Desk(own_redis.url, clock)
    await desk.sessions.start()
    own_redis.start()
    created = await first_sign_in(desk)
    hit = await answer_that(Live, desk, created.cookie)
    async with asyncio.timeout(HANG):
        while hit.from_store:
            await asyncio.sleep(0.01)
            hit = await desk.sessions.load(created.cookie, "contoso")
    desk.sessions.note_activity(created.session, clock.advance(295), 300.0)
    other = Desk(own_redis.url, clock)
    async with asyncio.timeout(HANG):
        while True:
            found = await other.sessions.load(created.cookie, "contoso")
            if found.session.last_activity == clock():
                break
            await asyncio.sleep(0.01)
    await other.sessions.close()
    await desk.sessions.close()


async def first_sign_in(desk):
    async with asyncio.timeout(HANG):
        while True:
            try:
                return await desk.sign_in()
            except StoreUnavailable:
                await asyncio.sleep(0.05)
