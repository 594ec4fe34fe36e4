"""Renewing a session: one caller, nothing resurrected, the cookie and the signed-in instant kept."""

import asyncio
import math
from dataclasses import replace

import pytest

from proxy.errors import StoreUnavailable
from proxy.model.decision import Ending
from proxy.model.deployment import SessionTuning
from proxy.model.session import Ended, EndReason, Live
from proxy.sealing import Sealer
from proxy.sessions.refresh import Tokens
from support.desk import ALICE, RETENTION, SECRET, Desk
from support.patience import until

PROMOTED = replace(ALICE, name="Alice Archer", roles=("System Administrator",))


async def due(desk, **facts):
    """A session with a refresh token, in the last minutes of its token."""
    created = await desk.sign_in(refresh_token="refresh-1", id_token="e30.e30.", provider_session="sid", **facts)
    desk.clock.advance(3400)
    return created


def renewed(lease, **changes):
    facts = {"token_end": lease.session.token_end + 3600, "refresh_at": lease.session.token_end + 3300} | changes
    return replace(lease.session, **facts)


async def loaded(desk, created):
    return await desk.sessions.load(created.cookie, "contoso")


async def test_a_session_is_due_in_the_last_five_minutes_of_its_token(desk):
    created = await desk.sign_in(refresh_token="refresh-1")
    assert created.session.refresh_at == created.session.token_end - 300
    assert (await loaded(desk, created)).session.refresh_at == created.session.token_end - 300


async def test_a_session_without_a_refresh_token_is_never_due(desk):
    created = await desk.sign_in()
    assert created.session.refresh_at == math.inf
    assert (await loaded(desk, created)).session.refresh_at == math.inf
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is None


async def test_a_renewal_is_not_begun_before_it_is_due(desk):
    created = await desk.sign_in(refresh_token="refresh-1")
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is None
    desk.clock.advance(3300)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    assert lease.tokens.refresh_token == "refresh-1"


@pytest.mark.parametrize("organization", ["fabrikam", ""])
async def test_another_organization_s_cookie_renews_nothing(desk, organization):
    created = await due(desk)
    assert await desk.sessions.renewals.begin(created.cookie, organization, "adfs") is None
    assert await desk.sessions.renewals.begin("garbage", "contoso", "adfs") is None
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is not None


async def test_a_foreign_secret_in_the_cookie_renews_nothing(desk):
    created = await due(desk)
    tag, identity, _ = created.cookie.split(".")
    assert await desk.sessions.renewals.begin(f"{tag}.{identity}.{'A' * 22}", "contoso", "adfs") is None
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is not None


async def test_a_renewal_keeps_the_cookie_and_the_signed_in_instant_and_takes_the_new_claims(desk):
    created = await due(desk)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    after = renewed(lease, principal=PROMOTED, signed_in_at=0.0)
    assert await desk.sessions.renewals.finish(lease, after, Tokens("e30.e30.x", "refresh-2"), None)
    found = await loaded(desk, created)
    assert found == Live(replace(created.session, principal=PROMOTED, **ends(lease)), from_store=True)
    assert await desk.sessions.tokens(created.cookie, "contoso") == Tokens("e30.e30.x", "refresh-2")


def ends(lease):
    return {"token_end": lease.session.token_end + 3600, "refresh_at": lease.session.token_end + 3300}


async def test_a_provider_that_renews_no_refresh_token_leaves_the_one_there_is(desk):
    created = await due(desk)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    assert await desk.sessions.renewals.finish(lease, renewed(lease), Tokens("e30.e30.x"), None)
    assert (await desk.sessions.tokens(created.cookie, "contoso")).refresh_token == "refresh-1"
    desk.clock.advance(3600)
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is not None


async def test_one_of_all_workers_renews_a_session(workers):
    one, other = workers
    created = await due(one)
    begun = [desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") for desk in workers for _ in range(20)]
    leases = [lease for lease in await asyncio.gather(*begun) if lease is not None]
    assert len(leases) == 1
    await one.sessions.renewals.finish(leases[0], renewed(leases[0]), Tokens(), None)
    assert await other.sessions.renewals.begin(created.cookie, "contoso", "adfs") is None


async def test_other_workers_learn_of_a_renewal(workers):
    one, other = workers
    created = await due(one)
    assert (await loaded(other, created)).session.token_end == created.session.token_end
    assert other.sessions.cached(created.cookie, "contoso") is not None
    lease = await one.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    await one.sessions.renewals.finish(lease, renewed(lease), Tokens(), None)
    await until(lambda: other.sessions.cached(created.cookie, "contoso") is None)
    assert (await loaded(other, created)).session.token_end == created.session.token_end + 3600


async def test_nobody_watching_is_told_of_an_end_by_a_renewal(desk):
    created, heard = await due(desk), []
    desk.sessions.watch(created.session, heard.append)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    await desk.sessions.renewals.finish(lease, renewed(lease), Tokens(), None)
    assert heard == []
    await desk.sessions.end(created.session, Ending(EndReason.SIGNED_OUT, desk.clock(), owes_credentials=False))
    assert heard == [EndReason.SIGNED_OUT]


async def test_a_sign_out_during_a_renewal_wins(desk):
    created = await due(desk)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    await desk.sessions.end(created.session, Ending(EndReason.SIGNED_OUT, desk.clock(), owes_credentials=False))
    assert not await desk.sessions.renewals.finish(lease, renewed(lease), Tokens(), None)
    found = await loaded(desk, created)
    assert isinstance(found, Ended)
    assert found.tombstone.reason is EndReason.SIGNED_OUT
    assert not await desk.sessions.renewals.refuse(lease)


async def test_a_worker_with_a_stale_copy_does_not_end_a_renewed_session(desk):
    created = await due(desk)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    await desk.sessions.renewals.finish(lease, renewed(lease), Tokens(), None)
    over = Ending(EndReason.TOKEN_LIFETIME, created.session.token_end, owes_credentials=False)
    assert not await desk.sessions.end(created.session, over)
    assert await desk.lives(created)
    assert await desk.sessions.end(renewed(lease), over)


async def test_a_refused_session_ends_with_its_own_reason_and_is_told(desk):
    created, heard = await due(desk), []
    desk.sessions.watch(created.session, heard.append)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    assert await desk.sessions.renewals.refuse(lease)
    assert (await loaded(desk, created)).tombstone.reason is EndReason.REFRESH_REFUSED
    assert heard == [EndReason.REFRESH_REFUSED]
    assert not await desk.sessions.renewals.refuse(lease)


async def test_put_off_keeps_everybody_from_trying_for_so_long(desk):
    created = await due(desk)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    await desk.sessions.renewals.put_off(lease, 10)
    desk.clock.advance(9)
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is None
    desk.clock.advance(1)
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is not None


async def test_a_lease_of_a_worker_that_died_runs_out(desk):
    created = await due(desk)
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is not None
    desk.clock.advance(89)
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is None
    desk.clock.advance(1)
    assert await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs") is not None


async def test_a_renewal_is_no_activity(desk):
    created = await due(desk)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    await desk.sessions.renewals.finish(lease, renewed(lease), Tokens(), 3600.0)
    assert (await loaded(desk, created)).session.last_activity == created.session.last_activity


async def test_an_idle_session_is_not_renewed(desk):
    created = await due(desk)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    assert not await desk.sessions.renewals.finish(lease, renewed(lease), Tokens(), 3400.0)
    assert await desk.sessions.renewals.finish(lease, renewed(lease), Tokens(), 3401.0)


async def test_a_session_of_an_older_secret_is_renewed_under_the_newest(desk):
    created = await due(desk)
    newer = Sealer(("another-secret-of-at-least-thirty-two", SECRET))
    desk.sessions.adopt(newer, SessionTuning(), retention=RETENTION, drop_copies=False)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    assert await desk.sessions.renewals.finish(lease, renewed(lease), Tokens(), None)
    without = Sealer(("another-secret-of-at-least-thirty-two",))
    desk.sessions.adopt(without, SessionTuning(), retention=RETENTION, drop_copies=True)
    assert await desk.lives(created)


async def test_one_that_goes_on_is_found_for_longer_by_its_provider_and_its_user(workers):
    desk, far = workers[0], 10 * RETENTION
    created = await due(desk, provider="adfs", subject="sub")
    listing, place = desk.sessions.directory, created.session.reference
    names = (*listing.names("adfs", "sid", "sub"), *listing.names_of_user(ALICE.upn, ALICE.name))

    async def kept_until():
        return [
            await desk.store._link.run("ZSCORE", f"claims:{name}", f"{place.tag}:{place.id_hash}") for name in names
        ]

    before = list(map(float, await kept_until()))
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    assert await desk.sessions.renewals.finish(lease, renewed(lease, token_end=desk.clock() + far), Tokens(), None)
    assert all(
        float(after) > earlier + far - RETENTION for earlier, after in zip(before, await kept_until(), strict=True)
    )


async def test_a_store_that_is_away_raises_and_changes_nothing(clock, own_redis):
    desk = Desk(own_redis.url, clock)
    created = await due(desk)
    lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
    own_redis.stop()
    for work in (
        desk.sessions.renewals.begin(created.cookie, "contoso", "adfs"),
        desk.sessions.renewals.finish(lease, renewed(lease), Tokens(), None),
        desk.sessions.renewals.put_off(lease, 5),
        desk.sessions.renewals.refuse(lease),
        desk.sessions.tokens(created.cookie, "contoso"),
    ):
        with pytest.raises(StoreUnavailable):
            await work
    await desk.sessions.close()
