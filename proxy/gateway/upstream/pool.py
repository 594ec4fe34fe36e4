"""Where callers start: one pool per upstream, bounded, with a fair queue and one sweep for all deadlines."""

import asyncio
import weakref

from proxy.errors import UpstreamBroken, UpstreamBusy, UpstreamError, UpstreamUnreachable
from proxy.gateway.upstream.address import UpstreamAddress, tls_fault
from proxy.gateway.upstream.body import INLINE, BodySender, slices
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.owners import Owners
from proxy.gateway.upstream.request import RequestBody, RequestHead, UpstreamRequest
from proxy.gateway.upstream.response import Interim, UpstreamResponse
from proxy.gateway.upstream.slots import Slots
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
        self._slots = Slots(tuning.connections, tuning.queue, tuning.first_byte_timeout)
        self._idle: list[UpstreamConnection] = []
        self._connections: set[UpstreamConnection] = set()
        self._tunnels: set[UpstreamConnection] = set()
        self._owners = Owners(self._owner_gone)
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
        owner: object | None = None,
        on_interim: Interim | None = None,
    ) -> UpstreamResponse:
        """Sends a request and returns its answer once the final head is there; the body follows by `read`.

        `owner`: the client's connection, any object that can be referred to weakly; see `release`. `on_interim` gets
        each 1xx (100, 103) before the answer and must not raise. A streamed body is read in a task of its own, which
        may go on after this returns; `UpstreamResponse.request_sent` says whether all of it went out.

        With `request.upgrade` a 101 sets `UpstreamResponse.upgraded`; any other answer is a plain one. Tunnels are
        counted apart from connections, up to the same bound.

        Raises RequestRefused (nothing was sent), UpstreamUnreachable, UpstreamBusy, UpstreamTimeout, UpstreamBroken,
        and whatever `body` raised. Cancelled, it closes the connection.
        """
        if request.upgrade is not None and len(self._tunnels) >= self._tuning.connections:
            raise UpstreamBusy(f"{len(self._tunnels)} tunnels are open")
        return await self._exchange(request.head(body), body, owner, on_interim)

    def lend(self, owner: object | None = None, *, retryable: bool = False) -> UpstreamConnection | None:
        """An idle connection at once, for `UpstreamConnection.begin` without a task; None: `send` opens or queues.

        Unless the request is `retryable` the socket is looked at first. Not begun, it goes back by `give_back`.
        """
        own = self._owners.take(owner) if owner is not None else None
        while True:
            connection = own or (self._idle.pop() if self._idle else None)
            if connection is None or self._usable(connection, retryable=retryable):
                break
            own = None
            connection.abort()
        if connection is not None:
            connection.owner = weakref.ref(owner) if owner is not None else None
        return connection

    def went(self, connection: UpstreamConnection, error: UpstreamError | None) -> None:
        """How it went on a connection that was lent: None where a head came. To a single address it is all the same."""

    @property
    def states(self) -> dict[str, tuple[int, bool]]:
        """As `UpstreamGroup.states`; the only address there is gets every request."""
        return {self.address.authority: (len(self._sockets), True)}

    @property
    def load(self) -> int:
        """Requests and tunnels under way, and those that wait."""
        return len(self._connections) - len(self._idle) + len(self._tunnels) + self._slots.waiting

    def belongs_to(self, owner: object) -> bool:
        """Whether a connection here is this owner's alone."""
        return self._owners.knows(owner)

    def release(self, owner: object) -> None:
        """The client's connection ended: what belongs to it alone is closed."""
        for connection in self._owners.release(owner):
            connection.shut("its client went away")

    async def close(self) -> None:
        """Closes everything; answers under way break. Returns when all sockets are closed."""
        self._closed = True
        self._slots.refuse(UpstreamUnreachable("the pool is closed"))
        for connection in [*self._connections, *self._tunnels]:
            connection.shut("the pool is closed")
        if self._sweep is not None:
            self._sweep.cancel()
        if self._sockets:
            self._all_closed = self._all_closed or self._loop.create_future()
            await asyncio.shield(self._all_closed)

    # an exchange

    async def _exchange(
        self, head: RequestHead, body: RequestBody, owner: object | None, on_interim: Interim | None
    ) -> UpstreamResponse:
        connection = self.lend(owner, retryable=head.retryable)
        reused = connection is not None
        if connection is None:
            connection, reused = await self._obtain(owner, head)
        response = self._begin(connection, head, body, on_interim)
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
        response = self._begin(connection, head, body, on_interim)
        try:
            await response.started()
        except BaseException:
            response.close()
            raise
        return response

    def _begin(
        self, connection: UpstreamConnection, head: RequestHead, body: RequestBody, on_interim: Interim | None
    ) -> UpstreamResponse:
        response = UpstreamResponse(connection, on_interim)
        if head.content_length is None and not head.chunked:
            body = None
        if body is None or isinstance(body, bytes):
            if not body or (len(body) <= INLINE and not head.expect_continue and not head.chunked):
                ending = b"0\r\n\r\n" if head.chunked else b""
                connection.begin(head, response, body or ending)
                return response
            body = slices(body)
        connection.begin(head, response, sent=False)
        response.send_body(BodySender(connection, head, body, response.source_failed))
        return response

    # connections

    async def _obtain(self, owner: object | None, head: RequestHead) -> tuple[UpstreamConnection, bool]:
        """A connection in turn, and whether it was used before."""
        self._make_room()
        first = False
        while not self._slots.free:
            granted = await self._turn(first=first)
            if granted is None:
                return await self._open(owner), False
            if granted.closed:
                first = True  # it closed on the way here, and its slot went to the next
                continue
            if self._usable(granted, retryable=head.retryable):
                granted.owner = weakref.ref(owner) if owner is not None else None
                return granted, True
            return await self._open_instead(granted, owner), False
        self._slots.free -= 1
        return await self._open(owner), False

    async def _obtain_fresh(self, owner: object | None) -> UpstreamConnection:
        """One that was never used: after a stale connection the next may be as stale."""
        if not self._slots.free and self._idle:
            return await self._open_instead(self._idle.pop(0), owner)
        first = True
        while not self._slots.free:
            granted = await self._turn(first=first)
            if granted is None:
                return await self._open(owner)
            if not granted.closed:
                return await self._open_instead(granted, owner)
        self._slots.free -= 1
        return await self._open(owner)

    async def _turn(self, *, first: bool) -> UpstreamConnection | None:
        if self._closed:
            raise UpstreamUnreachable("the pool is closed")
        self._start_sweep()
        return await self._slots.wait(self._loop, first=first)

    async def _open_instead(self, connection: UpstreamConnection, owner: object | None) -> UpstreamConnection:
        """Closes a connection and opens another in its slot."""
        self._connections.discard(connection)
        connection.abort()
        return await self._open(owner)

    async def _open(self, owner: object | None) -> UpstreamConnection:
        """Opens a connection in a slot that the caller holds."""
        wait = self._tuning.connect_timeout
        try:
            async with asyncio.timeout(wait):
                connection = await self._connect()
        except BaseException as error:
            self._slots.give(None)
            if isinstance(error, TimeoutError):
                raise UpstreamUnreachable(f"no connection within {wait:g} s") from error
            if isinstance(error, OSError):
                wrong = tls_fault(error) or str(error) or type(error).__name__
                raise UpstreamUnreachable(f"no connection: {wrong}") from error
            raise
        self._connections.add(connection)
        self._sockets.add(connection)
        connection.owner = weakref.ref(owner) if owner is not None else None
        self._start_sweep()
        return connection

    async def _connect(self) -> UpstreamConnection:
        """A connection that is not counted yet. Raises OSError, TLS errors among them, and UpstreamUnreachable."""
        if self._closed:
            raise UpstreamUnreachable("the pool is closed")
        address = self.address
        connection = UpstreamConnection(self._loop, self._tuning, self)
        try:
            await self._loop.create_connection(
                lambda: connection,
                address.host,
                address.port,
                ssl=address.tls,
                server_hostname=address.server_name,
            )
        except BaseException:
            connection.abort()  # it may be there already while its opening is cancelled
            raise
        if connection.closed or self._closed:
            connection.abort()
            raise UpstreamUnreachable("the connection closed as soon as it was there")
        return connection

    def _usable(self, connection: UpstreamConnection, *, retryable: bool) -> bool:
        if connection.closed or self._loop.time() >= connection.deadline:
            return False
        return retryable or not connection.is_stale()

    def _make_room(self) -> None:
        """Where every slot is taken, the longest idle of the owned connections gives way."""
        if self._slots.free:
            return
        longest = self._owners.idle_longest()
        if longest is not None and longest.deadline - self._tuning.keep_alive + OWNED_GRACE <= self._loop.time():
            longest.abort()

    # the connections' calls: see `Home`

    def freed(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        now = self._loop.time()
        connection.deadline = now + self._tuning.keep_alive
        if self._closed or now - connection.born >= self._tuning.maximum_age:
            connection.abort()
        elif connection.authenticated:
            if not self._owners.keep(connection):
                connection.abort()
        else:
            connection.owner = None
            if not self._slots.waiting or not self._slots.offer(connection):
                self._idle.append(connection)

    def gone(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        if connection.authenticated:
            self._owners.forget(connection)
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._slots.give(None)

    def lost(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        self._tunnels.discard(connection)
        self._sockets.discard(connection)
        if not self._sockets and self._all_closed is not None:
            self._all_closed.set_result(None)
            self._all_closed = None

    def tunnelled(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        self._connections.discard(connection)
        self._tunnels.add(connection)
        self._slots.give(None)

    def bound(self, connection: UpstreamConnection) -> None:
        """See `connection.Home`."""
        self._owners.bind(connection)

    # time

    def _start_sweep(self) -> None:
        if self._sweep is None and not self._closed:
            self._sweep = self._loop.call_later(self._every, self._look)

    def _look(self) -> None:
        self._sweep = None
        now = self._loop.time()
        for connection in list(self._connections):
            connection.check(now)
        if self._slots.waiting:
            self._make_room()
            self._slots.expire(now)
        if self._connections or self._slots.waiting:
            self._start_sweep()

    def _owner_gone(self, reference: weakref.ref[object]) -> None:
        """Any thread's garbage collector may call it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._collected, reference)

    def _collected(self, reference: weakref.ref[object]) -> None:
        for connection in self._owners.collected(reference):
            connection.abort()
