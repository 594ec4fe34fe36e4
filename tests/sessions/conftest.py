from collections.abc import AsyncIterator

import pytest

from support.desk import Desk


@pytest.fixture
async def desk(clock) -> AsyncIterator[Desk]:
    """A worker on the memory store whose heartbeat a test may drive."""
    desk = Desk("memory:", clock)
    await desk.clean()
    yield desk
    await desk.sessions.close()


@pytest.fixture
async def workers(clock, redis_url) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two workers on one Redis, whose heartbeats a test may drive."""
    pair = Desk(redis_url, clock), Desk(redis_url, clock)
    for desk in pair:
        await desk.clean()
    yield pair
    for desk in pair:
        await desk.sessions.close()


@pytest.fixture
def patient(monkeypatch):
    """A machine that stands still for a moment is no store that is away, where thousands of steps are taken."""
    monkeypatch.setattr("proxy.store.link._ANSWER_WITHIN", 30.0)
    monkeypatch.setattr("proxy.store.redis._SILENT_AT_MOST", 60.0)
