"""What runs beside the requests: the subscription's messages, the heartbeat through it, and the writing of activity."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from proxy.errors import StoreUnavailable
from proxy.model.time import Instant
from proxy.sessions.activity import ActivityWriter
from proxy.sessions.cache import SessionCache
from proxy.sessions.record import reason_of
from proxy.sessions.watch import Watches
from proxy.store.port import Listener, Place, SessionStore, Stone
from proxy.store.tasks import end_tasks

_log = structlog.get_logger("sessions")

_BEAT_EVERY = 1.0
_LATE_AFTER = 0.4
"""A beat comes back within milliseconds. After one that is late the next follows at once, so that a subscription that
broke just after a beat is known for it in 1.8 s: a second, and two missed."""

_BEAT_EVERY_UNCLEAN = 0.1
_LOOKS = 5
_WRITE_EVERY = 0.5


class Heart:
    """Keeps a worker's cache honest and its activity written. Timers are the loop's; instants are the clock's.

    `on_settings`: called when settings were changed, or may have been without a message.
    """

    def __init__(
        self,
        store: SessionStore,
        cache: SessionCache,
        activity: ActivityWriter,
        watches: Watches,
        clock: Callable[[], Instant],
    ) -> None:
        self.on_settings: Callable[[], None] = lambda: None
        self._store = store
        self._cache = cache
        self._activity = activity
        self._watches = watches
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._urgent: set[Place] = set()
        self._behind = False
        self._sending = False

    async def start(self) -> None:
        """Listen, beat, write."""
        await self._store.start(Listener(self.ended, self._beat_heard, self._lost, self.changed, self._settings_heard))
        self._spawn(self._beating())
        self._spawn(self._writing())

    async def close(self) -> None:
        """Stop, write what is pending as far as the store can be reached, and let go of it."""
        await end_tasks(self._tasks)
        await self.write_all()
        await self._store.close()

    def ended(self, place: Place, reason: str) -> None:
        """A session ended, here or anywhere."""
        self._cache.drop(place.id_hash)
        self._activity.forget(place)
        self._watches.ended(place, reason_of(reason))

    def changed(self, place: Place) -> None:
        """A session has got something that copies and loads under way do not know of."""
        self._cache.drop(place.id_hash)

    async def beat(self) -> None:
        """One step: judge the beats so far and send the next."""
        await self._send(self._cache.next_beat(self._clock()))

    async def _send(self, name: str) -> None:
        self._sending = True
        try:
            with contextlib.suppress(StoreUnavailable):
                await self._store.beat(name)
        finally:
            self._sending = False

    async def write(self) -> None:
        """One step of writing: what is due."""
        await self._written(self._activity.write_due(self._clock()))

    async def write_all(self) -> None:
        """Write everything, due or not."""
        await self._written(self._activity.write_all())

    def _settings_heard(self) -> None:
        # Whoever changed them may be ending sessions that are idle by shorter limits: the store must know who is not.
        self._spawn(self.write_all())
        self.on_settings()

    def write_now(self, place: Place) -> None:
        """Write one session's activity beside the request that caused it."""
        if place not in self._urgent:
            self._urgent.add(place)
            self._spawn(self._write_one(place))

    async def _write_one(self, place: Place) -> None:
        try:
            await self._written(self._activity.write_one(place))
        finally:
            self._urgent.discard(place)

    async def _written(self, writing: Coroutine[Any, Any, None]) -> None:
        try:
            await writing
        except StoreUnavailable as error:
            if not self._behind:
                _log.warning("activity_waits_for_the_store", error=str(error))
            self._behind = True
        else:
            self._behind = False

    def _beat_heard(self, name: str) -> None:
        if self._cache.beat(name):
            _log.info("session_cache_clean")
            self.on_settings()
            self._spawn(self._look_again())

    def _lost(self) -> None:
        self._cache.lost()

    def look_at(self, place: Place) -> None:
        """The end of this watched session may have been missed."""
        self._spawn(self._look((place,)))

    async def _look_again(self) -> None:
        await self._look(self._watches.places())

    async def _look(self, places: Sequence[Place]) -> None:
        """Ask the store for each. Where it stays away the cache is not clean, and all are looked at once it is."""
        for place in places:
            for _ in range(_LOOKS):
                try:
                    found = await self._store.read(place, ())
                except StoreUnavailable:
                    await asyncio.sleep(_BEAT_EVERY)
                else:
                    break
            else:
                return
            if isinstance(found, Stone):
                self.ended(place, found.reason)

    async def _beating(self) -> None:
        while True:
            # Sent beside the judging: a store that hangs must not hold up the count of the beats it owes.
            if self._cache.is_clean or not self._sending:
                name = self._cache.next_beat(self._clock())
                if not self._sending:
                    self._spawn(self._send(name))
            await asyncio.sleep(_LATE_AFTER if self._cache.is_clean else _BEAT_EVERY_UNCLEAN)
            if self._cache.is_clean and not self._cache.awaits_beat:
                await asyncio.sleep(_BEAT_EVERY - _LATE_AFTER)

    async def _writing(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_EVERY)
            await self.write()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
