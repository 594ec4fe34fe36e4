"""All clients of a listener: how many there may be, their deadlines, and how they end at a stop."""

import asyncio
import socket
import ssl
import time
from collections import Counter
from enum import StrEnum
from weakref import WeakSet

import structlog

from proxy.edge.bounds import Bounds
from proxy.edge.client import Client
from proxy.edge.connection import EdgeConnection
from proxy.edge.rules import Rules
from proxy.gateway import server as gateway_server
from proxy.gateway.connection import GatewayServer
from proxy.gateway.current import CurrentGateway
from proxy.gateway.server import RunningServer
from proxy.gateway.streams import OpenStreams
from proxy.model.time import Seconds
from proxy.observability.request_log import RequestLog
from proxy.policy.peer import is_trusted

log = structlog.get_logger("gateway")

_DRAINING_SWEEP = 0.02
_NO_KEEP_ALIVE = 10 * 365 * 86400.0  # the edge closes what is idle, aiohttp never


class Lane(StrEnum):
    """Which lanes there are: both, or all requests in the full one, for tests and measurements."""

    BOTH = "both"
    FULL = "full"


class EdgeServer:
    """Makes the protocol of each client connection; what `gateway.server.RunningServer` stops."""

    def __init__(
        self, current: CurrentGateway, full: GatewayServer, streams: OpenStreams, bounds: Bounds, lane: Lane
    ) -> None:
        self.current = current
        self.full = full
        self.streams = streams
        self.bounds = bounds
        self.has_fast_lane = lane is Lane.BOTH
        self.draining = False
        self.requests = RequestLog()
        self._rules = Rules(current.gateway, bounds)
        self._clients: set[Client] = set()
        self._by_address: Counter[str] = Counter()
        self._awaited: WeakSet[Client] = WeakSet()
        self._loop = asyncio.get_running_loop()
        self._refused = 0
        self._sweep: asyncio.TimerHandle | None = None

    def rules(self) -> Rules:
        """What the gateway in force makes of heads."""
        rules = self._rules
        if rules.gateway is not self.current.gateway:
            rules = self._rules = Rules(self.current.gateway, self.bounds)
        return rules

    # what a listener and its stop ask

    def __call__(self) -> asyncio.BaseProtocol:
        """A protocol for one connection."""
        connection = EdgeConnection(self)
        self._awaited.add(connection)
        return connection

    @property
    def clients(self) -> list[Client]:
        """The connections there are."""
        return list(self._clients)

    @property
    def awaits(self) -> bool:
        """Whether connections are accepted that have not come about."""
        return bool(self._awaited)

    def drain(self) -> None:
        """Drain every connection, those to come too."""
        self.draining = True
        for client in self._clients:
            client.drain()
        if self._sweep is not None:
            self._sweep.cancel()
            self._look()

    async def shutdown(self, timeout: Seconds | None = None) -> None:  # noqa: ASYNC109 - as aiohttp's server has it
        """End all."""
        await self.full.shutdown(timeout=timeout)
        for client in self.clients:
            client.cut()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self.requests.close()

    # what connections tell

    def arrived(self, client: Client) -> bool:
        """A connection has come about; whether there is room for it."""
        self._awaited.discard(client)
        address, bounds = client.address, self.bounds
        crowded = self._by_address[address] >= bounds.per_address and not is_trusted(
            address, self.current.gateway.trusted
        )
        if crowded or len(self._clients) >= bounds.connections:
            self._refused += 1
            if self._refused & (self._refused - 1) == 0:  # a flood is told of in powers of two
                log.warning("connections_refused", client_address=address, so_far=self._refused)
            return False
        self._clients.add(client)
        self._by_address[address] += 1
        if self._sweep is None:
            self._sweep = self._loop.call_later(self.bounds.sweep, self._look)
        if self.draining:
            client.drain()
        return True

    def left(self, client: Client) -> None:
        """A connection is gone."""
        if client in self._clients:
            self._clients.discard(client)
            self._by_address[client.address] -= 1
            if not self._by_address[client.address]:
                del self._by_address[client.address]

    def _look(self) -> None:
        """One look at all deadlines: cheaper than a timer for each, which every request would move."""
        self._sweep = None
        now = time.monotonic()
        for client in list(self._clients):
            if client.deadline <= now or client.write_deadline <= now or self.draining:
                client.expire(now)
        if self._clients or self.draining:
            every = _DRAINING_SWEEP if self.draining else self.bounds.sweep
            self._sweep = self._loop.call_later(every, self._look)


async def serve(
    current: CurrentGateway,
    streams: OpenStreams,
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None = None,
    *,
    listening: socket.socket | None = None,
    bounds: Bounds | None = None,
    lane: Lane = Lane.BOTH,
) -> RunningServer:
    """As `gateway.server.serve`, with the edge in front. Raises OSError."""

    def front(full: GatewayServer) -> EdgeServer:
        full.keep_alive_seconds = _NO_KEEP_ALIVE
        return EdgeServer(current, full, streams, bounds or Bounds(), lane)

    return await gateway_server.serve(current, streams, host, port, ssl_context, listening=listening, front=front)


__all__ = ["EdgeServer", "Lane", "serve"]
