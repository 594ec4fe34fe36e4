"""The listener: opens the port, hands requests to the gateway, and stops so that nobody loses an answer."""

import asyncio
import ssl

import structlog

from proxy.gateway.connection import Connection, GatewayServer
from proxy.gateway.current import CurrentGateway
from proxy.gateway.streams import OpenStreams
from proxy.model.time import Seconds

log = structlog.get_logger("gateway")

DRAIN_SECONDS = 30.0
_HANDSHAKE_SECONDS = 10.0
_BACKLOG = 1024
_LOOK_AGAIN = 0.02


class RunningServer:
    """A listener that runs. `port` is the one it got."""

    def __init__(self, listener: asyncio.Server, connections: GatewayServer, streams: OpenStreams) -> None:
        self._listener = listener
        self._connections = connections
        self._streams = streams
        self.port: int = listener.sockets[0].getsockname()[1]

    async def close(self, drain_seconds: Seconds = DRAIN_SECONDS) -> None:
        """Stop: no new connection, open streams cut, requests in flight finish within `drain_seconds`, then all end."""
        self._listener.close()
        await self._streams.close()
        for connection in self._connections.connections:
            if isinstance(connection, Connection):
                connection.drain_and_close()
        deadline = asyncio.get_running_loop().time() + drain_seconds
        while self._connections.connections and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - aiohttp tells nobody
            await asyncio.sleep(_LOOK_AGAIN)
        if left := len(self._connections.connections):
            log.warning("requests_cut", connections=left)
        await self._connections.shutdown(timeout=_LOOK_AGAIN)


async def serve(
    current: CurrentGateway, streams: OpenStreams, host: str, port: int, ssl_context: ssl.SSLContext | None = None
) -> RunningServer:
    """Listen on `host` and `port` (0: a free one), with TLS where a context is given. Raises OSError."""
    connections = GatewayServer(current.handle)
    listener = await asyncio.get_running_loop().create_server(
        connections,
        host,
        port,
        ssl=ssl_context,
        backlog=_BACKLOG,
        ssl_handshake_timeout=_HANDSHAKE_SECONDS if ssl_context else None,
    )
    streams.start()
    return RunningServer(listener, connections, streams)
