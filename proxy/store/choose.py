"""Which store an address of the configuration's `state` means."""

from proxy.model.time import Seconds
from proxy.store.link import Observe
from proxy.store.memory import MemoryStore
from proxy.store.port import SessionStore
from proxy.store.redis import RedisStore


def store_for(url: str, ca_file: str | None, *, retention: Seconds, observe: Observe | None = None) -> SessionStore:
    """The store at `memory:`, `redis://…` or `rediss://…`. Raises ValueError for another address.

    `ca_file`: PEM file of the authorities that a `rediss://` certificate is checked against, None for the system's.
    `retention`: seconds a session is kept at most, from the maximum of the limits. `observe` hears of each question to
    Redis.
    """
    if url == "memory:":
        return MemoryStore(retention=retention)
    if url.startswith(("redis://", "rediss://")):
        return RedisStore(url, ca_file, retention=retention, observe=observe)
    raise ValueError("state: not an address of a store; memory:, redis://host:port/0 or rediss://host:port/0")
