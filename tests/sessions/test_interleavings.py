"""Whatever two workers do in whatever order: no ended session comes back, no sign-in of before a sign-out gets by."""

import asyncio
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.model.decision import Ending
from proxy.model.session import Ended, EndReason, Live
from proxy.sessions.refresh import Lease, Tokens
from proxy.sessions.service import Created, NewSession
from support.desk import ALICE, Desk
from support.patience import HANG

pytestmark = pytest.mark.usefixtures("patient")
SIGN_OUTS = ("end", "end_all", "everywhere", "by_provider")
RENEWALS = ("renew", "renewed")
ACTIONS = ("create", "set_out", "call_back", "load", "touch", "flush", *RENEWALS, *SIGN_OUTS)
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 3), st.integers(0, 1)), min_size=8, max_size=25)
AT_ONCE = 20
_numbers = count()


@dataclass
class Story:
    """What two workers on one store did to the sessions of one person.

    `under_way`: sign-ins that the provider has answered and that are not completed; `renewing`: renewals likewise.
    `over`: cookies of sessions that a sign-out ended. `out`: when the person was last signed out of all, and when
    each of the provider's sessions.
    """

    desks: tuple[Desk, ...]
    number: int = field(default_factory=lambda: next(_numbers))
    made: list[Created] = field(default_factory=list)
    under_way: list[NewSession] = field(default_factory=list)
    renewing: list[tuple[Created, Lease]] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    out: dict[str, float] = field(default_factory=dict)

    def new(self, desk: Desk, **facts) -> NewSession:
        """A sign-in of this story's person."""
        who = replace(ALICE, key=f"adfs|sid|{self.number}")
        return desk.new(principal=who, provider="adfs", refresh_token="refresh", **facts)

    async def step(self, action: str, number: int, worker: int) -> None:
        desk = self.desks[worker % len(self.desks)]
        now, sid = desk.clock(), f"{self.number} {number % 2}"
        match action:
            case "create":
                await self.create(desk, self.new(desk, authenticated_at=None, provider_session=sid))
            case "set_out":
                self.under_way.append(self.new(desk, authenticated_at=now, provider_session=sid, started_at=now))
            case "call_back" if self.under_way:
                await self.create(desk, replace(self.under_way.pop(0), now=now))
            case "flush":
                await desk.sessions._activity.write_all()
            case "end_all" | "everywhere" | "by_provider":
                await self.sign_out(desk, action, sid)
            case "renewed" if self.renewing:
                await self.renewed(desk, *self.renewing.pop(0))
            case "load" | "touch" | "end" | "renew" if number < len(self.made):
                await self.one(desk, action, self.made[number])

    async def create(self, desk: Desk, new: NewSession) -> None:
        before = dict(self.out)
        answer = await desk.sessions.create(new)
        if not isinstance(answer, Created):
            return
        if new.authenticated_at is not None:
            # Signed out after the authentication and before the callback: nothing but a newer one brings it back.
            for name in ("everywhere", "all", new.provider_session):
                assert before.get(name, 0.0) < new.authenticated_at
        self.made.append(answer)

    async def sign_out(self, desk: Desk, action: str, sid: str) -> None:
        known, now, key = list(self.made), desk.clock(), self.new(desk).principal.key
        if action == "by_provider":
            known = [each for each in known if each.session.provider_session == sid]
            found = await desk.sessions.signed_out_by_provider("adfs", provider_session=sid, subject=None, now=now)
            for each in found:
                await desk.sessions.end_listed(each, EndReason.SIGNED_OUT, now, owes_credentials=False)
            self.out[sid] = now
        else:
            owes = action == "everywhere"
            await desk.sessions.end_everywhere(key, None, EndReason.SIGNED_OUT, now, owes_credentials=owes)
            self.out["everywhere" if owes else "all"] = now
        self.over.update(each.cookie for each in known)

    async def one(self, desk: Desk, action: str, created: Created) -> None:
        if action == "renew":
            over = created.cookie in self.over
            lease = await desk.sessions.renewals.begin(created.cookie, "contoso", "adfs")
            assert not (over and lease)
            self.renewing += [(created, lease)] if lease else []
        elif action == "touch":
            desk.sessions.note_activity(created.session, desk.clock(), 300.0)
        elif action == "end":
            ending = Ending(EndReason.SIGNED_OUT, desk.clock(), owes_credentials=False)
            await desk.sessions.end(created.session, ending)
            self.over.add(created.cookie)
        else:
            ended_before = created.cookie in self.over
            # Of another worker's end a worker learns by a message: what it says at once is the store's word alone.
            found = await desk.sessions.load(created.cookie, "contoso", past_cache=len(self.desks) > 1)
            assert isinstance(found, Ended if ended_before else Live | Ended)

    async def renewed(self, desk: Desk, created: Created, lease: Lease) -> None:
        over = created.cookie in self.over
        session = replace(lease.session, token_end=lease.session.token_end + 60)
        written = await desk.sessions.renewals.finish(lease, session, Tokens(refresh_token="another"), None)
        assert not (over and written)

    def was_signed_out(self, created: Created) -> bool:
        """Whether a sign-out came after the authentication that made it, however late it was made."""
        session = created.session
        began = session.signed_in_at if session.credentials_at is None else session.credentials_at
        return any(began < self.out.get(name, 0.0) for name in ("everywhere", "all", session.provider_session))

    async def close(self) -> None:
        """Everything settles: what was ended is so for every worker, by the store's word and by its own."""
        for desk in self.desks:
            await desk.sessions._activity.write_all()
        for desk in self.desks:
            for created in self.made:
                found = await desk.sessions.load(created.cookie, "contoso", past_cache=True)
                assert isinstance(found, Ended) or not (created.cookie in self.over or self.was_signed_out(created))
            async with asyncio.timeout(HANG):
                while self.knows_a_dead_one(desk):  # noqa: ASYNC110 - the other worker's message is on its way
                    await asyncio.sleep(0.001)

    def knows_a_dead_one(self, desk: Desk) -> bool:
        return any(desk.sessions.cached(cookie, "contoso") for cookie in self.over)


async def tell(story: Story, clock, steps, *, together: bool) -> None:
    work = []
    for action in steps:
        clock.advance(1)
        work.append(asyncio.ensure_future(story.step(*action)))
        # Together, each begins at its own instant, and goes on while those after it begin.
        await (asyncio.sleep(0) if together else work[-1])
    await asyncio.gather(*work)
    await story.close()


async def run(urls, clock, stories, *, together):
    """Stories of so many people, all at once."""
    clock.advance(10)
    desks = tuple(Desk(url, clock) for url in urls)
    for desk in desks:
        await desk.clean()
    try:
        await asyncio.gather(*(tell(Story(desks), clock, steps, together=together) for steps in stories))
    finally:
        for desk in desks:
            await desk.sessions.close()


@pytest.fixture(autouse=True)
def due_at_once(monkeypatch):
    """A session may be renewed as soon as there is one."""
    monkeypatch.setattr("proxy.sessions.creation.refresh_at", lambda _end, now: now)


@settings(max_examples=80)
@given(steps=STEPS)
def test_no_ended_session_comes_back_on_the_memory_twin(clock, steps):
    asyncio.run(run(("memory:",), clock, [steps], together=False))


@settings(max_examples=40)
@given(steps=STEPS, together=st.booleans())
def test_no_ended_session_comes_back_on_redis(clock, redis_server, steps, together):
    asyncio.run(run((redis_server.url,) * 2, clock, [steps], together=together))


@pytest.mark.slow
@settings(max_examples=10_000 // AT_ONCE)
@given(stories=st.lists(STEPS, min_size=AT_ONCE, max_size=AT_ONCE), together=st.booleans())
def test_no_ended_session_comes_back_in_ten_thousand_stories(clock, redis_server, stories, together):
    asyncio.run(run((redis_server.url,) * 2, clock, stories, together=together))
