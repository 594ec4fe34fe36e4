"""The raw stream after a 101: bytes both ways, untouched, with back-pressure both ways."""

import asyncio
from collections import deque
from collections.abc import Callable

from proxy.errors import UpstreamBroken

READ_HIGH = 256 * 1024


class UpstreamStream:
    """A duplex that its holder alone reads, writes and closes.

    At most READ_HIGH bytes, and what one read of the socket brings, are held for a slow reader.
    """

    def __init__(self, transport: asyncio.Transport, first: bytes = b"") -> None:
        self._transport = transport
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._ended = self._paused = self._lost = False
        self._error: Exception | None = None
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            self.received(first)

    @property
    def half_closes(self) -> bool:
        """Whether one direction can end before the other: TCP can, TLS cannot."""
        return self._transport.can_write_eof()

    async def read(self) -> bytes:
        """The next bytes; `b""` once the upstream ended its side. Raises UpstreamBroken where the connection broke."""
        while not self._pieces:
            if self._error is not None:
                raise UpstreamBroken("the tunnel broke") from self._error
            if self._ended:
                return b""
            self._readable = asyncio.get_running_loop().create_future()
            await self._readable
        piece = self._pieces.popleft()
        self._held -= len(piece)
        if self._paused and self._held <= READ_HIGH // 2 and not self._lost:
            self._paused = False
            self._transport.resume_reading()
        return piece

    def write(self, data: bytes) -> None:
        """Queues bytes; `drain` says when more are welcome. After the connection's end they are dropped."""
        if not self._lost:
            self._transport.write(data)

    async def drain(self) -> None:
        """Waits while the upstream does not take what was written. Raises UpstreamBroken where the connection ended."""
        if self._writable is not None and not self._lost:
            await self._writable
        if self._lost:
            raise UpstreamBroken("the tunnel ended") from self._error

    def write_eof(self) -> None:
        """Ends our side. TLS has no half-close: there the whole tunnel ends once what was written is out."""
        if self._lost or self._transport.is_closing():
            return
        if self.half_closes:
            self._transport.write_eof()
        else:
            self._transport.close()

    def close(self) -> None:
        """Ends both sides once what was written is out."""
        if not self._lost:
            self._transport.close()

    def abort(self) -> None:
        """Ends both sides at once."""
        if not self._lost:
            self._transport.abort()

    def on_closed(self, callback: Callable[[], None]) -> None:
        """Calls back once the connection is gone."""
        self._closed.add_done_callback(lambda _: callback())

    async def wait_closed(self) -> None:
        """Returns when the connection is gone."""
        await asyncio.shield(self._closed)

    # the connection's calls

    def received(self, data: bytes) -> None:
        """Bytes from the upstream."""
        self._pieces.append(data)
        self._held += len(data)
        if self._held > READ_HIGH and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def ended(self) -> None:
        """The upstream ended its side."""
        self._ended = True
        self._wake()

    def lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._ended = self._lost = True
        self._error = error
        self._wake()
        self.resume_writing()
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        """The upstream does not take what was written."""
        if self._writable is None:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It does again."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def _wake(self) -> None:
        readable, self._readable = self._readable, None
        if readable is not None and not readable.done():
            readable.set_result(None)
