import asyncio

import uvloop

from proxy.model.provider import SecretText


def test_a_secret_never_shows_in_a_repr():
    assert "hunter2" not in repr(SecretText("hunter2"))
    assert SecretText("hunter2") == "hunter2"


async def test_the_event_loop_of_the_tests_is_that_of_production():
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)


async def test_a_real_redis_is_at_hand(redis_url):
    assert redis_url.startswith("redis://127.0.0.1:")
