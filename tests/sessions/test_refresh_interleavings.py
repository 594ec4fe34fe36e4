"""Whatever workers do in whatever order around a renewal: a sign-out wins, and nobody is signed out by a race.

A model says of each step what must come of it. The provider in it gives a new refresh token for each that it takes.
"""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from proxy.model.decision import Ending
from proxy.model.session import Ended, EndReason, Live, Session
from proxy.sessions.refresh import Lease, Tokens
from proxy.sessions.service import Created
from support.desk import Desk

pytestmark = pytest.mark.usefixtures("patient")
LIFE = 3600.0


@dataclass(eq=False)
class Known:
    """What the model knows of one session. `holder`: who has the lease; `copies`: how workers saw it, perhaps stale."""

    created: Created
    refresh_token: str
    token_end: float
    refresh_at: float
    ended: EndReason | None = None
    holder: str | None = None
    copies: list[Session] = field(default_factory=list)


class Wall:
    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


class Renewing(RuleBasedStateMachine):
    """Three workers over one store."""

    url = ""
    known = Bundle("known")
    leases = Bundle("leases")
    workers = st.integers(0, 2)

    def __init__(self) -> None:
        super().__init__()
        self.loop, self.clock, self.issued = uvloop.new_event_loop(), Wall(), 0
        self.sessions: list[Known] = []
        self.desks: list[Desk] = []

    def run(self, work):
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self):
        async def desk():
            return Desk(self.url, self.clock)

        self.desks = [self.run(desk()) for _ in range(3)]
        self.run(self.desks[0].store._link.run("FLUSHALL"))
        for each in self.desks:
            self.run(each.clean())

    def teardown(self):
        for each in self.desks:
            self.run(each.sessions.close())
        self.loop.close()

    def token(self) -> str:
        self.issued += 1
        return f"refresh-{self.issued}"

    @rule(target=known, worker=workers)
    def sign_in(self, worker):
        token = self.token()
        desk = self.desks[worker]
        created = self.run(desk.sign_in(refresh_token=token, authenticated_at=None, token_end=self.clock() + LIFE))
        for other in self.sessions:
            if other.ended is None and self.clock() >= other.token_end:
                other.ended = EndReason.TOKEN_LIFETIME  # a sign-in sweeps what is over
        end = created.session.token_end
        one = Known(created, token, end, end - 300, copies=[created.session])
        self.sessions.append(one)
        return one

    @rule(seconds=st.sampled_from([1, 60, 290, 1700, 3290]))
    def time_passes(self, seconds):
        self.clock.now += seconds

    @rule(one=known, worker=workers)
    def request(self, one, worker):
        """A worker looks at the session, by its own copy where it has one."""
        found = self.run(self.desks[worker].sessions.load(one.created.cookie, "contoso"))
        if isinstance(found, Live):
            one.copies.append(found.session)

    @rule(one=known, worker=workers)
    def activity(self, one, worker):
        async def seen():
            self.desks[worker].sessions.note_activity(one.copies[-1], self.clock(), None)
            await self.desks[worker].sessions._activity.write_all()

        self.run(seen())

    @rule(target=leases, one=known, worker=workers)
    def begin(self, one, worker):
        lease = self.run(self.desks[worker].sessions.renewals.begin(one.created.cookie, "contoso", "adfs"))
        free = one.ended is None and one.holder is None and self.clock() >= one.refresh_at
        assert (lease is not None) is free
        if lease is not None:
            one.holder = lease.owner
            assert lease.tokens.refresh_token == one.refresh_token
        return one, lease, worker

    @rule(one=known)
    def lapse(self, one):
        """A worker died, or was slower than its lease lasts."""
        place = one.created.session.reference
        command = ("DEL", f"claims:{{{place.tag}}}:lease:{place.id_hash}")
        self.run(self.desks[0].store._link.run(*command))
        one.holder = None

    def may_write(self, one: Known, lease: Lease) -> bool:
        newest = lease.tokens.refresh_token == one.refresh_token
        return one.ended is None and newest and one.holder in (None, lease.owner) and self.clock() < one.token_end

    async def write(self, lease: Lease, worker: int, token: str, end: float) -> bool:
        session = replace(lease.session, token_end=end, refresh_at=end - 300, signed_in_at=0.0)
        return await self.desks[worker].sessions.renewals.finish(lease, session, Tokens(refresh_token=token), None)

    @rule(begun=consumes(leases))
    def finish(self, begun):
        one, lease, worker = begun
        if lease is None:
            return
        expected, token, end = self.may_write(one, lease), self.token(), self.clock() + LIFE
        assert self.run(self.write(lease, worker, token, end)) is expected
        if expected:
            one.refresh_token, one.token_end, one.refresh_at, one.holder = token, end, end - 300, None

    @rule(begun=consumes(leases))
    def refused(self, begun):
        one, lease, worker = begun
        if lease is None:
            return
        expected = one.ended is None and lease.tokens.refresh_token == one.refresh_token
        assert self.run(self.desks[worker].sessions.renewals.refuse(lease)) is expected
        if expected:
            one.ended = EndReason.REFRESH_REFUSED

    @rule(begun=consumes(leases), worker=workers)
    def sign_out_races_the_write(self, begun, worker):
        one, lease, by = begun
        if lease is None:
            return
        first, end = self.may_write(one, lease), self.clock() + LIFE

        async def both():
            over = Ending(EndReason.SIGNED_OUT, self.clock(), owes_credentials=False)
            ending = self.desks[worker].sessions.end(one.created.session, over)
            return await asyncio.gather(self.write(lease, by, self.token(), end), ending)

        written, _ = self.run(both())
        assert first or not written
        one.ended = one.ended or EndReason.SIGNED_OUT

    @rule(one=known, worker=workers)
    def sign_out(self, one, worker):
        over = Ending(EndReason.SIGNED_OUT, self.clock(), owes_credentials=False)
        assert self.run(self.desks[worker].sessions.end(one.copies[0], over)) is (one.ended is None)
        one.ended = one.ended or EndReason.SIGNED_OUT

    @rule(worker=workers)
    def sign_out_everywhere(self, worker):
        key = self.desks[worker].new().principal.key
        self.run(
            self.desks[worker].sessions.end_principal(
                key, None, EndReason.REVOKED, self.clock(), owes_credentials=False
            )
        )
        for one in self.sessions:
            one.ended = one.ended or EndReason.REVOKED

    @rule(one=known, worker=workers, which=st.integers(0, 9))
    def token_ends(self, one, worker, which):
        """A worker finds the session at its end, by a copy that may be stale."""
        copy = one.copies[which % len(one.copies)]
        if self.clock() < copy.token_end:
            return
        over = Ending(EndReason.TOKEN_LIFETIME, copy.token_end, owes_credentials=False)
        expected = one.ended is None and copy.token_end >= one.token_end
        assert self.run(self.desks[worker].sessions.end(copy, over)) is expected
        if expected:
            one.ended = EndReason.TOKEN_LIFETIME

    @invariant()
    def everybody_sees_what_is(self):
        for one in self.sessions[-6:]:
            found = self.run(self.desks[0].sessions.load(one.created.cookie, "contoso", past_cache=True))
            if one.ended is not None:
                assert isinstance(found, Ended), found
                assert found.tombstone.reason is one.ended
            else:
                assert isinstance(found, Live), found
                assert found.session.token_end == one.token_end
                assert found.session.signed_in_at == one.created.session.signed_in_at


def run(url: str, examples: int, steps: int) -> None:
    machine = type("RenewingThere", (Renewing,), {"url": url})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=steps, suppress_health_check=list(HealthCheck)),
    )


def test_a_sign_out_wins_and_nobody_is_signed_out_by_a_race(redis_server):
    run(redis_server.url, examples=15, steps=30)


@pytest.mark.slow
def test_a_sign_out_wins_and_nobody_is_signed_out_by_a_race_in_10_000_steps(redis_server):
    run(redis_server.url, examples=200, steps=50)
