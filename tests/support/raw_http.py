"""HTTP as bytes: a client that sends exactly what a test says, and an upstream that keeps exactly what it got."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from support.patience import HANG

Headers = list[tuple[bytes, bytes]]


@dataclass
class Message:
    """A request or an answer: its first line, raw header fields, its body de-chunked."""

    first: bytes
    headers: Headers
    body: bytes = b""

    @property
    def status(self) -> int:
        return int(self.first.split()[1])

    @property
    def target(self) -> bytes:
        return self.first.split(b" ")[1]

    def values(self, name: str) -> list[bytes]:
        return [value for each, value in self.headers if each.lower() == name.lower().encode()]

    def value(self, name: str) -> bytes | None:
        found = self.values(name)
        assert len(found) < 2, f"{name} twice"
        return found[0] if found else None


async def read_message(reader: asyncio.StreamReader, *, without_body: bool = False, answer: bool = False) -> Message:
    """The next message. asyncio.IncompleteReadError where the connection ends in it."""
    message = await read_head(reader)
    if not (without_body or (answer and message.status in {101, 204, 304})):
        await read_body(reader, message, answer=answer)
    return message


async def read_head(reader: asyncio.StreamReader) -> Message:
    """A message without its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].split(b"\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    return Message(first, headers)


async def read_body(reader: asyncio.StreamReader, message: Message, *, answer: bool) -> None:
    """Read a message's body into it."""
    length = message.value("Content-Length")
    if message.value("Transfer-Encoding") == b"chunked":
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            message.body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    elif length is not None:
        message.body = await reader.readexactly(int(length))
    elif answer:
        message.body = await reader.read()


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> "RawClient":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, head: bool = False) -> Message:
        async with asyncio.timeout(HANG):
            return await read_message(self.reader, without_body=head, answer=True)

    async def ask(self, data: bytes, *, head: bool = False) -> Message:
        self.send(data)
        return await self.answer(head=head)

    async def is_closed(self) -> bool:
        """Whether the other side ends the connection now, with nothing further sent."""
        try:
            async with asyncio.timeout(HANG):
                return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def ok(body: bytes = b"hello", *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


Answering = Callable[[Message, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool | None]]


@dataclass
class RawUpstream:
    """Keeps every request. `answering` writes the answer; returning False closes the connection."""

    answering: Answering | None = None
    reply: bytes = field(default_factory=ok)
    requests: list[Message] = field(default_factory=list)
    connections: int = 0
    lost: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(task := asyncio.current_task())
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            while True:
                # An upload may be refused before it is read, so only small and plain bodies are read here.
                message = await read_head(reader)
                if self.answering is None:
                    await read_body(reader, message, answer=False)
                self.requests.append(message)
                if self.answering is None:
                    writer.write(self.reply)
                elif await self.answering(message, reader, writer) is False:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            self.lost += 1
        finally:
            writer.close()
