import contextlib

import pytest

from proxy.demo.adfs_keys import make_signing_key
from support.browser import Browser
from support.world import World


@pytest.fixture(scope="module")
def signing_key():
    return make_signing_key(1_790_000_000.0)


@pytest.fixture
async def signed_in(tmp_path, clock, signing_key):
    """`await signed_in(**keys)`: a world and a browser with alice signed in."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(**keys):
            world = await stack.enter_async_context(World(tmp_path, clock, signing_key=signing_key, **keys))
            browser = await stack.enter_async_context(Browser())
            await browser.sign_in(world.url("/main.aspx"), "alice")
            return world, browser

        yield make
