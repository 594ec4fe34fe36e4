import asyncio

import pytest

from proxy.signin.shared_call import SharedCall


class Slow:
    """Counts its calls; each ends when the test says so."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.calls += 1
        await self.go.wait()
        if self.calls == 1:
            raise OSError("away")
        return self.calls


async def test_all_who_wait_share_one_call_and_what_it_raises():
    slow = Slow()
    shared = SharedCall(slow)
    waiting = [asyncio.ensure_future(shared()) for _ in range(6)]
    await asyncio.sleep(0)
    assert shared.is_running
    slow.go.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert slow.calls == 1
    assert all(isinstance(answer, OSError) for answer in answers)
    assert await shared() == 2, "who comes later asks anew"


async def test_one_who_goes_away_does_not_take_it_from_the_others():
    slow = Slow()
    slow.calls = 1
    shared = SharedCall(slow)
    first, second = (asyncio.ensure_future(shared()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    slow.go.set()
    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first
