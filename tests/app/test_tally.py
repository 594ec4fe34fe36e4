"""Counts and checks of several workers, some of which end or do not answer."""

import asyncio
import socket

import pytest

from proxy.app import tally
from proxy.app.channel import Channel
from proxy.app.messages import Done, Failed, TellChecks
from proxy.model.health import Check
from proxy.observability.metrics import Snapshot, merged


class Answering:
    """A worker that counted so much; `silent`: an event that it waits for before it answers."""

    def __init__(self, count: float) -> None:
        self.count = count
        self.silent = asyncio.Event()
        self.silent.set()
        self.asked = 0
        self.has_gone = False

    async def ask(self, message):
        self.asked += 1
        await self.silent.wait()
        if self.has_gone:
            return Failed("it has gone")
        if isinstance(message, TellChecks):
            return Done((Check("store", ok=True),))
        return Done(Snapshot({"requests": {(): self.count}}, merged(()).timings, {"workers": {(): 1}}))


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(tally, "_PATIENCE", 0.01)
    return tally.Tally(), Answering(5), Answering(7)


def requests(snapshot: Snapshot) -> float:
    return snapshot.counters["requests"][()]


async def test_silent_worker_is_counted_as_it_last_told_and_asked_once(made):
    one, first, second = made
    workers = (first, second)
    assert requests(await one.snapshot(workers)) == 12
    first.silent.clear()
    second.count = 8
    for _ in range(3):
        told = await one.snapshot(workers)
        assert (requests(told), told.gauges["workers"][()]) == (13, 1)
    assert first.asked == 2
    check, *_ = await one.checks(workers, 2)
    assert (check.ok, check.needed, check.reason) == (False, False, "1 of 2 workers answer")
    first.silent.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    told = await one.snapshot(workers)
    assert (requests(told), told.gauges["workers"][()]) == (13, 2)
    assert (await one.checks(workers, 2))[0].ok


async def test_count_does_not_rise_and_fall_when_a_worker_ends_while_others_are_asked(made):
    one, first, second = made
    await one.snapshot((first, second))
    second.silent.clear()
    asking = asyncio.ensure_future(one.snapshot((first, second)))
    await asyncio.sleep(0)
    first.has_gone = True
    one.left(first)
    assert requests(await asking) == 12
    assert requests(await one.snapshot((second,))) == 12


async def test_no_worker_that_answers_is_needed(made):
    one, first, second = made
    first.has_gone = second.has_gone = True
    [check] = await one.checks((first, second), 2)
    assert (check.ok, check.needed, check.reason) == (False, True, "0 of 2 workers answer")


async def test_question_over_a_closed_channel_is_an_end_of_file():
    ours, theirs = socket.socketpair()
    channel = await Channel.over(ours)
    theirs.close()
    with pytest.raises((EOFError, OSError)):
        await channel.ask("anything")
    with pytest.raises((EOFError, OSError)):
        await channel.ask("again")  # the transport is closed by now
