"""Bytes that wait for their reader, and deadlines that cost nothing while they are kept."""

import asyncio
from collections import deque
from collections.abc import Callable

HIGH_WATER = 256 * 1024
LOW_WATER = 64 * 1024


class ByteQueue:
    """Pieces from one connection to one reader. Above HIGH_WATER bytes `pause` is called, below LOW_WATER `resume`.

    What arrived before an error is handed out before the error is raised.
    """

    __slots__ = ("_error", "_pause", "_paused", "_pieces", "_resume", "_size", "_waiter", "ended")

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._pause = pause
        self._resume = resume
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self.ended = False

    def put(self, piece: bytes) -> None:
        """Add a piece; empty ones are dropped, as b"" says the end."""
        if not piece:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > HIGH_WATER and not self._paused and not self.ended:
            self._paused = True
            self._pause()
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """No piece follows. The first ending counts."""
        if not self.ended:
            self.ended = True
            self._error = error
            self._wake()

    def clear(self) -> None:
        """Forget what nobody will read."""
        self._pieces.clear()
        self._size = 0

    def take(self) -> bytes | None:
        """The next piece without waiting; b"" at the end, None where one must wait. Raises the error it ended with."""
        if self._pieces:
            piece = self._pieces.popleft()
            self._size -= len(piece)
            if self._paused and self._size < LOW_WATER:
                self._paused = False
                if not self.ended:
                    self._resume()
            return piece
        if not self.ended:
            return None
        if self._error is not None:
            raise self._error
        return b""

    async def wait(self) -> None:
        """Until a piece or the end is there. One reader at a time."""
        if self._waiter is not None:
            raise RuntimeError("one reader at a time")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Deadline:
    """One timer for many deadlines in a row: set and cleared by assignment, armed anew only when it fires early."""

    __slots__ = ("_at", "_handle", "_handle_at", "_loop", "_on_expiry")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_expiry: Callable[[], None]) -> None:
        self._loop = loop
        self._on_expiry = on_expiry
        self._at: float | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._handle_at = 0.0

    def set(self, seconds: float) -> None:
        """Expire in so many seconds, whatever was set before."""
        self._at = at = self._loop.time() + seconds
        if self._handle is None or self._handle_at > at:
            self._arm(at)

    def clear(self) -> None:
        """Nothing is waited for; the timer may run out unheard."""
        self._at = None

    def close(self) -> None:
        """Let the timer go too."""
        self._at = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, at: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle_at = at
        self._handle = self._loop.call_at(at, self._fire)

    def _fire(self) -> None:
        self._handle = None
        if self._at is None:
            return
        if self._loop.time() < self._at:
            self._arm(self._at)
            return
        self._at = None
        self._on_expiry()
