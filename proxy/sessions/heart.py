"""What runs beside the requests: the subscription's messages, the heartbeat through it, and the writing of activity."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from proxy.errors import StoreUnavailable
from proxy.model.session import EndReason
from proxy.model.time import Instant
from proxy.sessions.activity import ActivityWriter
from proxy.sessions.cache import SessionCache
from proxy.sessions.watch import Watches
from proxy.store.port import Listener, Place, SessionStore, Stone
from proxy.store.tasks import end_tasks

_log = structlog.get_logger("sessions")

_BEAT_EVERY = 1.0
_BEAT_EVERY_UNCLEAN = 0.1
_WRITE_EVERY = 0.5


class Heart:
    """Keeps a worker's cache honest and its activity written. Timers are the loop's; instants are the clock's."""

    def __init__(
        self,
        store: SessionStore,
        cache: SessionCache,
        activity: ActivityWriter,
        watches: Watches,
        clock: Callable[[], Instant],
    ) -> None:
        self._store = store
        self._cache = cache
        self._activity = activity
        self._watches = watches
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._urgent: set[Place] = set()
        self._behind = False

    async def start(self) -> None:
        """Listen, beat, write."""
        await self._store.start(Listener(self.ended, self._beat_heard, self._lost))
        self._spawn(self._beating())
        self._spawn(self._writing())

    async def close(self) -> None:
        """Stop, write what is pending as far as the store can be reached, and let go of it."""
        await end_tasks(self._tasks)
        await self._written(self._activity.write_all())
        await self._store.close()

    def ended(self, place: Place, reason: str) -> None:
        """A session ended, here or anywhere."""
        self._cache.drop(place.id_hash)
        self._activity.forget(place)
        self._watches.ended(place, EndReason(reason))

    async def beat(self) -> None:
        """One second's step: judge the beats so far and send the next."""
        name = self._cache.next_beat(self._clock())
        with contextlib.suppress(StoreUnavailable):
            await self._store.beat(name)

    async def write(self) -> None:
        """One step of writing: what is due."""
        await self._written(self._activity.write_due(self._clock()))

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
            self._spawn(self._look_again())

    def _lost(self) -> None:
        self._cache.lost()

    async def _look_again(self) -> None:
        """The end of a watched session may have been missed."""
        for place in self._watches.places():
            with contextlib.suppress(StoreUnavailable):
                found = await self._store.read(place, ())
                if isinstance(found, Stone):
                    self.ended(place, found.reason)

    async def _beating(self) -> None:
        while True:
            await self.beat()
            await asyncio.sleep(_BEAT_EVERY if self._cache.is_clean else _BEAT_EVERY_UNCLEAN)

    async def _writing(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_EVERY)
            await self.write()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
