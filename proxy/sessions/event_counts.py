"""What happened, counted by this worker and added to the counts of all in the store now and then."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable

from proxy.errors import StoreUnavailable
from proxy.model.time import Instant, Seconds
from proxy.store.admin_port import BUCKET_SECONDS, AdminStore
from proxy.store.tasks import end_tasks

_EVERY: Seconds = 2.0
_COUNTED = frozenset(
    {
        "signed_in",
        "sign_in_refused",
        "signed_out",
        "session_expired",
        "session_revoked",
        "user_revoked",
        "refused",
        "binding_broken",
    }
)
_MOST_WAITING = 10_000


class EventCounts:
    """Counts audit events. What the store cannot take waits, within bounds."""

    def __init__(self, store: AdminStore, clock: Callable[[], Instant]) -> None:
        self._store = store
        self._clock = clock
        self._waiting: Counter[tuple[int, str]] = Counter()
        self._task: asyncio.Task[None] | None = None

    def note(self, event: str, organization: str, reason: str) -> None:
        """One event, now."""
        if event not in _COUNTED or len(self._waiting) >= _MOST_WAITING:
            return
        self._waiting[int(self._clock() // BUCKET_SECONDS), f"{event} {reason} {organization}"] += 1

    async def write(self) -> None:
        """Add what waits to the counts of all. Raises StoreUnavailable; it then waits on."""
        waiting, self._waiting = self._waiting, Counter()
        if not waiting:
            return
        try:
            await self._store.count_events(waiting)
        except StoreUnavailable:
            self._waiting.update(waiting)
            raise

    def start(self) -> None:
        """Write every two seconds from now on."""
        self._task = asyncio.get_running_loop().create_task(self._writing())

    async def close(self) -> None:
        """Write what waits, as far as the store can be reached."""
        if self._task is not None:
            await end_tasks([self._task])
            self._task = None
        with contextlib.suppress(StoreUnavailable):
            await self.write()

    async def _writing(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            with contextlib.suppress(StoreUnavailable):
                await self.write()
