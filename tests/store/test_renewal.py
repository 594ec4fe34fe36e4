"""The promises of a store about the renewal of sessions: a lease for one, and a write that nobody has overtaken."""

import asyncio
from dataclasses import replace

import pytest

from proxy.store.port import TOMBSTONE_SECONDS, Listener, Place, Record, Renewal, Stone, Touch
from proxy.store.redis import RedisStore
from support.patience import HANG

NOW = 1_790_000_000.25
TAG = "dGFn"
LEASE = 45.0


async def renewable(ledger, now=NOW, **facts):
    """A session that holds the refresh token `old`."""
    creation = ledger.creation(now, **facts)
    answer = await ledger.store.prepare(creation)
    await ledger.store.create(creation, answer.at, {"a": b"a", "s": b"s", "r": b"old"}, ())
    return creation.place


def renewal(place, **facts) -> Renewal:
    plain = Renewal(
        place,
        "contoso",
        owner="one",
        now=NOW + 3500,
        made_from=b"old",
        sealed={"a": b"\x00b", "r": b"new"},
        signed_in=NOW,
        token_end=NOW + 7000.5,
    )
    return replace(plain, **facts)


async def held(ledger, place):
    return await ledger.store.read(place, ("a", "s", "r"))


async def test_one_at_a_time_may_renew_a_session(ledger):
    place = await renewable(ledger)
    assert await ledger.store.lease(place, "one", LEASE, NOW)
    assert not await ledger.store.lease(place, "two", LEASE, NOW)
    assert await ledger.store.lease(place, "one", LEASE, NOW + 1)
    other = await renewable(ledger, NOW + 2)
    assert await ledger.store.lease(other, "two", LEASE, NOW + 2)


async def test_of_many_who_ask_together_one_may_renew(ledger):
    place = await renewable(ledger)
    asked = await asyncio.gather(*(ledger.store.lease(place, str(number), LEASE, NOW) for number in range(50)))
    assert sum(asked) == 1


async def test_a_lease_that_was_given_up_is_another_s_to_take(ledger):
    place = await renewable(ledger)
    await ledger.store.lease(place, "one", LEASE, NOW)
    assert not await ledger.store.lease(place, "two", 0, NOW)
    assert not await ledger.store.lease(place, "two", LEASE, NOW)
    assert await ledger.store.lease(place, "one", 0, NOW)
    assert await ledger.store.lease(place, "two", LEASE, NOW)


async def run_out(ledger, place):
    """The store's own time passes until the lease has run out."""
    if isinstance(ledger.store, RedisStore):
        await ledger.store._link.run("PEXPIRE", f"claims:{{{place.tag}}}:lease:{place.id_hash}", 0)


async def test_a_lease_runs_out(ledger):
    place = await renewable(ledger)
    await ledger.store.lease(place, "one", LEASE, NOW)
    if isinstance(ledger.store, RedisStore):
        left = await ledger.store._link.run("PTTL", f"claims:{{{place.tag}}}:lease:{place.id_hash}")
        assert LEASE - 5 < left / 1000 <= LEASE
    await run_out(ledger, place)
    assert await ledger.store.lease(place, "two", LEASE, NOW + LEASE)


async def test_nobody_gets_a_lease_on_a_session_that_is_no_more(ledger):
    place = await renewable(ledger)
    await ledger.store.end(ledger.order(place))
    assert not await ledger.store.lease(place, "one", LEASE, NOW)
    assert not await ledger.store.lease(Place(TAG, "unknown"), "one", LEASE, NOW)


async def test_a_renewal_moves_the_end_and_replaces_what_it_brings(ledger):
    place = await renewable(ledger, exempt=True)
    await ledger.store.lease(place, "one", LEASE, NOW)
    assert await ledger.store.renew(renewal(place))
    sealed = {"a": b"\x00b", "s": b"s", "r": b"new"}
    assert await held(ledger, place) == Record("contoso", NOW, NOW + 7000.5, NOW, exempt=True, sealed=sealed)
    assert await ledger.store.lease(place, "two", LEASE, NOW)


async def test_a_renewal_without_an_end_replaces_the_refresh_token_alone(ledger):
    place = await renewable(ledger, token_end=NOW + 3600.5)
    assert await ledger.store.renew(renewal(place, token_end=None, sealed={"r": b"new"}))
    found = await held(ledger, place)
    assert (found.token_end, found.sealed) == (NOW + 3600.5, {"a": b"a", "s": b"s", "r": b"new"})


async def test_a_renewal_counts_as_no_activity(ledger):
    place = await renewable(ledger)
    await ledger.store.touch([Touch(place, NOW + 20)])
    await ledger.store.renew(renewal(place))
    assert (await held(ledger, place)).seen == NOW + 20


async def test_a_renewal_brings_no_ended_session_back(ledger):
    place = await renewable(ledger)
    await ledger.store.lease(place, "one", LEASE, NOW)
    await ledger.store.end(ledger.order(place, NOW + 5))
    assert not await ledger.store.renew(renewal(place))
    assert await held(ledger, place) == Stone("contoso", "signed_out", NOW + 5)
    assert not await ledger.store.renew(renewal(Place(TAG, "unknown")))
    assert await held(ledger, Place(TAG, "unknown")) is None


async def test_a_sign_out_everywhere_wins_over_a_renewal(ledger):
    place = await renewable(ledger)
    await ledger.store.lease(place, "one", LEASE, NOW)
    await ledger.store.end_principal(TAG, None, ledger.order(Place(TAG, ""), NOW + 5, "revoked"))
    assert not await ledger.store.renew(renewal(place))
    assert isinstance(await held(ledger, place), Stone)


async def test_who_lost_the_lease_to_another_writes_nothing(ledger):
    place = await renewable(ledger)
    await ledger.store.lease(place, "one", LEASE, NOW)
    await run_out(ledger, place)
    await ledger.store.lease(place, "two", LEASE, NOW + 3500)
    assert not await ledger.store.renew(renewal(place, owner="one"))
    assert await ledger.store.renew(renewal(place, owner="two"))


async def test_who_was_overtaken_writes_nothing(ledger):
    place = await renewable(ledger)
    assert await ledger.store.renew(renewal(place, owner="two", sealed={"r": b"newer"}))
    assert not await ledger.store.renew(renewal(place, owner="one"))
    assert (await held(ledger, place)).sealed["r"] == b"newer"


async def test_who_was_slow_still_writes_where_nobody_came_since(ledger):
    place = await renewable(ledger)
    await ledger.store.lease(place, "one", LEASE, NOW)
    await run_out(ledger, place)
    assert await ledger.store.renew(renewal(place))


@pytest.mark.parametrize(("late", "written"), [(-0.25, True), (0, False), (1, False)])
async def test_a_session_that_reached_its_token_s_end_is_not_renewed(ledger, late, written):
    place = await renewable(ledger, token_end=NOW + 3600)
    assert await ledger.store.renew(renewal(place, now=NOW + 3600 + late)) is written


@pytest.mark.parametrize(("late", "exempt", "written"), [(-1, False, True), (0, False, False), (0, True, True)])
async def test_a_session_that_has_idled_out_is_not_renewed(ledger, late, exempt, written):
    place = await renewable(ledger, exempt=exempt)
    await ledger.store.touch([Touch(place, NOW + 3000)])
    assert await ledger.store.renew(renewal(place, now=NOW + 3300 + late, inactivity=300.0)) is written


async def test_a_renewed_session_is_not_ended_by_the_token_it_had(ledger):
    place = await renewable(ledger, token_end=NOW + 3600)
    await ledger.store.renew(renewal(place))
    stale = ledger.order(place, NOW + 3600, "token_lifetime", token_end_at_most=NOW + 3600)
    assert not await ledger.store.end(stale)
    assert await ledger.lives(place)
    assert await ledger.store.end(replace(stale, token_end_at_most=NOW + 7000.5))


async def test_a_session_is_not_ended_for_a_refresh_token_that_was_replaced(ledger):
    place = await renewable(ledger)
    refused = ledger.order(place, NOW + 1, "refresh_refused", made_from=b"old")
    await ledger.store.renew(renewal(place))
    assert not await ledger.store.end(refused)
    assert await ledger.store.end(replace(refused, made_from=b"new"))
    assert await held(ledger, place) == Stone("contoso", "refresh_refused", NOW + 1)


async def test_another_sign_in_sweeps_by_the_renewed_end(ledger):
    place = await renewable(ledger, token_end=NOW + 3600)
    await ledger.store.renew(renewal(place))
    await ledger.sign_in(NOW + 3700, authenticated_at=None)
    assert await ledger.lives(place)
    await ledger.sign_in(NOW + 7001, authenticated_at=None)
    assert await ledger.read(place) == Stone("contoso", "token_lifetime", NOW + 7000.5)


async def test_a_change_is_told_and_an_end_is_something_else(ledger):
    ended, beats = [], asyncio.Event()
    changed = asyncio.Queue()
    listener = Listener(
        lambda place, reason: ended.append((place, reason)), lambda _: beats.set(), lambda: None, changed.put_nowait
    )
    await ledger.store.start(listener)
    async with asyncio.timeout(HANG):
        while not beats.is_set():
            await ledger.store.beat("1")
            await asyncio.sleep(0.01)
    place = await renewable(ledger)
    await ledger.store.renew(renewal(place))
    async with asyncio.timeout(HANG):
        assert await changed.get() == place
    assert ended == []


async def test_a_session_that_goes_on_for_days_stays_listed_and_found(ledger):
    creation = ledger.creation(NOW)
    await ledger.store.create(creation, NOW, {"r": b"0"}, ("sid:abc",))
    day, now = 24 * 3600.0, NOW
    for number in range(6):
        now += day * 0.9
        await ledger.store.renew(
            renewal(
                creation.place,
                now=NOW + 1,
                made_from=str(number).encode(),
                sealed={"r": str(number + 1).encode()},
                token_end=now + day,
                names=("sid:abc",),
            )
        )
    await ledger.sign_in(now, tag="other", authenticated_at=None)
    assert creation.place in await ledger.store.listing("contoso", 0, 10)
    assert creation.place in await ledger.store.find("sid:abc")
    assert now - NOW > ledger.store.retention + TOMBSTONE_SECONDS
