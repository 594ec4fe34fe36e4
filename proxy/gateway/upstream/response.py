"""What the upstream answered, as its reader sees it."""

import asyncio
from collections.abc import AsyncIterator

from proxy.gateway.upstream.answer import AnswerHead
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.flow import ByteQueue

_SWITCHING = 101


async def _next_piece(connection: UpstreamConnection, body: ByteQueue) -> bytes:
    piece = body.take()
    while piece is None:
        connection.reading()
        await body.wait()
        piece = body.take()
    return piece


class UpstreamStream:
    """The bytes both ways after 101 (Switching Protocols). Its user closes it."""

    def __init__(self, connection: UpstreamConnection, body: ByteQueue) -> None:
        self._connection = connection
        self._body = body

    async def read(self) -> bytes:
        """The next bytes, b"" at the end. Raises UpstreamBroken where the connection was reset."""
        try:
            return await _next_piece(self._connection, self._body)
        except asyncio.CancelledError:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Send; await `drain` between large pieces."""
        self._connection.write(data)

    async def drain(self) -> None:
        """Until the upstream took most of it. Raises UpstreamBroken, UpstreamTimeout."""
        await self._connection.drain()

    def close(self) -> None:
        """End the connection once what was written is out."""
        self._connection.close_when_sent()


class UpstreamResponse:
    """Status, reason, version and headers as they came, and the body to be iterated once.

    Read `chunks()` to its end or call `close()`; until then the connection is taken.
    """

    __slots__ = ("_body", "_connection", "headers", "reason", "status", "upgraded", "version")

    def __init__(self, head: AnswerHead, connection: UpstreamConnection, body: ByteQueue) -> None:
        self.status = head.status
        self.reason = head.reason
        self.version = head.version
        self.headers = head.headers
        self._connection = connection
        self._body = body
        self.upgraded = UpstreamStream(connection, body) if head.status == _SWITCHING else None

    def chunks(self) -> AsyncIterator[bytes]:
        """The body, de-chunked, trailers dropped.

        Raises (while iterated):
            UpstreamBroken: the body is cut short or its chunks are invalid.
            UpstreamTimeout: no further byte came in time.
        """
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self.upgraded is not None:
            raise StopAsyncIteration
        try:
            piece = await _next_piece(self._connection, self._body)
        except asyncio.CancelledError:
            self.close()
            raise
        if not piece:
            raise StopAsyncIteration
        return piece

    def close(self) -> None:
        """Abandon: the connection ends at once, unless the body arrived whole and it went back to the pool."""
        if not self._body.ended:
            self._connection.close()
        self._body.clear()
