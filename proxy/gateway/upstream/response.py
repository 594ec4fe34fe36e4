"""An answer for coroutines: its head once it is there, its body piece by piece, its end or what broke it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from proxy.errors import UpstreamBroken, UpstreamError
from proxy.gateway.upstream.answer import AnswerHead, Framing, Headers
from proxy.gateway.upstream.body import INLINE, BodySender, slices
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.request import RequestBody, RequestHead
from proxy.gateway.upstream.tunnel import UpstreamStream

__all__ = ["Interim", "UpstreamResponse", "UpstreamStream"]

READ_HIGH = 256 * 1024  # bytes of a body held for a slow reader; one read of the socket may come on top

Interim = Callable[[int, Headers], None]


class UpstreamResponse:
    """One answer. Its holder reads it to the end or calls `close`, always: an open one keeps its connection.

    A `Receiver`: the connection calls `interim`, `start`, `data`, `end`, `answered`, `switched` and `broken`.
    """

    __slots__ = (
        "_connection",
        "_ended",
        "_error",
        "_held",
        "_on_interim",
        "_paused",
        "_pieces",
        "_sender",
        "_waiter",
        "head",
        "trailers",
        "upgraded",
    )

    def __init__(self, connection: UpstreamConnection, on_interim: Interim | None = None) -> None:
        self._connection = connection
        self._on_interim = on_interim
        self._sender: BodySender | None = None
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._ended = self._paused = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.head: AnswerHead | None = None
        self.trailers: Headers = ()
        self.upgraded: UpstreamStream | None = None

    @property
    def known_head(self) -> AnswerHead:
        """The head, which is there once `started` was awaited."""
        if self.head is None:
            raise RuntimeError("no head yet: `started` was not awaited")
        return self.head

    @property
    def version(self) -> tuple[int, int]:
        """(1, 1) or (1, 0)."""
        return self.known_head.version

    @property
    def status(self) -> int:
        """200 to 999, or 101 where `upgraded` is set."""
        return self.known_head.status

    @property
    def reason(self) -> bytes:
        """The reason phrase as it came; may be empty."""
        return self.known_head.reason

    @property
    def headers(self) -> Headers:
        """All fields, raw and in order, the hop-by-hop ones included: those are the caller's to remove."""
        return self.known_head.headers

    @property
    def framing(self) -> Framing:
        """How the body's end is told; `Framing.NONE` has none, whatever the fields say."""
        return self.known_head.framing

    @property
    def content_length(self) -> int | None:
        """As the upstream stated it."""
        return self.known_head.content_length

    @property
    def request_sent(self) -> bool:
        """Whether the request's body went out in full; if not, the client's connection has some of it left."""
        return self._sender is None or self._sender.sent

    @property
    def complete(self) -> bool:
        """Whether everything came; pieces may still wait to be read."""
        return self._ended

    def whole(self) -> bytes | None:
        """All of the body not read so far if it is here to its end, so that head and body can go out as one; or None.

        What it returns counts as read.
        """
        if not self._ended:
            return None
        return self._take() if self._pieces else b""

    async def read(self) -> bytes:
        """What came of the body, at least a byte; `b""` at its end.

        Raises UpstreamBroken or UpstreamTimeout where the body is cut short (the caller then cuts its client's
        connection), or what the source of the request's body raised. One reader at a time.
        """
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            await self._wait()
        return self._take()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, as `read` gives it. Leaving early is the caller's `close`."""
        while piece := await self.read():
            yield piece

    def close(self) -> None:
        """Gives up what has not come: the upstream's connection closes at once. Idempotent.

        After the end it does nothing; a stream after a 101 ends once what was written is out.
        """
        if self._sender is not None:
            self._sender.cancel()
        if not self._ended and self._error is None:
            self._error = UpstreamBroken("the answer was given up")
            self._pieces.clear()
            self._connection.abort()
            self._wake()
        elif self.upgraded is not None:
            self.upgraded.close()

    def leave_slot(self) -> bool:
        """Is an event stream from here on, which is counted apart; False: as many are open as there may be."""
        return self._ended or self._connection.streaming()

    async def source_released(self) -> None:
        """Returns when nothing reads the request's body any more, so that the caller may drain its client."""
        if self._sender is not None:
            await self._sender.wait()

    # the pool's calls

    def send_body(self, sender: BodySender) -> None:
        """The body that goes with it."""
        self._sender = sender

    async def started(self) -> None:
        """Returns once the final head is there. Raises what broke it."""
        while self.head is None:
            if self._error is not None:
                raise self._error
            await self._wait()

    def source_failed(self, error: Exception) -> None:
        """The request's body broke off at its source; the connection is closed already."""
        if not self._ended and self._error is None:
            self._error = error
            self._wake()

    # the connection's calls

    def interim(self, status: int, headers: Headers) -> None:
        """See `Receiver`."""
        if status == 100 and self._sender is not None:  # noqa: PLR2004 - 100 Continue
            self._sender.go_on()
        if self._on_interim is not None:
            self._on_interim(status, headers)

    def start(self, head: AnswerHead) -> None:
        """See `Receiver`."""
        self.head = head
        if self._sender is not None:
            self._sender.answered()
        self._wake()

    def data(self, piece: bytes) -> None:
        """See `Receiver`."""
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > READ_HIGH and not self._paused:
            self._paused = True
            self._connection.pause()
        self._wake()

    def end(self, trailers: Headers) -> None:
        """See `Receiver`."""
        self.trailers = trailers
        self._ended = True
        self._stop_body()
        self._wake()

    def answered(self, head: AnswerHead, body: bytes) -> None:
        """See `Receiver`."""
        self.head = head
        if body:
            self._pieces.append(body)
        self._ended = True
        self._wake()

    def switched(self, head: AnswerHead, tunnel: UpstreamStream) -> None:
        """See `Receiver`."""
        self.head = head
        self.upgraded = tunnel
        self._ended = True
        self._wake()

    def broken(self, error: UpstreamError) -> None:
        """See `Receiver`."""
        self._error = error
        self._stop_body()
        self._wake()

    # inside

    def _take(self) -> bytes:
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._held = 0
        if self._paused:
            self._paused = False
            if not self._ended:
                self._connection.resume()
        return piece

    def _stop_body(self) -> None:
        if self._sender is not None and not self._sender.sent:
            self._sender.cancel()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def begin(
    connection: UpstreamConnection, head: RequestHead, body: RequestBody, on_interim: Interim | None
) -> UpstreamResponse:
    """Sends a request on a connection that was lent or opened. Raises UpstreamBroken where it closed meanwhile."""
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
