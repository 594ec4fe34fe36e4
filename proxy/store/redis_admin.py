"""What administrators keep, in Redis: settings and history on one slot, changed together by one script."""

from collections.abc import Mapping, Sequence

from proxy.store.admin_port import BUCKETS_KEPT_SECONDS, HISTORY_KEPT, Book
from proxy.store.link import Link

CHANGED = "claims:settings"
"""The channel on which a change is told."""

_VALUES = "claims:{settings}:values"
_HISTORY = "claims:{settings}:history"
_REVISION = "revision"


class RedisAdmin:
    """An AdminStore that all workers and nodes share."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def book(self) -> Book:
        """As the port says."""
        found = await self._link.run("HGETALL", _VALUES)
        # A list of names and values by RESP2, a mapping by RESP3.
        pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
        values = {name.decode(): value.decode() for name, value in pairs}
        revision = int(values.pop(_REVISION, "0"))
        return Book(revision, values)

    async def write(self, expected: int, revision: int, values: Mapping[str, str | None], entry: str) -> bool:
        """As the port says."""
        pairs = [part for name, value in values.items() for part in (name, value or "")]
        return bool(await self._link.script("settings", _VALUES, expected, revision, entry, *pairs))

    async def record(self, entry: str) -> None:
        """As the port says."""
        await self._link.run_all([("LPUSH", _HISTORY, entry), ("LTRIM", _HISTORY, 0, HISTORY_KEPT - 1)])

    async def history(self, offset: int, limit: int) -> tuple[str, ...]:
        """As the port says."""
        found = await self._link.run("LRANGE", _HISTORY, offset, offset + limit - 1)
        return tuple(entry.decode() for entry in found)

    async def count_events(self, counts: Mapping[tuple[int, str], int]) -> None:
        """As the port says."""
        commands: list[tuple[str | float, ...]] = [
            ("HINCRBY", _bucket(bucket), name, count) for (bucket, name), count in counts.items()
        ]
        commands += [("EXPIRE", _bucket(bucket), BUCKETS_KEPT_SECONDS) for bucket in {bucket for bucket, _ in counts}]
        if commands:
            await self._link.run_all(commands)

    async def events(self, buckets: Sequence[int]) -> tuple[Mapping[str, int], ...]:
        """As the port says."""
        if not buckets:
            return ()
        found = await self._link.run_all([("HGETALL", _bucket(bucket)) for bucket in buckets])
        return tuple(_counts(each) for each in found)


def _counts(found: Mapping[bytes, bytes] | Sequence[bytes]) -> Mapping[str, int]:
    pairs = found.items() if isinstance(found, Mapping) else zip(found[::2], found[1::2], strict=True)
    return {name.decode(): int(count) for name, count in pairs}


def _bucket(bucket: int) -> str:
    return f"claims:events:{bucket}"
