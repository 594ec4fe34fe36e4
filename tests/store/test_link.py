"""Whoever counts hears of each question to Redis: what was asked, how it ended, how long it took."""

import pytest

from proxy.errors import StoreUnavailable
from proxy.store.link import Link


@pytest.fixture
async def link(own_redis):
    """A link whose `heard` are the questions so far, without their times."""
    heard = []

    def observe(operation: str, outcome: str, seconds: float) -> None:
        assert 0 <= seconds < 10
        heard.append((operation, outcome))

    one = Link(own_redis.url, None, observe)
    one.heard = heard
    yield one
    await one.close()


async def test_each_kind_of_question_is_told_by_name(link):
    await link.run("SET", "claims:a", "1")
    await link.run_all([("GET", "claims:a"), ("GET", "claims:b")])
    await link.script_all("touch", [("claims:{x}:session:y", "1.0")])
    assert link.heard == [("set", "ok"), ("get", "ok"), ("touch", "ok")]


async def test_what_the_store_refuses_is_told_apart_from_an_outage(link, own_redis):
    with pytest.raises(StoreUnavailable):
        await link.run("HGET", "claims:a")
    await link.run("HGET", "claims:a", "b")
    own_redis.stop()
    with pytest.raises(StoreUnavailable):
        await link.run("GET", "claims:a")
    assert link.heard == [("hget", "refused"), ("hget", "ok"), ("get", "unavailable")]


async def test_a_question_that_is_not_asked_is_not_told(link, own_redis):
    own_redis.stop()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await link.run("GET", "claims:a")
    assert link.heard == [("get", "unavailable")]
