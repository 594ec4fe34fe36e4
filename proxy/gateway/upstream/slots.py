"""How many connections there may be, and who waits for one: first come, first served."""

import asyncio
from collections import deque

from proxy.errors import UpstreamBusy, UpstreamError
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.model.time import Seconds

Grant = UpstreamConnection | None  # a connection with its slot, or a slot in which to open one


class Slots:
    """A bound and its queue. While somebody waits, nothing is free: what comes back goes to the first who waits."""

    def __init__(self, connections: int, queue: int, patience: Seconds) -> None:
        self.free = connections
        self._queue = queue
        self._patience = patience
        self._waiters: deque[tuple[float, asyncio.Future[Grant]]] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiters)

    async def wait(self, loop: asyncio.AbstractEventLoop, *, first: bool = False) -> Grant:
        """Waits for a turn; `first`: it was had and lost through no fault of the request.

        Raises UpstreamBusy where the queue is full, or where no turn came in time.
        """
        if len(self._waiters) >= self._queue and not first:
            raise UpstreamBusy(f"all connections are in use and {self._queue} requests wait for one")
        entry: tuple[float, asyncio.Future[Grant]] = (loop.time() + self._patience, loop.create_future())
        if first:
            self._waiters.appendleft(entry)
        else:
            self._waiters.append(entry)
        turn: asyncio.Future[Grant] = entry[1]
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give(turn.result())
            elif entry in self._waiters:
                self._waiters.remove(entry)
            raise

    def offer(self, connection: UpstreamConnection) -> bool:
        """Hands an idle connection to the first who waits; False: nobody does."""
        return self._hand(connection)

    def give(self, grant: Grant) -> None:
        """A turn that was not used, or a slot that a closed connection left."""
        if grant is not None and not grant.closed:
            grant.give_back()
        elif grant is None and not self._hand(None):
            self.free += 1

    def expire(self, now: float) -> None:
        """Refuses those who waited too long; they stand in front."""
        while self._waiters and self._waiters[0][0] <= now:
            _, turn = self._waiters.popleft()
            if not turn.done():
                turn.set_exception(UpstreamBusy(f"no connection became free within {self._patience:g} s"))

    def refuse(self, error: UpstreamError) -> None:
        """Refuses all who wait."""
        while self._waiters:
            _, turn = self._waiters.popleft()
            if not turn.done():
                turn.set_exception(error)

    def _hand(self, grant: Grant) -> bool:
        while self._waiters:
            _, turn = self._waiters.popleft()
            if not turn.done():
                turn.set_result(grant)
                return True
        return False
