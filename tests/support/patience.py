"""Waiting in tests: for an event or a condition, under a limit that ends a hang and never decides a test."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

HANG = 60.0
"""Seconds after which a test counts as hanging. A loaded machine needs far less, so nothing else may depend on it."""

_PAUSE = 0.005


async def until(holds: Callable[[], Any]) -> Any:
    """Return the first true result of `holds`, which can be a coroutine function. Raises TimeoutError after `HANG`."""
    async with asyncio.timeout(HANG):
        while True:
            found = holds()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(_PAUSE)
