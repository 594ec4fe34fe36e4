"""One client connection, as aiohttp's server speaks it, with what aiohttp leaves open.

A head must arrive whole within `HEAD_SECONDS` and `HEAD_BYTES`; what aiohttp cannot read is answered without an echo
of it; whoever forwards learns at once that the client has gone; at a stop a connection closes after its last answer.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from proxy.pages.reference import REFERENCE, make_reference

log = structlog.get_logger("gateway")

HEAD_SECONDS = 10.0
HEAD_BYTES = 256 * 1024
KEEP_ALIVE_SECONDS = 75.0
_LONGEST_LINE = 64 * 1024
_PIECE = 64 * 1024

_PHRASES = {400: "Bad Request", 500: "Internal Server Error", 504: "Gateway Timeout"}
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Releases(Protocol):
    """A pool that may keep an upstream connection pinned to a client connection."""

    def release(self, owner: object) -> None:
        """The client connection has gone."""


class Connection(web.RequestHandler):
    """A client connection. `draining`: it closes after the answer that is under way."""

    def __init__(self, manager: web.Server, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self.draining = False
        self._losses: dict[object, Callable[[], object]] = {}
        self._pools: set[Releases] = set()
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_size = 0

    def on_loss(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back once when the client has gone; at once if it has. Returns what takes the callback away."""
        if self.transport is None:
            callback()
            return lambda: None
        key = object()
        self._losses[key] = callback

        def forget() -> None:
            self._losses.pop(key, None)

        return forget

    def release_at_end(self, pool: Releases) -> None:
        """Let `pool` know when this connection is gone."""
        self._pools.add(pool)

    def abort(self) -> None:
        """Cut the connection so that the client sees a reset, not an end that looks orderly."""
        transport = self.transport
        if transport is not None:
            transport.abort()
        self.force_close()

    def drain_and_close(self) -> None:
        """Close now if no request is under way, else after its answer."""
        self.draining = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            self.force_close()

    # What the event loop calls.

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        super().data_received(data)
        waiter = self._waiter
        if self.transport is None or waiter is None or waiter.done():
            self._head_is_there()
            return
        # The server still waits for a request: a head has begun and is not whole.
        self._head_size += len(data)
        if self._head_size > HEAD_BYTES:
            self._give_up(_TOO_LARGE, "head_too_large")
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(HEAD_SECONDS, self._give_up, _TOO_LATE, "head_too_slow")

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client has gone."""
        self._head_is_there()
        super().connection_lost(exc)
        losses, self._losses = self._losses, {}
        for callback in losses.values():
            callback()
        for pool in self._pools:
            pool.release(self)
        self._pools.clear()

    def _head_is_there(self) -> None:
        self._head_size = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self, answer: bytes, reason: str) -> None:
        self._head_timer = None
        if self.transport is not None:
            log.info("refused", reason=reason, client_address=_address(self.peername))
            self.transport.write(answer)
        self.force_close()

    # What aiohttp's server calls.

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send what is left of an answer."""
        if self.draining:
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's words, which quote the request
    ) -> web.StreamResponse:
        """The answer where there is no better one: nothing of the request or of the fault stands in it.

        Raises ConnectionError where an answer has begun: only an end of the connection is then understood.
        """
        reference = request.get(REFERENCE) or make_reference()
        facts = {"status": status, "reference": reference, "client_address": _address(self.peername)}
        if status < 500:  # noqa: PLR2004 - from here on the fault is ours
            log.info("refused", reason="not_http", error=type(exc).__name__, **facts)
        else:
            log.error("failed", exc_info=exc, **facts)
        if request.writer.output_size > 0:
            self.abort()
            raise ConnectionError("an answer has begun")
        answer = web.Response(
            status=status,
            text=f"{status} {_PHRASES.get(status, '')}\nReference: {reference}\n",
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "claims-proxy"},
        )
        answer.force_close()
        return answer


class GatewayServer(web.Server):
    """aiohttp's low-level server: no router, so the request target stays as it came."""

    def __init__(self, handler: Callable[[web.BaseRequest], Any]) -> None:
        super().__init__(handler, request_factory=self._request)

    def __call__(self) -> web.RequestHandler:
        """A protocol for one connection."""
        return Connection(
            self,
            loop=self._loop,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            auto_decompress=False,  # a body goes upstream as it came
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            read_bufsize=_PIECE,
        )

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.Request:
        return web.Request(message, payload, protocol, writer, task, self._loop)


def _address(peername: object) -> str:
    return str(peername[0]) if isinstance(peername, tuple) and peername else ""
