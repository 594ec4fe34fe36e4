"""Threads for verifying tokens: limited in number, queue and time, and nobody else's."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from proxy.errors import ProviderUnavailable, VerificationBusy
from proxy.signin.verification import LONGEST_INLINE, Verification


class Held:
    """Work that occupies a thread until it is released."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.released = threading.Event()
        self.threads: list[str] = []

    def __call__(self) -> str:
        self.threads.append(threading.current_thread().name)
        self.begun.release()
        self.released.wait()
        return "done"


@pytest.fixture
def held():
    work = Held()
    yield work
    work.released.set()


@pytest.fixture
async def made(held) -> AsyncIterator:
    opened = []

    def make(**given) -> Verification:
        opened.append(Verification(**given))
        return opened[-1]

    yield make
    held.released.set()
    for each in opened:
        await each.close()


async def occupied(verification: Verification, held: Held, count: int) -> list[asyncio.Task[str]]:
    """So many tasks, of which those that have a thread have begun."""
    tasks = [asyncio.create_task(verification.run(held)) for _ in range(count)]
    await asyncio.to_thread(held.begun.acquire)
    return tasks


async def test_work_runs_in_threads_of_its_own(made, held):
    held.released.set()
    assert await made().run(held) == "done"
    assert held.threads[0].startswith("verification")


async def test_what_work_raises_reaches_its_caller(made):
    def fail() -> None:
        raise ValueError("wrong")

    verification = made(threads=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="wrong"):
            await verification.run(fail)


async def test_full_queue_is_refused_and_has_room_again_afterwards(made, held):
    verification = made(threads=1, waiting=2)
    tasks = await occupied(verification, held, 3)
    with pytest.raises(VerificationBusy, match="too many"):
        await verification.run(held)
    held.released.set()
    assert await asyncio.gather(*tasks) == ["done"] * 3
    assert await verification.run(held) == "done"


async def test_work_that_waits_past_the_deadline_is_never_done(made, held):
    verification = made(threads=1, waiting=5)
    await occupied(verification, held, 1)
    begun = threading.Event()
    verification._deadline = 0
    with pytest.raises(VerificationBusy, match="within 0 s"):
        await verification.run(begun.set)
    held.released.set()
    await asyncio.to_thread(verification._threads.shutdown)
    assert not begun.is_set()


async def test_work_in_progress_occupies_its_slot_after_its_caller_has_left(made, held):
    verification = made(threads=1, waiting=0)
    (task,) = await occupied(verification, held, 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(VerificationBusy, match="too many"):
        await verification.run(held)


async def test_caller_that_leaves_frees_its_place_in_the_queue(made, held):
    verification = made(threads=1, waiting=1)
    first, waiting = await occupied(verification, held, 2)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    last = asyncio.create_task(verification.run(held))
    held.released.set()
    assert await asyncio.gather(first, last) == ["done", "done"]
    assert len(held.threads) == 2


async def test_default_threads_of_the_loop_stay_free(made, held):
    await occupied(made(threads=2, waiting=100), held, 60)
    assert await asyncio.to_thread(lambda: "resolved") == "resolved"


@pytest.mark.parametrize(("length", "own"), [(LONGEST_INLINE, False), (LONGEST_INLINE + 1, True)])
async def test_short_jwt_is_verified_on_the_loop_and_a_longer_one_in_a_thread(made, length, own):
    name = await made().jwt("x" * length, lambda: threading.current_thread().name)
    assert name.startswith("verification") is own


def test_every_path_that_answers_503_for_a_provider_does_so_for_this():
    assert issubclass(VerificationBusy, ProviderUnavailable)
