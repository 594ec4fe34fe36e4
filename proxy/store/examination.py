"""A look at the store, for administrators: whether it answers, lets us do what we must, and how fast."""

import asyncio
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proxy.errors import StoreUnavailable
from proxy.model.time import Seconds
from proxy.store.link import Link
from proxy.store.port import Listener
from proxy.store.redis import RedisStore

_ASKED = 20
_HEARD_WITHIN: Seconds = 2.0


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found. `version`, `eviction`: None where the store does not tell this user. `latency`: the median."""

    version: str | None
    eviction: str | None
    latency: Seconds


async def examine(url: str, ca_file: str | None) -> Examined:
    """Ask, write, run a script and hear a message, as the proxy does; what was written is taken away again.

    Raises StoreUnavailable, which says what was refused.
    """
    link = Link(url, ca_file)
    key = f"claims:doctor:{secrets.token_hex(8)}"
    try:
        await link.run_all([("HSET", key, "looked", "1"), ("EXPIRE", key, 60)])
        took = [await _timed(lambda: link.run("HGETALL", key)) for _ in range(_ASKED)]
        await link.run("EVAL", "return 1", 1, key)
        await link.run("DEL", key)
        version = await _told(link, "server", "valkey_version", "redis_version")
        eviction = await _told(link, "memory", "maxmemory_policy")
    finally:
        await link.close()
    await _hears(url, ca_file)
    return Examined(version, eviction, statistics.median(took))


async def _timed(ask: Callable[[], Awaitable[object]]) -> Seconds:
    began = time.monotonic()
    await ask()
    return time.monotonic() - began


async def _told(link: Link, section: str, *names: str) -> str | None:
    """What INFO says; None where this user may not ask, which the proxy itself never does."""
    try:
        found = await link.run("INFO", section)
    except StoreUnavailable:
        return None
    return next((str(found[name]) for name in names if name in found), None)


async def _hears(url: str, ca_file: str | None) -> None:
    store, heard = RedisStore(url, ca_file, retention=0.0), asyncio.Event()
    try:
        await store.start(Listener(lambda *_: None, lambda _: heard.set(), lambda: None))
        async with asyncio.timeout(_HEARD_WITHIN):
            while not heard.is_set():
                await store.beat("doctor")
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise StoreUnavailable("its messages do not arrive: may this user subscribe to claims:*?") from None
    finally:
        await store.close()
