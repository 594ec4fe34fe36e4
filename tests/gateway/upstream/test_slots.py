import asyncio

import pytest

from proxy.errors import UpstreamBusy, UpstreamUnreachable
from proxy.gateway.upstream.slots import Slots


async def waiting(slots, count):
    loop = asyncio.get_running_loop()
    tasks = [asyncio.create_task(slots.wait(loop)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_a_turn_that_comes_together_with_a_cancellation_goes_to_the_next():
    slots = Slots(connections=0, queue=5, patience=9)
    first, second = await waiting(slots, 2)
    slots.give(None)
    first.cancel()
    assert await second is None
    assert first.cancelled()
    assert slots.free == 0


async def test_a_turn_that_nobody_wants_is_a_free_slot():
    slots = Slots(connections=0, queue=5, patience=9)
    (only,) = await waiting(slots, 1)
    slots.give(None)
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    assert (slots.free, slots.waiting) == (1, 0)


async def test_a_handed_connection_that_is_not_taken_goes_back(scripted, pool_for, request_of, read_all):
    async def script(wire):
        while await wire.head():
            wire.answer()

    pool = pool_for(await scripted(script), connections=1)
    await read_all(await pool.send(request_of()))
    lent = pool.lend(retryable=True)
    task = asyncio.create_task(pool.send(request_of()))
    await asyncio.sleep(0)
    lent.give_back()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert pool.lend(retryable=True) is lent


async def test_the_queue_is_bounded_but_for_those_who_lost_their_turn():
    slots = Slots(connections=0, queue=1, patience=9)
    (first,) = await waiting(slots, 1)
    loop = asyncio.get_running_loop()
    with pytest.raises(UpstreamBusy):
        await slots.wait(loop)
    again = asyncio.create_task(slots.wait(loop, first=True))
    await asyncio.sleep(0)
    slots.give(None)
    assert await again is None
    assert not first.done()
    slots.refuse(UpstreamUnreachable("closed"))
    with pytest.raises(UpstreamUnreachable):
        await first


async def test_patience_ends_at_its_instant():
    slots = Slots(connections=0, queue=5, patience=9)
    start = asyncio.get_running_loop().time()
    (only,) = await waiting(slots, 1)
    deadline = slots._waiters[0][0]
    assert deadline >= start + 9
    slots.expire(deadline - 0.001)
    assert slots.waiting == 1
    slots.expire(deadline)
    with pytest.raises(UpstreamBusy):
        await only
