"""Whatever two workers do in whatever order: no ended session comes back."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.model.decision import Ending
from proxy.model.session import Ended, EndReason, Live
from proxy.sessions.service import Created
from support.desk import Desk

STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "load", "touch", "flush", "end", "end_all"]), st.integers(0, 3)), max_size=25
)


async def step(desk, action, number, made, over):
    if action == "create":
        answer = await desk.sessions.create(desk.new(authenticated_at=None))
        if isinstance(answer, Created):
            made.append(answer)
    elif action == "flush":
        await desk.sessions._activity.write_all()
    elif action == "end_all":
        known = list(made)
        key = desk.new().principal.key
        await desk.sessions.end_principal(key, None, EndReason.REVOKED, desk.clock(), owes_credentials=False)
        over.update(each.cookie for each in known)
    elif number < len(made):
        await one(desk, action, made[number], over)


async def one(desk, action, created, over):
    if action == "touch":
        desk.sessions.note_activity(created.session, desk.clock(), 300.0)
    elif action == "end":
        await desk.sessions.end(created.session, Ending(EndReason.SIGNED_OUT, desk.clock(), owes_credentials=False))
        over.add(created.cookie)
    else:
        ended_before = created.cookie in over
        found = await desk.sessions.load(created.cookie, "contoso")
        assert isinstance(found, Ended if ended_before else Live | Ended)


QUICK = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=80, **QUICK)
@given(steps=STEPS)
def test_no_ended_session_comes_back_on_the_memory_twin(clock, steps):
    asyncio.run(run("memory:", clock, steps, together=False))


@settings(max_examples=25, **QUICK)
@given(steps=STEPS, together=st.booleans())
def test_no_ended_session_comes_back_on_redis(clock, redis_server, steps, together):
    clock.advance(10)
    asyncio.run(run(redis_server.url, clock, steps, together=together))


async def run(url, clock, steps, *, together):
    desk, made, over = Desk(url, clock), [], set()
    await desk.clean()
    work = []
    for action, number in steps:
        clock.advance(1)
        work.append(asyncio.ensure_future(step(desk, action, number, made, over)))
        if not together:
            await work[-1]
    await asyncio.gather(*work)
    await desk.sessions._activity.write_all()
    for created in made:
        for past_cache in (False, True):
            found = await desk.sessions.load(created.cookie, "contoso", past_cache=past_cache)
            assert isinstance(found, Ended) or created.cookie not in over
    await desk.sessions.close()
