"""Messages between the process that supervises and its workers."""

import asyncio
import pickle
import socket
from typing import Any

_LENGTH_BYTES = 4


class Channel:
    """One end of a socket pair. What goes through is ours on both sides and never leaves the machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._asking = asyncio.Lock()

    @classmethod
    async def over(cls, end: socket.socket) -> "Channel":
        """A channel over this end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def send(self, message: object) -> None:
        """Send one value. Raises EOFError, OSError if the other side is gone."""
        if self._writer.is_closing():
            # Once the loop has noticed that, the write itself would be a RuntimeError.
            raise EOFError("the other side is gone")
        data = pickle.dumps(message)
        self._writer.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
        await self._writer.drain()

    async def receive(self) -> Any:
        """The next value. Raises EOFError where the other side is gone."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "big")
            return pickle.loads(await self._reader.readexactly(length))  # noqa: S301 - the other end is our own process
        except (asyncio.IncompleteReadError, OSError) as error:
            raise EOFError("the other side is gone") from error

    async def ask(self, message: object) -> Any:
        """Send one value and wait for the answer; one question at a time. Raises EOFError, OSError."""
        async with self._asking:
            await self.send(message)
            return await self.receive()

    def close(self) -> None:
        """Let go."""
        self._writer.close()
