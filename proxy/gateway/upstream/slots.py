"""Who may use which connection: kept ones, the bound, the queue, and those pinned to one client connection."""

import asyncio
from collections import OrderedDict

from proxy.errors import UpstreamBroken, UpstreamBusy, UpstreamUnreachable
from proxy.gateway.upstream.address import UpstreamAddress
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.flow import Deadline
from proxy.model.deployment import UpstreamTuning

# An idle pinned connection is given up for those who wait only after this: NTLM's next step follows within it.
_PINNED_GRACE = 1.0


class ConnectionSlots:
    """Connections to one address, at most `tuning.connections`, connecting and pinned ones included.

    The one used last is used first, so that a quiet time lets the surplus go. Who finds none free waits in order of
    arrival. While anybody waits every slot is taken: what comes free is handed over, never put down.
    """

    def __init__(self, address: UpstreamAddress, tuning: UpstreamTuning) -> None:
        self._address = address
        self._tuning = tuning
        self._loop = asyncio.get_running_loop()
        self._taken = 0
        self._connections: set[UpstreamConnection] = set()
        self._idle: OrderedDict[UpstreamConnection, None] = OrderedDict()
        self._idle_pinned: OrderedDict[UpstreamConnection, None] = OrderedDict()
        self._pinned: dict[int, tuple[object, UpstreamConnection]] = {}  # by id(owner), the owner kept alive beside it
        self._waiters: OrderedDict[asyncio.Future[UpstreamConnection | None], None] = OrderedDict()
        self._sweep_due = Deadline(self._loop, self._sweep)
        self._sweeping = False
        self._closed = False

    async def take(self, owner: object | None, *, fresh: bool = False) -> UpstreamConnection:
        """The owner's own connection, a kept one, another one, or the first that comes free. `fresh`: none kept.

        Raises:
            UpstreamUnreachable: no connection could be made in time.
            UpstreamBusy: the queue is full, or was waited in for the first-byte timeout.
        """
        if self._closed:
            raise UpstreamUnreachable("the proxy stops")
        connection = self._own(owner) or (None if fresh else self._kept())
        if connection is not None:
            return connection
        if self._taken >= self._tuning.connections and self._idle:
            next(iter(self._idle)).close()  # asked for a fresh one: the longest unused gives its slot
        if self._taken < self._tuning.connections:
            self._taken += 1
            return await self._connect()
        handed = await self._wait()
        if handed is None:
            return await self._connect()
        return handed if handed.alive else await self.take(owner, fresh=fresh)

    def pin(self, connection: UpstreamConnection) -> None:
        """From here on the connection is its owner's alone; without an owner it ends with the answer."""
        connection.pinned = True
        if connection.owner is not None and id(connection.owner) not in self._pinned:
            self._pinned[id(connection.owner)] = (connection.owner, connection)

    def release(self, owner: object) -> None:
        """The owner has gone, and its connection with it."""
        entry = self._pinned.get(id(owner))
        if entry is not None:
            entry[1].close()

    def close(self) -> None:
        """Close all; who waits or reads gets UpstreamBroken."""
        self._closed = True
        self._sweep_due.close()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(UpstreamBroken("the proxy stops"))
        for connection in tuple(self._connections):
            connection.close(UpstreamBroken("the proxy stops"))

    def _own(self, owner: object | None) -> UpstreamConnection | None:
        entry = self._pinned.get(id(owner)) if owner is not None else None
        if entry is None or entry[1] not in self._idle_pinned:
            return None
        del self._idle_pinned[entry[1]]
        return entry[1]

    def _kept(self) -> UpstreamConnection | None:
        if not self._idle:
            return None
        connection, _ = self._idle.popitem()
        if connection.idle_since + self._tuning.keep_alive > self._loop.time():
            return connection
        connection.close()  # the others are idle for longer still; the sweep takes them
        return None

    async def _connect(self) -> UpstreamConnection:
        """Fill a slot that is already counted."""
        address = self._address
        connection = UpstreamConnection(self._tuning, self._on_idle, self._on_lost)
        try:
            async with asyncio.timeout(self._tuning.connect_timeout):
                await self._loop.create_connection(
                    lambda: connection,
                    address.host,
                    address.port,
                    ssl=address.tls,
                    server_hostname=(address.server_name or address.host) if address.tls else None,
                )
            if not connection.alive or self._closed:
                raise ConnectionError("closed as soon as it was made")
        except BaseException as error:
            connection.close()
            self._free()
            if isinstance(error, OSError):  # time-outs, refusals, names that do not resolve, certificates
                where = f"{address.host}:{address.port}"
                raise UpstreamUnreachable(f"no connection to {where}: {error or 'not in time'}") from error
            raise
        self._connections.add(connection)
        return connection

    async def _wait(self) -> UpstreamConnection | None:
        """What came free: a connection, or None for a slot to fill."""
        if len(self._waiters) >= self._tuning.queue:
            raise UpstreamBusy("all connections are taken and the queue is full")
        waiter: asyncio.Future[UpstreamConnection | None] = self._loop.create_future()
        self._waiters[waiter] = None
        if self._idle_pinned:
            self._plan_sweep()
        try:
            async with asyncio.timeout(self._tuning.first_byte_timeout):
                try:
                    return await waiter
                except asyncio.CancelledError:
                    self._hand_back(waiter)
                    raise
        except TimeoutError:
            raise UpstreamBusy("all connections are taken, and none came free in time") from None
        finally:
            self._waiters.pop(waiter, None)

    def _hand_back(self, waiter: "asyncio.Future[UpstreamConnection | None]") -> None:
        """Cancelled just after something was handed over: it goes to the next."""
        if waiter.cancelled() or not waiter.done() or waiter.exception() is not None:
            return
        connection = waiter.result()
        if connection is None:
            self._free()
        elif connection.alive:
            self._on_idle(connection)

    def _next_waiter(self) -> "asyncio.Future[UpstreamConnection | None] | None":
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                return waiter
        return None

    def _free(self) -> None:
        waiter = self._next_waiter()
        if waiter is None:
            self._taken -= 1
        else:
            waiter.set_result(None)

    def _on_idle(self, connection: UpstreamConnection) -> None:
        if self._closed:
            connection.close()
            return
        connection.idle_since = self._loop.time()
        if connection.pinned:
            self._keep_pinned(connection)
            return
        connection.owner = None
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(connection)
            return
        self._idle[connection] = None
        if not self._sweeping:
            self._plan_sweep()

    def _keep_pinned(self, connection: UpstreamConnection) -> None:
        self.pin(connection)
        entry = self._pinned.get(id(connection.owner))
        if entry is None or entry[1] is not connection:
            connection.close()  # its owner has another; one client connection, one upstream connection
            return
        self._idle_pinned[connection] = None
        if self._waiters or not self._sweeping:
            self._plan_sweep()

    def _on_lost(self, connection: UpstreamConnection) -> None:
        if connection not in self._connections:
            return  # lost while connecting, which frees the slot itself
        self._connections.discard(connection)
        self._idle.pop(connection, None)
        self._idle_pinned.pop(connection, None)
        entry = self._pinned.get(id(connection.owner))
        if entry is not None and entry[1] is connection:
            del self._pinned[id(connection.owner)]
        self._free()

    def _plan_sweep(self) -> None:
        keep = self._tuning.keep_alive
        pinned_keep = min(_PINNED_GRACE, keep) if self._waiters else keep
        oldest = [next(iter(idle)).idle_since + kept for idle, kept in self._kinds(keep, pinned_keep) if idle]
        self._sweeping = bool(oldest)
        if oldest:
            self._sweep_due.set(max(0.0, min(oldest) - self._loop.time()))

    def _kinds(
        self, keep: float, pinned_keep: float
    ) -> tuple[tuple[OrderedDict[UpstreamConnection, None], float], ...]:
        return ((self._idle, keep), (self._idle_pinned, pinned_keep))

    def _sweep(self) -> None:
        now = self._loop.time()
        for idle in (self._idle, self._idle_pinned):
            while idle and (oldest := next(iter(idle))).idle_since + self._tuning.keep_alive <= now:
                oldest.close()
        for _ in range(len(self._waiters)):
            if not self._idle_pinned or (oldest := next(iter(self._idle_pinned))).idle_since + _PINNED_GRACE > now:
                break
            oldest.close()
        self._plan_sweep()
