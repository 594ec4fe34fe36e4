"""Signs of activity on their way to the store: coalesced, in batches, off every request's path.

Written at most once per session per resolution; at once where the session is within two resolutions of its inactivity
end, so that no other worker ends it meanwhile. An outage keeps what is pending, up to a bound.
"""

from collections import OrderedDict
from dataclasses import dataclass

from proxy.model.time import Instant, Seconds
from proxy.store.port import Place, SessionStore, Touch

_PARTS_OF_INACTIVITY = 20
_BATCH = 500


@dataclass(slots=True)
class _Pending:
    seen: Instant
    due: Instant
    resolution: Seconds


class ActivityWriter:
    """`resolution`: seconds between two writes of one session; `bound`: sessions pending at most."""

    def __init__(self, store: SessionStore, resolution: Seconds, bound: int) -> None:
        self._store = store
        self._resolution = resolution
        self._bound = bound
        self._pending: OrderedDict[Place, _Pending] = OrderedDict()
        self._written: OrderedDict[Place, Instant] = OrderedDict()

    def tune(self, resolution: Seconds, bound: int) -> None:
        """Go on with these; what is pending keeps its instant."""
        self._resolution = resolution
        self._bound = bound

    def resolution(self, inactivity: Seconds | None) -> Seconds:
        """Seconds between two writes, never more than a twentieth of the inactivity timeout."""
        return self._resolution if inactivity is None else min(self._resolution, inactivity / _PARTS_OF_INACTIVITY)

    def note(self, place: Place, last: Instant, now: Instant, inactivity: Seconds | None) -> bool:
        """Somebody is there. `last`: the session's last activity so far. True where it must be written at once."""
        resolution = self.resolution(inactivity)
        written = self._written.get(place, last)
        pending = self._pending.get(place)
        if pending:
            pending.seen = max(pending.seen, now)
        elif now > written:
            self._pending[place] = _Pending(now, written + resolution, resolution)
            if len(self._pending) > self._bound:
                self._pending.popitem(last=False)
        return inactivity is not None and now > written and now >= written + inactivity - 2 * resolution

    def seen(self, place: Place, stored: Instant) -> Instant:
        """The last activity as this worker knows it, where the store may not know it yet."""
        pending = self._pending.get(place)
        return max(stored, pending.seen) if pending else stored

    def forget(self, place: Place) -> None:
        """The session ended."""
        self._pending.pop(place, None)
        self._written.pop(place, None)

    async def write_one(self, place: Place) -> None:
        """Write what is pending of one session now. Raises StoreUnavailable and keeps it pending."""
        if place in self._pending:
            await self._write([place])

    async def write_due(self, now: Instant) -> None:
        """Write what is due. Raises StoreUnavailable and keeps it pending."""
        await self._write([place for place, pending in self._pending.items() if pending.due <= now])

    async def write_all(self) -> None:
        """Write everything. Raises StoreUnavailable and keeps it pending."""
        await self._write(list(self._pending))

    async def _write(self, places: list[Place]) -> None:
        for start in range(0, len(places), _BATCH):
            batch = places[start : start + _BATCH]
            touches = [Touch(place, self._pending[place].seen) for place in batch if place in self._pending]
            await self._store.touch(touches)
            for touch in touches:
                self._have_written(touch)

    def _have_written(self, touch: Touch) -> None:
        self._written[touch.place] = touch.seen
        self._written.move_to_end(touch.place)
        if len(self._written) > self._bound:
            self._written.popitem(last=False)
        pending = self._pending.get(touch.place)
        if pending and pending.seen <= touch.seen:
            del self._pending[touch.place]
        elif pending:
            # Activity that came while this was being written waits a resolution of its own.
            pending.due = touch.seen + pending.resolution
