"""The memory twin of what administrators keep."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from proxy.store.admin_port import BUCKET_SECONDS, BUCKETS_KEPT_SECONDS, HISTORY_KEPT, Book


class MemoryAdmin:
    """An AdminStore in this process. `changed` is called after a change, once the loop turns."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._book = Book()
        self._history: list[str] = []
        self._events: dict[int, Counter[str]] = {}

    async def book(self) -> Book:
        """As the port says."""
        return self._book

    async def write(self, expected: int, revision: int, values: Mapping[str, str | None], entry: str) -> bool:
        """As the port says."""
        if self._book.revision != expected:
            return False
        merged = {**self._book.values, **values}
        self._book = Book(revision, {name: value for name, value in merged.items() if value is not None})
        await self.record(entry)
        asyncio.get_running_loop().call_soon(self._changed)
        return True

    async def record(self, entry: str) -> None:
        """As the port says."""
        self._history.insert(0, entry)
        del self._history[HISTORY_KEPT:]

    async def history(self, offset: int, limit: int) -> tuple[str, ...]:
        """As the port says."""
        return tuple(self._history[offset : offset + limit])

    async def count_events(self, counts: Mapping[tuple[int, str], int]) -> None:
        """As the port says."""
        for (bucket, name), count in counts.items():
            self._events.setdefault(bucket, Counter())[name] += count
        if self._events:
            oldest = max(self._events) - BUCKETS_KEPT_SECONDS // BUCKET_SECONDS
            self._events = {bucket: names for bucket, names in self._events.items() if bucket >= oldest}

    async def events(self, buckets: Sequence[int]) -> tuple[Mapping[str, int], ...]:
        """As the port says."""
        return tuple(dict(self._events.get(bucket, {})) for bucket in buckets)
