"""The listener: opens the port, hands requests to the gateway, and stops so that nobody loses an answer."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from proxy.gateway.connection import LAST_REQUEST_SECONDS, GatewayServer
from proxy.gateway.current import CurrentGateway
from proxy.gateway.streams import OpenStreams
from proxy.model.time import Seconds
from proxy.store.tasks import end_tasks

log = structlog.get_logger("gateway")

DRAIN_SECONDS = 30.0
_HANDSHAKE_SECONDS = 10.0
# A client that is gone does not answer our closing alert; a stop must not wait for it.
_CLOSING_SECONDS = 2.0
_BACKLOG = 1024
_LOOK_AGAIN = 0.02


class Client(Protocol):
    """One client connection, as far as a stop must know it."""

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, nor the head of one."""

    def abort(self) -> None:
        """Cut it."""


class Connections(Protocol):
    """The client connections of one listener; called for each one accepted, it makes the protocol."""

    @property
    def clients(self) -> Sequence[Client]:
        """Those there are."""

    @property
    def awaits(self) -> bool:
        """Whether connections are accepted that have not come about."""

    def drain(self) -> None:
        """Let each one's next answer be its last, and close those on which nothing comes."""

    async def shutdown(self, timeout: Seconds | None = None) -> None:  # noqa: ASYNC109 - aiohttp's name
        """End all."""

    def __call__(self) -> asyncio.BaseProtocol:
        """A protocol for one connection."""


class RunningServer:
    """A listener that runs. `port` is the one it got."""

    def __init__(
        self,
        listener: asyncio.Server,
        connections: Connections,
        streams: OpenStreams,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._streams = streams
        self._ssl = ssl_context
        self._taking_in: set[asyncio.Task[None]] = set()
        self.port: int = listener.sockets[0].getsockname()[1]

    async def close(self, drain_seconds: Seconds = DRAIN_SECONDS) -> None:
        """Stop: no new connection, open streams cut, requests in flight finish within `drain_seconds`, then all end.

        A kept-alive connection that nothing comes on closes a second after its last answer.
        """
        now = asyncio.get_running_loop().time
        began = now()
        self._connections.drain()
        self._stop_listening()
        await self._streams.close()
        while now() < began + drain_seconds and self._has_work(now() - began):  # noqa: ASYNC110 - aiohttp tells nobody
            await asyncio.sleep(_LOOK_AGAIN)
        if cut := [connection for connection in self._connections.clients if not connection.is_idle]:
            log.warning("requests_cut", connections=len(cut))
        for connection in cut:
            # An answer that ends with its connection must not look whole.
            connection.abort()
        await end_tasks(self._taking_in)
        await self._connections.shutdown(timeout=_LOOK_AGAIN)

    def _has_work(self, after: Seconds) -> bool:
        if self._connections.clients:
            return True
        return after < LAST_REQUEST_SECONDS and bool(self._taking_in or self._connections.awaits)

    def _stop_listening(self) -> None:
        """Close the port.

        The kernel has connected clients that nobody has accepted yet, and resets them when the port closes, whatever
        they have sent: they are taken in first.
        """
        accepted = [one for listening in self._listener.sockets for one in _accept_all(listening.fileno())]
        self._listener.close()
        for one in accepted:
            task = asyncio.get_running_loop().create_task(self._take_in(one))
            self._taking_in.add(task)
            task.add_done_callback(self._taking_in.discard)

    async def _take_in(self, accepted: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connections,
                accepted,
                ssl=self._ssl,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS if self._ssl else None,
                ssl_shutdown_timeout=_CLOSING_SECONDS if self._ssl else None,
            )
        except OSError as error:
            accepted.close()
            log.info("handshake_failed", error=str(error))


def _accept_all(listening: int) -> list[socket.socket]:
    accepted: list[socket.socket] = []
    with socket.socket(fileno=os.dup(listening)) as own, contextlib.suppress(OSError):
        own.setblocking(False)
        while len(accepted) < _BACKLOG:
            accepted.append(own.accept()[0])
    return accepted


async def serve(
    current: CurrentGateway,
    streams: OpenStreams,
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None = None,
    *,
    listening: socket.socket | None = None,
    front: Callable[[GatewayServer], Connections] | None = None,
) -> RunningServer:
    """Listen on `host` and `port` (0: a free one), with TLS where a context is given. Raises OSError.

    `listening`: a socket that listens already and is used in their place. `front` makes what stands before aiohttp.
    """
    where = {"host": host, "port": port} if listening is None else {"sock": listening}
    server = GatewayServer(current.handle)
    connections: Connections = server if front is None else front(server)
    listener = await asyncio.get_running_loop().create_server(
        connections,
        **where,
        ssl=ssl_context,
        backlog=_BACKLOG,
        ssl_handshake_timeout=_HANDSHAKE_SECONDS if ssl_context else None,
        ssl_shutdown_timeout=_CLOSING_SECONDS if ssl_context else None,
    )
    streams.start()
    return RunningServer(listener, connections, streams, ssl_context)
