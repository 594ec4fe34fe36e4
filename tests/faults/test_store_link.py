"""Faults that say nothing: a connection cut without a word, a store that hangs, one that is full, a foreign message."""

import asyncio
import time

import pytest

from proxy.errors import StoreUnavailable
from proxy.model.decision import Ending
from proxy.model.session import CannotTell, Ended, EndReason, Live
from proxy.store.port import Place
from support.desk import Desk
from support.patience import HANG, until
from support.relay import Relay

UNKNOWN = ".".join(letter * 22 for letter in "ABC")


@pytest.fixture
async def relay(redis_server):
    relay = Relay(redis_server.port)
    await relay.start()
    yield relay
    await relay.close()


@pytest.fixture
async def desk(own_redis, clock):
    desk = Desk(own_redis.url, clock)
    await desk.clean()
    yield desk
    await desk.sessions.close()


def signed_out(clock, *, owes_credentials=False) -> Ending:
    return Ending(EndReason.SIGNED_OUT, clock(), owes_credentials=owes_credentials)


async def timed(name: str, holds) -> None:
    """Wait until `holds()`, and print after how many seconds it did."""
    began = time.monotonic()
    await until(holds)
    print(f"{name} after {time.monotonic() - began:.2f} s")


async def just_after_a_beat(cache) -> None:
    """The worst instant for a subscription to break: the next beat is a whole second away."""
    await until(lambda: cache.is_clean and not cache.awaits_beat)
    heard = cache._beat_heard
    await until(lambda: cache._beat_heard != heard)


async def test_silent_subscription_is_noticed_and_replaced(relay, redis_url, clock):
    desk, other = Desk(f"redis://127.0.0.1:{relay.port}/0", clock), Desk(redis_url, clock)
    await desk.sessions.start()
    cache = desk.sessions._cache
    await just_after_a_beat(cache)
    created = await desk.sign_in()
    assert await desk.lives(created)
    assert relay.silence(b"SUBSCRIBE") == 1
    await other.sessions.end(created.session, signed_out(clock))
    assert isinstance(await desk.sessions.load(created.cookie, "contoso"), Live), "nobody can know yet"
    await timed("silent subscription: unclean", lambda: not cache.is_clean)
    assert isinstance(await desk.sessions.load(created.cookie, "contoso"), Ended)
    await until(lambda: cache.is_clean)
    await desk.sessions.close()
    await other.sessions.close()


async def test_hanging_store_makes_cached_sessions_unclean(own_redis, clock):
    desk = Desk(own_redis.url, clock)
    await desk.sessions.start()
    cache = desk.sessions._cache
    await just_after_a_beat(cache)
    own_redis.process.send_signal(19)  # SIGSTOP
    try:
        await timed("hanging store: unclean", lambda: not cache.is_clean)
    finally:
        own_redis.process.send_signal(18)  # SIGCONT
    await until(lambda: cache.is_clean)
    await desk.sessions.close()


async def test_a_quiet_subscription_is_asked_and_not_taken_for_a_broken_one(redis_url, clock, monkeypatch):
    for name, seconds in (("_LISTEN_FOR", 0.01), ("_PING_AFTER", 0.02), ("_SILENT_AT_MOST", 0.5)):
        monkeypatch.setattr(f"proxy.store.redis.{name}", seconds)
    desk, lost = Desk(redis_url, clock), []
    await desk.clean()
    monkeypatch.setattr(desk.sessions._cache, "lost", lambda: lost.append(True))
    began = time.monotonic()
    while time.monotonic() < began + 1:  # twice as long as silence is borne
        stats = await desk.store._link.run("INFO", "commandstats")
    assert not lost
    assert stats["cmdstat_ping"]["calls"] >= 10
    await desk.sessions.close()


async def test_one_request_probes_a_hanging_store_and_the_others_fail_without_asking(desk, own_redis):
    own_redis.process.send_signal(19)  # SIGSTOP
    try:
        assert await desk.sessions.load(UNKNOWN, "contoso") == CannotTell()
        asked = []
        desk.store._link._observe = lambda *facts: asked.append(facts)
        desk.store._link._probe_at = 0.0
        answers = await asyncio.gather(*(desk.sessions.load(UNKNOWN, "contoso") for _ in range(50)))
        assert answers == [CannotTell()] * 50
        assert len(asked) == 1
    finally:
        own_redis.process.send_signal(18)  # SIGCONT


async def test_a_probe_that_was_given_up_lets_the_next_one_ask(desk, own_redis):
    created = await desk.sign_in()
    own_redis.process.send_signal(19)  # SIGSTOP
    assert await desk.sessions.load(created.cookie, "contoso") == CannotTell()
    desk.store._link._probe_at = 0.0
    probe = asyncio.ensure_future(desk.sessions.load(created.cookie, "contoso"))
    await asyncio.sleep(0)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    own_redis.process.send_signal(18)  # SIGCONT
    assert await desk.lives(created)


async def test_a_full_store_refuses_sign_ins_yet_knows_its_sessions_and_signs_out(desk, clock):
    one, two = await desk.sign_in(), await desk.sign_in()
    await desk.store._link.run("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailable):
        await desk.sign_in()
    assert await desk.lives(one), "an answer, if only a refusal, is no outage"
    clock.advance(1)
    await desk.sessions.end(one.session, signed_out(clock, owes_credentials=True))
    key = two.session.principal.key
    assert await desk.sessions.end_principal(key, None, EndReason.REVOKED, clock(), owes_credentials=True) == 1
    for created in (one, two):
        assert isinstance(await desk.sessions.load(created.cookie, "contoso"), Ended)
    marks = await desk.store.marks([one.session.reference.tag], "contoso")
    assert (marks.credentials_after, marks.signed_out_after) == (clock(), clock())


async def test_a_message_that_nobody_understands_leaves_nobody_deaf(desk, clock):
    created = await desk.sign_in()
    for foreign in ("", "tag", "tag id a-reason-of-tomorrow", b"\xff\xfe", "tag id"):
        await desk.store._link.run("PUBLISH", "claims:ended", foreign)
    told = asyncio.get_running_loop().create_future()
    await desk.lives(created)
    desk.sessions.watch(created.session, told.set_result)
    other = Desk(desk.url, clock)
    await other.sessions.end(created.session, signed_out(clock))
    async with asyncio.timeout(HANG):
        while not told.done():
            await desk.sessions._heart.beat()
            await asyncio.sleep(0.01)
    assert told.result() is EndReason.SIGNED_OUT
    await other.sessions.close()


async def test_an_end_for_a_reason_of_tomorrow_is_an_end(desk, clock):
    created = await desk.sign_in()
    place = Place(created.session.reference.tag, created.session.reference.id_hash)
    await desk.store._link.run("HSET", f"claims:{{{place.tag}}}:session:{place.id_hash}", *("t", "tomorrow"), "at", "1")
    await desk.store._link.run("HSET", f"claims:{{{place.tag}}}:session:{place.id_hash}", "org", "contoso")
    found = await desk.sessions.load(created.cookie, "contoso")
    assert isinstance(found, Ended)
    assert found.tombstone.reason is EndReason.REVOKED


async def test_what_was_done_has_not_failed_where_only_its_tidying_does(desk, clock, monkeypatch):
    created = await desk.sign_in()

    async def refused(_commands):
        raise StoreUnavailable("tidying")

    monkeypatch.setattr(desk.store._link, "run_all", refused)
    await desk.sessions.end(created.session, signed_out(clock))
    assert isinstance(await desk.sessions.load(created.cookie, "contoso"), Ended)


async def test_the_index_of_a_subject_forgets_with_its_sessions(desk, clock):
    first = await desk.sign_in(subject="robot")
    clock.advance(47 * 3600)
    second = await desk.sign_in(subject="robot")
    (key,) = await desk.store._link.run("KEYS", "claims:sub:*")
    assert await desk.store._link.run("ZCARD", key) == 2
    clock.advance(2 * 3600)
    await desk.sign_in(subject="robot")
    members = {place.decode() for place in await desk.store._link.run("ZRANGE", key, 0, -1)}
    kept, gone = second.session.reference, first.session.reference
    assert f"{kept.tag}:{kept.id_hash}" in members
    assert f"{gone.tag}:{gone.id_hash}" not in members
