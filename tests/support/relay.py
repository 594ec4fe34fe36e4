"""A TCP relay between a client and a store, whose connections a test may cut without a word."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Passage:
    """One connection. `silent`: it stays open, and what the server sends is lost."""

    sent: bytearray = field(default_factory=bytearray)
    silent: bool = False


class Relay:
    """Listens on a loopback port of its own and relays to `target`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self.passages: list[Passage] = []
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def silence(self, mark: bytes) -> int:
        """Silence every connection on which the client sent `mark`; how many there were."""
        found = [passage for passage in self.passages if mark in passage.sent and not passage.silent]
        for passage in found:
            passage.silent = True
        return len(found)

    async def _accepted(self, reader, writer) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        passage = Passage()
        self.passages.append(passage)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, to_server, passage, upward=True))
                pumps.create_task(self._pump(from_server, writer, passage, upward=False))
        finally:
            to_server.close()
            writer.close()

    async def _pump(self, reader, writer, passage, *, upward) -> None:
        try:
            while data := await reader.read(65536):
                if upward:
                    passage.sent += data
                if upward or not passage.silent:
                    writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()
