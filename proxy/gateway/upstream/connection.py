"""One connection to the upstream: one request out, one answer in, then the next."""

import asyncio
from collections.abc import Callable
from typing import cast

from proxy.errors import UpstreamBroken, UpstreamTimeout
from proxy.gateway.upstream.answer import AnswerHead, AnswerReader
from proxy.gateway.upstream.flow import ByteQueue, Deadline
from proxy.model.deployment import UpstreamTuning

OnInterim = Callable[[int, bytes, tuple[tuple[bytes, bytes], ...]], None]

# A body is written in slices, so that the write deadline sees progress within a large piece.
_SLICE = 256 * 1024
_CONTINUE = 100


class ConnectionLost(UpstreamBroken):
    """The connection ended before the first byte of an answer."""


class UpstreamConnection(asyncio.Protocol):
    """Owned by the pool, lent for one exchange: `begin`, `write`…, `await head()`, then `body` until it ends.

    `on_idle` is called when an answer is whole and the connection may carry another request, `on_lost` once when the
    connection is gone. `owner`: the client connection it is pinned to (NTLM, Negotiate).
    """

    def __init__(
        self,
        tuning: UpstreamTuning,
        on_idle: Callable[["UpstreamConnection"], None],
        on_lost: Callable[["UpstreamConnection"], None],
    ) -> None:
        self._tuning = tuning
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._reader = AnswerReader()
        self._read_deadline = Deadline(self._loop, self._expired)
        self._write_deadline = Deadline(self._loop, self._expired)
        self._transport: asyncio.Transport | None = None
        self._head: asyncio.Future[AnswerHead] | None = None
        self._continued: asyncio.Future[None] | None = None
        self._on_interim: OnInterim | None = None
        self._writable: asyncio.Future[None] | None = None
        self._writing_paused = False
        self._upload: asyncio.Task[None] | None = None
        self._sent = False
        self._early = False
        self._clean_end = False
        self._reading_paused = False
        self._error: Exception | None = None
        self.body: ByteQueue | None = None
        self.answers = 0
        self.idle_since = 0.0
        self.owner: object | None = None
        self.pinned = False
        self.alive = False

    # The exchange.

    def begin(self, head: bytes, method: bytes, upgrade: bytes | None, on_interim: OnInterim | None) -> None:
        """Send a request's head. The answer is waited for from `sent` on."""
        self._sent = False
        self._early = False
        self._on_interim = on_interim
        self._head = None
        self._upload = None
        self.body = None
        self._reader.begin(method, upgrade)
        self.write(head)

    def sent(self) -> None:
        """The request is out whole: the first byte of the answer is due."""
        self._sent = True
        if self._reader.head is None and self.alive:
            self._read_deadline.set(self._tuning.first_byte_timeout)

    async def head(self) -> AnswerHead:
        """The final head (101 included). Raises UpstreamBroken (ConnectionLost before any byte), UpstreamTimeout."""
        if self._head is None:
            self._head = self._loop.create_future()
            if self._error is not None:
                self._head.set_exception(self._error)
        return await self._head

    async def continued(self, seconds: float) -> bool:
        """Wait for 100 (Continue); True after it or after `seconds`, False where a final head came instead."""
        if self._reader.head is None and self.alive:
            self._continued = self._loop.create_future()
            await asyncio.wait([self._continued], timeout=seconds)
            self._continued = None
        return self._reader.head is None

    def attach_upload(self, upload: asyncio.Task[None]) -> None:
        """The task that sends the body; it ends with the exchange."""
        self._upload = upload

    def write(self, data: bytes) -> None:
        """Send; what the kernel does not take at once is buffered, see `drain`."""
        if self._transport is not None and self.alive:
            self._transport.write(data)

    async def write_all(self, data: bytes) -> None:
        """Send with back-pressure, a large piece in slices."""
        if len(data) <= _SLICE:
            self.write(data)
            await self.drain()
            return
        view = memoryview(data)
        for start in range(0, len(data), _SLICE):
            self.write(bytes(view[start : start + _SLICE]))
            await self.drain()

    async def drain(self) -> None:
        """Until the upstream has taken most of what was written.

        Raises:
            UpstreamBroken: the connection is gone.
            UpstreamTimeout: the upstream took nothing for the idle timeout.
        """
        if not self.alive:
            raise UpstreamBroken("the connection broke while the request was sent")
        if self._writing_paused:
            self._writable = self._loop.create_future()
            self._write_deadline.set(self._tuning.idle_timeout)
            try:
                await self._writable
            finally:
                self._writable = None
                self._write_deadline.clear()

    def reading(self) -> None:
        """The answer's reader waits: the next byte is due."""
        if self.alive and not self._reader.upgraded:
            self._read_deadline.set(self._tuning.idle_timeout)

    def close(self, error: Exception | None = None) -> None:
        """End the connection at once; whoever waits for it gets `error`."""
        self._settle(error or UpstreamBroken("the connection was closed by us"))
        if self._transport is not None:
            self._transport.abort()

    def close_when_sent(self) -> None:
        """End the connection after what was written is out, within the idle timeout."""
        if self._transport is None or not self.alive:
            return
        if self._transport.get_write_buffer_size() == 0:
            self.close()
            return
        self._write_deadline.set(self._tuning.idle_timeout)
        self._transport.close()

    # The rest of the file is what the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected (and, with TLS, verified)."""
        self._transport = cast("asyncio.Transport", transport)
        self.alive = True

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer, of an upgraded stream, or of nothing we asked for."""
        reader = self._reader
        if reader.upgraded:
            if self.body is not None:
                self.body.put(data)
            return
        if reader.complete:
            self.close()  # nothing was asked for: such bytes would be read as the next request's answer
            return
        if not reader.started:
            self._read_deadline.set(self._tuning.idle_timeout)  # for the head as a whole
        try:
            reader.feed(data)
        except UpstreamBroken as error:
            self.close(error)
            return
        if reader.interim:
            self._pass_interim()
        if reader.head is not None:
            self._pass_on(reader.head)

    def eof_received(self) -> bool:
        """The upstream closed in good order, which ends a body that nothing else delimits."""
        self._clean_end = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, by either side. A reset never ends a body in good order."""
        reader = self._reader
        clean = exc is None and self._clean_end
        if self.body is not None and (clean and (reader.end_of_stream() or reader.upgraded)):
            self.body.end()
        if reader.started:
            self._settle(UpstreamBroken("the connection broke before the answer was whole"))
        else:
            self._settle(ConnectionLost("the connection was closed before an answer"))
        self._transport = None

    def pause_writing(self) -> None:
        """The upstream does not keep up."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """The upstream caught up."""
        self._writing_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _pass_interim(self) -> None:
        for interim in self._reader.interim:
            if interim.status == _CONTINUE:
                _release(self._continued)
            if self._on_interim is not None:
                self._on_interim(interim.status, interim.reason, interim.headers)
        self._reader.interim.clear()
        if self._sent and self._reader.head is None:
            self._read_deadline.set(self._tuning.first_byte_timeout)

    def _pass_on(self, head: AnswerHead) -> None:
        reader = self._reader
        self._read_deadline.clear()
        body = self.body
        if body is None:
            body = self._open_body(head)
        for piece in reader.pieces:
            body.put(piece)
        reader.pieces.clear()
        if reader.complete:
            self._finish(body)

    def _open_body(self, head: AnswerHead) -> ByteQueue:
        body = self.body = ByteQueue(self._pause_reading, self._resume_reading)
        self._early = not self._sent
        if self._head is None:
            self._head = self._loop.create_future()
        if not self._head.done():
            self._head.set_result(head)
        _release(self._continued)
        body.put(self._reader.rest)
        self._reader.rest = b""
        return body

    def _finish(self, body: ByteQueue) -> None:
        body.end()
        self.answers += 1
        if self._reader.authenticates:
            self.pinned = True
        if self._early or not self._reader.reusable or (self.pinned and self.owner is None):
            self.close()
            return
        self._resume_reading()
        self._on_idle(self)

    def _pause_reading(self) -> None:
        if self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None and self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def _expired(self) -> None:
        self.close(UpstreamTimeout("the upstream neither sent nor took a byte in time"))

    def _settle(self, error: Exception) -> None:
        """Tell all who wait, once."""
        if not self.alive:
            return
        self.alive = False
        self._error = error
        self._read_deadline.close()
        self._write_deadline.close()
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
        if self._writable is not None and not self._writable.done():
            self._writable.set_exception(error)
        _release(self._continued)
        if self.body is not None:
            self.body.end(error)
        if self._upload is not None and self._upload is not asyncio.current_task(self._loop):
            self._upload.cancel()
        self._on_lost(self)


def _release(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
