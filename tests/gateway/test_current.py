import asyncio

import pytest

from proxy.gateway.current import CurrentGateway
from support.patience import HANG


class Slow:
    """A gateway whose answers wait for the test."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def handle(self, request):
        await self.go_on.wait()
        return request, self


@pytest.fixture
def first() -> Slow:
    return Slow()


async def test_a_request_is_answered_by_the_gateway_in_force_when_it_came(first):
    current, second = CurrentGateway(first), Slow()
    earlier = asyncio.ensure_future(current.handle("one"))
    await asyncio.sleep(0)
    assert current.replace(second) is first
    later = asyncio.ensure_future(current.handle("two"))
    first.go_on.set()
    second.go_on.set()
    assert await earlier == ("one", first)
    assert await later == ("two", second)


async def test_an_earlier_gateway_has_finished_with_its_last_request(first):
    current = CurrentGateway(first)
    requests = [asyncio.ensure_future(current.handle(number)) for number in range(2)]
    await asyncio.sleep(0)
    current.replace(Slow())
    finished = asyncio.ensure_future(current.finished(first))
    await asyncio.sleep(0)
    assert not finished.done()
    first.go_on.set()
    await asyncio.gather(*requests)
    await asyncio.wait_for(finished, HANG)


async def test_a_gateway_that_had_no_request_has_finished_at_once(first):
    current = CurrentGateway(first)
    current.replace(Slow())
    await asyncio.wait_for(current.finished(first), HANG)


async def test_a_request_that_fails_has_ended_too(first):
    async def fail(_request):
        raise ConnectionError

    first.handle = fail
    current = CurrentGateway(first)
    with pytest.raises(ConnectionError):
        await current.handle("one")
    current.replace(Slow())
    await asyncio.wait_for(current.finished(first), HANG)
