import contextlib

import pytest

from proxy.demo.adfs_keys import make_signing_key
from support.browser import Browser
from support.world import World


@pytest.fixture(scope="session")
def signing_key():
    """One RSA key for all worlds: making one takes longer than most tests."""
    return make_signing_key(1_790_000_000.0)


@pytest.fixture
async def world(tmp_path, clock, signing_key):
    """Makes worlds: `await world(**keys)`; all end with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(**keys) -> World:
            return await stack.enter_async_context(World(tmp_path, clock, signing_key=signing_key, **keys))

        yield make


@pytest.fixture
async def browser():
    async with Browser() as one:
        yield one


@pytest.fixture
async def other_browser():
    async with Browser() as one:
        yield one


@pytest.fixture(params=["memory", "redis"])
def state(request) -> str:
    """Every journey runs on both stores."""
    return "memory:" if request.param == "memory" else request.getfixturevalue("redis_url")
