"""What administrators keep in the store: settings that act at once, their history, and what happened when.

Plain text throughout: no secret is among it. Two stores keep these promises under one suite (tests/store).
Every method raises StoreUnavailable where the store cannot tell. Instants are UTC seconds, passed in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

HISTORY_KEPT = 10_000
"""Entries of the history, the newest."""

BUCKET_SECONDS = 600
"""What happened is counted by ten minutes."""

BUCKETS_KEPT_SECONDS = 48 * 3600


@dataclass(frozen=True, slots=True)
class Book:
    """The settings as they are kept. `revision` grows by one with each change, 0: nothing was ever changed.

    `values`: what differs from the configuration, JSON texts by their names.
    """

    revision: int = 0
    values: Mapping[str, str] = field(default_factory=dict)


class AdminStore(Protocol):
    """Settings, history and counts of all workers and nodes."""

    async def book(self) -> Book:
        """The settings now."""

    async def write(self, expected: int, revision: int, values: Mapping[str, str | None], entry: str) -> bool:
        """Change settings if their revision is still `expected`, and tell all listeners; whether it was.

        A value of None forgets the setting. `entry` goes to the history in the same step.
        """

    async def record(self, entry: str) -> None:
        """Put an administrative act into the history."""

    async def history(self, offset: int, limit: int) -> tuple[str, ...]:
        """Entries of the history, the newest first."""

    async def count_events(self, counts: Mapping[tuple[int, str], int]) -> None:
        """Add to what happened, by (bucket, name); a bucket is an instant divided by BUCKET_SECONDS."""

    async def events(self, buckets: Sequence[int]) -> tuple[Mapping[str, int], ...]:
        """What happened in each bucket, by name."""
