import asyncio

from proxy.store.tasks import end_tasks
from support.patience import HANG


async def test_a_task_that_loses_one_cancellation_is_ended_all_the_same():
    lost = 0

    async def deaf_once():
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    await asyncio.wait_for(end_tasks([task]), HANG)
    assert task.cancelled()
    assert lost == 2


async def test_what_a_task_raises_while_it_ends_stays_there():
    async def breaks():
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise OSError("away") from None

    task = asyncio.create_task(breaks())
    await asyncio.sleep(0)
    await end_tasks([task])
    assert isinstance(task.exception(), OSError)


async def test_nothing_to_end_is_nothing_to_wait_for():
    await end_tasks([])
