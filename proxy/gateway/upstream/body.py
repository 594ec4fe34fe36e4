"""A request's body, sent as it comes from the client: counted or chunked, held back by the upstream's pace."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from proxy.errors import RequestRefused, UpstreamBroken
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.request import RequestHead

CONTINUE_WAIT = 1.0  # seconds a body waits for a 100 that may never come (RFC 9110, 10.1.1)
INLINE = 64 * 1024  # a body up to this size goes out with its head


async def slices(body: bytes) -> AsyncIterator[bytes]:
    """A body that is all here, in pieces that back-pressure can act on."""
    for start in range(0, len(body), INLINE):
        yield body[start : start + INLINE]


class BodySender:
    """Sends one body in a task of its own, since an answer may come before the body is out.

    A body that is longer or shorter than announced, or whose source fails, closes the connection and goes to `failed`;
    one that the upstream does not take is the answer's matter, not ours.
    """

    def __init__(
        self,
        connection: UpstreamConnection,
        head: RequestHead,
        body: AsyncIterator[bytes],
        failed: Callable[[Exception], None],
    ) -> None:
        self._connection = connection
        self._head = head
        self._body = body
        self._failed = failed
        self._go = asyncio.Event()
        self._wanted = True
        self._awaits_continue = head.expect_continue
        self.sent = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def go_on(self) -> None:
        """A 100 came."""
        self._go.set()

    def answered(self) -> None:
        """The final head came: a body that still waits for its 100 is not wanted (RFC 9110, 10.1.1)."""
        if self._awaits_continue:
            self.cancel()
            self._connection.withhold()

    def cancel(self) -> None:
        """Nobody wants the rest."""
        self._wanted = False
        self._task.cancel()

    async def wait(self) -> None:
        """Returns when nothing reads the body's source any more."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            if self._head.expect_continue:
                await self._await_continue()
            await (self._chunked() if self._head.chunked else self._counted(self._head.content_length or 0))
        except UpstreamBroken:
            pass  # the connection has told the answer's receiver already
        except asyncio.CancelledError:
            if self._wanted:  # then it was the source that was cancelled
                self._connection.abort()
                self._failed(UpstreamBroken("the source of the request's body was cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - the source is the caller's: whatever it raises goes back to it
            self._connection.abort()
            self._failed(error)
        finally:
            close = getattr(self._body, "aclose", None)
            if close is not None:
                with suppress(Exception):  # it is over either way
                    await close()

    async def _await_continue(self) -> None:
        try:
            async with asyncio.timeout(CONTINUE_WAIT):
                await self._go.wait()
        except TimeoutError:
            pass
        self._awaits_continue = False

    async def _counted(self, length: int) -> None:
        left = length
        if left:
            async for piece in self._body:
                left -= len(piece)
                if left < 0:
                    raise RequestRefused(400, "body_length", "the body is longer than its Content-Length")
                if not left:
                    self._last((piece,))
                    return
                if piece:
                    await self._connection.write((piece,))
            raise RequestRefused(400, "body_length", "the body is shorter than its Content-Length")
        self._last(())

    async def _chunked(self) -> None:
        async for piece in self._body:
            if piece:  # an empty chunk would end the body
                await self._connection.write((b"%x\r\n" % len(piece), piece, b"\r\n"))
        self._last((b"0\r\n\r\n",))

    def _last(self, pieces: tuple[bytes, ...]) -> None:
        self._connection.finish(pieces)
        self.sent = True
