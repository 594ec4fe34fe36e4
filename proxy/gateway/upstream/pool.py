"""Where callers start: one pool per upstream, bounded, with a fair queue and one sweep for all deadlines."""

import asyncio

from proxy.errors import UpstreamBroken, UpstreamBusy, UpstreamError, UpstreamUnreachable
from proxy.gateway.upstream.address import UpstreamAddress
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.opening import open_connection
from proxy.gateway.upstream.owners import Owner, Owners
from proxy.gateway.upstream.request import RequestBody, RequestHead, UpstreamRequest
from proxy.gateway.upstream.response import Interim, UpstreamResponse, begin
from proxy.gateway.upstream.slots import Holder, Shares, Slots
from proxy.gateway.upstream.turn import Grant, turn_of
from proxy.model.deployment import UpstreamTuning

OWNED_GRACE = 2.0  # seconds an owned connection stays its owner's whoever waits: a handshake takes two requests
_COARSEST, _FINEST = 1.0, 0.01  # seconds between two sweeps


class UpstreamPool:
    """The connections to one upstream. Made and used within one running event loop.

    All timeouts are I/O deadlines by loop time, kept to within a quarter of the shortest of them, at most a second.
    """

    def __init__(self, address: UpstreamAddress, tuning: UpstreamTuning) -> None:
        self.address = address
        self._tuning = tuning
        self._loop = asyncio.get_running_loop()
        self._slots: Slots[Grant] = Slots(tuning.connections, tuning.queue, tuning.first_byte_timeout)
        self._upgrades = Shares(tuning.connections)
        self._streams = Shares(tuning.connections)
        self._idle: list[UpstreamConnection] = []
        self._connections: set[UpstreamConnection] = set()
        self._streaming: set[UpstreamConnection] = set()
        self._tunnels: set[UpstreamConnection] = set()
        self._owners = Owners()
        self._sockets: set[UpstreamConnection] = set()
        self._all_closed: asyncio.Future[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None
        shortest = min(tuning.first_byte_timeout, tuning.idle_timeout, tuning.keep_alive)
        self._every = max(_FINEST, min(_COARSEST, shortest / 4))
        self._closed = False

    # what callers use

    async def send(
        self,
        request: UpstreamRequest,
        body: RequestBody = None,
        *,
        owner: Owner | None = None,
        on_interim: Interim | None = None,
    ) -> UpstreamResponse:
        """Sends a request and returns its answer once the final head is there; the body follows by `read`.

        `owner`: on whose behalf; its shares bound how many connections, streams and tunnels it has. `on_interim` gets
        each 1xx (100, 103) before the answer and must not raise. A streamed body is read in a task of its own, which
        may go on after this returns; `UpstreamResponse.request_sent` says whether all of it went out.

        With `request.upgrade` a 101 sets `UpstreamResponse.upgraded`; any other answer is a plain one. Tunnels are
        counted apart from connections, up to the same bound.

        Raises RequestRefused (nothing was sent), UpstreamUnreachable, UpstreamBusy, UpstreamTimeout, UpstreamBroken,
        and whatever `body` raised. Cancelled, it closes the connection.
        """
        if request.upgrade is None:
            return await self._exchange(request.head(body), body, owner, on_interim)
        # Counted before anything is awaited: of many handshakes at once no more may pass than one after another.
        if not self._upgrades.take(owner):
            raise UpstreamBusy(f"{self._upgrades.held} tunnels are open")
        tunnel = None
        try:
            response = await self._exchange(request.head(body), body, owner, on_interim)
            tunnel = response.upgraded
        finally:
            if tunnel is None:
                self._upgrades.leave(owner)
            else:
                tunnel.on_closed(lambda: self._upgrades.leave(owner))
        return response

    def lend(self, owner: Owner | None = None, *, retryable: bool = False) -> UpstreamConnection | None:
        """An idle connection at once, for `UpstreamConnection.begin` without a task; None: `send` opens or queues.

        Unless the request is `retryable` the socket is looked at first. Not begun, it goes back by `give_back`.
        """
        own = self._owners.take(owner) if owner is not None else None
        if own is not None:
            if self._usable(own, retryable=retryable):
                return own
            own.abort()
        if not self._idle or not self._slots.shares.take(owner):
            return None
        while self._idle:
            connection = self._idle.pop()
            if self._usable(connection, retryable=retryable):
                connection.owner = owner
                return connection
            self._close_idle(connection)
            self._slots.free += 1
        self._slots.shares.leave(owner)
        return None

    def went(self, connection: UpstreamConnection, error: UpstreamError | None) -> None:
        """How it went on a connection that was lent: None where a head came. To a single address it is all the same."""

    @property
    def states(self) -> dict[str, tuple[int, bool]]:
        """As `UpstreamGroup.states`; the only address there is gets every request."""
        return {self.address.authority: (len(self._sockets), True)}

    @property
    def load(self) -> int:
        """Requests, event streams and tunnels under way, and those that wait."""
        busy = len(self._connections) - len(self._idle) + len(self._streaming) + len(self._tunnels)
        return busy + self._slots.waiting

    def belongs_to(self, owner: Owner) -> bool:
        """Whether a connection here is this owner's alone."""
        return self._owners.knows(owner)

    async def close(self) -> None:
        """Closes everything; answers under way break. Returns when all sockets are closed."""
        self._closed = True
        self._slots.refuse(UpstreamUnreachable("the pool is closed"))
        for connection in [*self._connections, *self._streaming, *self._tunnels]:
            connection.shut("the pool is closed")
        if self._sweep is not None:
            self._sweep.cancel()
        if self._sockets:
            self._all_closed = self._all_closed or self._loop.create_future()
            await asyncio.shield(self._all_closed)

    # an exchange

    async def _exchange(
        self, head: RequestHead, body: RequestBody, owner: Owner | None, on_interim: Interim | None
    ) -> UpstreamResponse:
        connection = self.lend(owner, retryable=head.retryable)
        reused = connection is not None
        if connection is None:
            connection, reused = await self._obtain(owner, head)
        response = begin(connection, head, body, on_interim)
        try:
            await response.started()
        except UpstreamBroken:
            if not (reused and head.retryable and not connection.heard):
                raise
        except BaseException:
            response.close()
            raise
        else:
            return response
        connection = await self._obtain_fresh(owner)
        response = begin(connection, head, body, on_interim)
        try:
            await response.started()
        except BaseException:
            response.close()
            raise
        return response

    # connections

    async def _obtain(self, owner: Owner | None, head: RequestHead) -> tuple[UpstreamConnection, bool]:
        """A connection in turn, and whether it was used before."""
        self._make_room(owner)
        first = False
        while not self._take_slot(owner):
            granted = await self._turn(owner, first=first)
            if granted is None:
                break
            if granted.closed:
                first = True  # it closed on the way here, and its slot went to the next
            elif self._usable(granted, retryable=head.retryable):
                return granted, True
            else:
                return await self._open_instead(granted, owner), False
        return await self._open(owner), False

    async def _obtain_fresh(self, owner: Owner | None) -> UpstreamConnection:
        """One that was never used: after a stale connection the next may be as stale."""
        if not self._slots.free and self._idle and self._slots.shares.take(owner):
            return await self._open_instead(self._idle.pop(0), owner)
        while not self._take_slot(owner):
            granted = await self._turn(owner, first=True)
            if granted is None:
                break
            if not granted.closed:
                return await self._open_instead(granted, owner)
        return await self._open(owner)

    def _take_slot(self, owner: Owner | None) -> bool:
        """A slot in which to open a connection, if there is one within the owner's shares."""
        if not self._slots.free or not self._slots.shares.take(owner):
            return False
        self._slots.free -= 1
        return True

    async def _turn(self, owner: Owner | None, *, first: bool) -> Grant:
        """Waits for a connection or a slot, with its part of the owner's shares."""
        self._judge_open()
        self._start_sweep()
        return await turn_of(self._slots, owner, self._give_up, first=first)

    def _serve(self) -> None:
        """Hand what is free to those who wait. To be called whenever a slot, a connection or a share becomes free."""
        slots = self._slots
        while slots.waiting and (slots.free or self._idle) and (turn := slots.next()) is not None:
            connection = self._idle.pop() if self._idle else None
            if connection is None:
                slots.free -= 1
            if not turn.ready(connection):  # cancelled, and not withdrawn yet
                slots.shares.leave(turn.holder)
                if connection is None:
                    slots.free += 1
                else:
                    self._idle.append(connection)

    def _give_up(self, granted: Grant, owner: Owner | None) -> None:
        """What was granted is not wanted, or a connection did not come about in its slot."""
        if granted is not None:
            granted.give_back()  # one that is closed gave its slot back as it closed
        else:
            self._slots.shares.leave(owner)
            self._slots.free += 1
            self._serve()

    def _close_idle(self, connection: UpstreamConnection) -> None:
        """Closes a connection that was taken from the idle ones; its slot is the caller's."""
        self._connections.discard(connection)
        connection.abort()

    async def _open_instead(self, connection: UpstreamConnection, owner: Owner | None) -> UpstreamConnection:
        """Closes a connection and opens another in its slot, which the caller holds."""
        self._close_idle(connection)
        return await self._open(owner)

    async def _open(self, owner: Owner | None) -> UpstreamConnection:
        """Opens a connection in a slot that the caller holds, with its part of the owner's shares."""
        try:
            self._judge_open()
            connection = await open_connection(self.address, self._tuning, self, self._judge_open)
        except BaseException:
            self._give_up(None, owner)
            raise
        self._connections.add(connection)
        self._sockets.add(connection)
        connection.owner = owner
        self._start_sweep()
        return connection

    def _judge_open(self) -> None:
        if self._closed:
            raise UpstreamUnreachable("the pool is closed")

    def _usable(self, connection: UpstreamConnection, *, retryable: bool) -> bool:
        if connection.closed or self._loop.time() >= connection.deadline:
            return False
        return retryable or not connection.is_stale()

    def _make_room(self, holder: Holder | None) -> None:
        """Where every slot, or a share, is used up, the longest idle of the connections that are owned gives way."""
        if not self._slots.free and not self._idle:
            longest = self._owners.idle_longest()
        elif self._slots.shares.allows(holder):
            return
        else:
            longest = self._owners.idle_longest(holder)
        if longest is not None and longest.deadline - self._tuning.keep_alive + OWNED_GRACE <= self._loop.time():
            longest.abort()

    # the connections' calls: see `Home`

    def freed(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        now = self._loop.time()
        connection.deadline = now + self._tuning.keep_alive
        if self._closed or now - connection.born >= self._tuning.maximum_age or connection in self._streaming:
            connection.abort()
        elif connection.authenticated:
            if not self._owners.keep(connection):
                connection.abort()
        else:
            self._slots.shares.leave(connection.owner)
            connection.owner = None
            self._idle.append(connection)
            if self._slots.waiting:
                self._serve()

    def gone(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        if connection.authenticated:
            self._owners.forget(connection)
        if connection in self._streaming:
            self._streaming.discard(connection)
            self._streams.leave(connection.owner)
        elif connection in self._idle:
            self._idle.remove(connection)
            self._connections.discard(connection)
            self._slots.free += 1
        elif connection in self._connections:
            self._leave_slot(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        self._tunnels.discard(connection)
        self._sockets.discard(connection)
        if not self._sockets and self._all_closed is not None:
            self._all_closed.set_result(None)
            self._all_closed = None

    def tunnelled(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        self._tunnels.add(connection)
        self._leave_slot(connection)

    def streaming(self, connection: UpstreamConnection) -> bool:
        """See `connection.Home`."""
        if connection in self._connections:
            if not self._streams.take(connection.owner):
                return False
            self._streaming.add(connection)
            self._leave_slot(connection)
        return True

    def _leave_slot(self, connection: UpstreamConnection) -> None:
        self._connections.discard(connection)
        self._give_up(None, connection.owner)

    def bound(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        self._owners.bind(connection)

    def _start_sweep(self) -> None:
        if self._sweep is None and not self._closed:
            self._sweep = self._loop.call_later(self._every, self._look)

    def _look(self) -> None:
        self._sweep = None
        now = self._loop.time()
        for connection in [*self._connections, *self._streaming]:
            connection.check(now)
        if self._slots.waiting:
            for holder in self._slots.holders:
                self._make_room(holder)
            self._slots.expire(now)
        if self._connections or self._streaming or self._slots.waiting:
            self._start_sweep()
