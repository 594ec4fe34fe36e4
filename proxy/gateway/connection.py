"""One client connection, as aiohttp's server speaks it, with what aiohttp leaves open.

A head must arrive whole within `HEAD_SECONDS` and `HEAD_BYTES`; what aiohttp cannot read is answered without an echo
of it; whoever forwards learns at once that the client has gone; at a stop no request that was sent goes unanswered.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakSet

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from proxy.errors import RequestRefused, UpstreamError
from proxy.gateway.sockets import address_of, hang_up, has_unread, reset
from proxy.gateway.upstream import Ownership
from proxy.model.decision import Decision
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.time import Seconds
from proxy.pages.reference import REFERENCE, make_reference

log = structlog.get_logger("gateway")

HEAD_SECONDS = 10.0
HEAD_BYTES = 256 * 1024
KEEP_ALIVE_SECONDS = 75.0
# While it drains, a connection stays open for so long after its last answer: the request that its client may be about
# to send gets an answer, and with it the word that the connection closes.
LAST_REQUEST_SECONDS = 1.0
_LOOK_AGAIN = 0.02
_LONGEST_LINE = 64 * 1024
_PIECE = 64 * 1024

_PHRASES = {400: "Bad Request", 500: "Internal Server Error", 504: "Gateway Timeout"}
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Front(Protocol):
    """Who stands before a connection, gives it one request at a time and must know when the next may come."""

    def answered(self, *, keep_alive: bool) -> None:
        """The answer is out; without `keep_alive` the connection closes behind it."""

    def continued(self) -> None:
        """The client was told to send the body that it holds back."""

    def switched(self) -> None:
        """Every byte of the client is wanted raw from here on."""


@dataclass(frozen=True, slots=True)
class Foregone:
    """A request that went another way before, and failed there: all that is left is to say so.

    `started`: `time.monotonic` of its arrival.
    """

    facts: RequestFacts
    organization: Organization
    decision: Decision
    error: UpstreamError | RequestRefused
    started: float
    upstream_seconds: Seconds | None


class Connection(web.RequestHandler):
    """A client connection. `draining`: an answer whose head is not out yet says that it is the last.

    `ownership`: for whom its requests go upstream. `front`: who stands before it, if anybody; `foregone`: what the next
    request has met before it came here. `payload`: the body of the request that was last begun; `broken`: why the last
    body will not become whole; `on_broken`: who must know immediately.
    """

    def __init__(self, manager: web.Server, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self.draining = False
        self.ownership = Ownership()
        self.front: Front | None = None
        self.foregone: Foregone | None = None
        self._losses: dict[object, Callable[[], object]] = {}
        self.payload: StreamReader | None = None
        self.broken: RequestRefused | None = None
        self.on_broken: Callable[[], object] | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_size = 0
        self._quiet_since = 0.0
        self._quiet_timer: asyncio.TimerHandle | None = None

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

    def break_body(self, refused: RequestRefused) -> None:
        """End the body of the last request: whoever reads it, or will, gets `refused`. aiohttp leaves readers waiting.

        Nothing can follow: the answer is the connection's last.
        """
        self.broken = refused
        # A request that is read waits among the messages until its handler's turn comes.
        payload = self._messages[-1][1] if self._messages else self.payload
        if payload is not None:
            payload.set_exception(refused)
            payload.feed_eof()  # what nobody reads is not waited for
        if self.on_broken is not None:
            self.on_broken()

    def abort(self) -> None:
        """Cut the connection so that the client sees a reset, not an end that looks orderly."""
        transport = self.transport
        if transport is not None:
            reset(transport)
        self.force_close()

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, nor the head of one."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and self._head_timer is None

    def drain(self) -> None:
        """Take no request without saying that it is the last, and close once none comes."""
        if not self.draining:
            self.draining = True
            self._quiet_since = self._loop.time()
            self._look_later(LAST_REQUEST_SECONDS)

    def _look_later(self, seconds: Seconds) -> None:
        self._quiet_timer = self._loop.call_later(seconds, self._close_if_quiet)

    def _close_if_quiet(self) -> None:
        if self.transport is None:
            return
        quiet_until = self._quiet_since + LAST_REQUEST_SECONDS
        if not self.is_idle:
            self._look_later(LAST_REQUEST_SECONDS)
        elif quiet_until > self._loop.time():
            self._look_later(quiet_until - self._loop.time())
        elif has_unread(self.transport):
            self._look_later(_LOOK_AGAIN)
        else:
            hang_up(self.transport)
            self.force_close()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is connected, over TLS after its handshake."""
        manager = self._manager
        super().connection_made(transport)
        if isinstance(manager, GatewayServer):
            manager.arrived(self)

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
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()
        super().connection_lost(exc)
        losses, self._losses = self._losses, {}
        for callback in losses.values():
            callback()
        self.ownership.change(None)

    def _head_is_there(self) -> None:
        self._head_size = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self, answer: bytes, reason: str) -> None:
        self._head_timer = None
        if self.transport is not None:
            log.info("refused", reason=reason, client_address=address_of(self.peername))
            self.transport.write(answer)
        self.force_close()

    # What aiohttp's server calls.

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send what is left of an answer."""
        # A head that is out has promised what it has promised: another request may be on its way already.
        if (self.draining or self.broken) and not request.writer.output_size:
            resp.force_close()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._quiet_since = self._loop.time()
            if self.front is not None:
                self.front.answered(keep_alive=bool(resp.keep_alive) and not self._force_close)

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """What the client sends is no HTTP from here on."""
        super().set_parser(parser, data_received_cb)
        if self.front is not None:
            self.front.switched()

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
        facts = {"status": status, "reference": reference, "client_address": address_of(self.peername)}
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

    def __init__(
        self, handler: Callable[[web.BaseRequest], Any], *, keep_alive_seconds: Seconds = KEEP_ALIVE_SECONDS
    ) -> None:
        super().__init__(handler, request_factory=self._request)
        self.keep_alive_seconds = keep_alive_seconds
        self._draining = False
        # Accepted, and not yet connected: over TLS the handshake comes first. One that fails tells nobody.
        self._awaited: WeakSet[Connection] = WeakSet()

    @property
    def clients(self) -> list[Connection]:
        """The connections there are."""
        return [each for each in self.connections if isinstance(each, Connection)]

    @property
    def awaits(self) -> bool:
        """Whether connections are accepted that have not come about."""
        return bool(self._awaited)

    def drain(self) -> None:
        """Drain every connection, those to come too."""
        self._draining = True
        for connection in self.clients:
            connection.drain()

    def arrived(self, connection: Connection) -> None:
        """A connection has come about."""
        self._awaited.discard(connection)
        if self._draining:
            connection.drain()

    def __call__(self) -> web.RequestHandler:
        """A protocol for one connection."""
        connection = Connection(
            self,
            loop=self._loop,
            access_log=None,
            keepalive_timeout=self.keep_alive_seconds,
            auto_decompress=False,  # a body goes upstream as it came
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            read_bufsize=_PIECE,
        )
        self._awaited.add(connection)
        return connection

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.Request:
        if isinstance(protocol, Connection):
            protocol.payload = payload
        return web.Request(message, payload, protocol, writer, task, self._loop)
