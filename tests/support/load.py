"""Many clients at once, each of which counts strictly.

A request is lost where a byte of it went out on a connection that had not said it would close, and no whole and right
answer came. A connection that is refused, or that had ended before the request, lost nothing.
"""

import asyncio
import contextlib
import hashlib
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from support.load_upstream import PAUSE, PIECE, PIECES, SLOW, SMALL
from support.patience import HANG
from support.raw_http import read_message


@dataclass(frozen=True, slots=True)
class Errand:
    """One kind of request. `pieces`: its body, a piece at a time; `body`: what has to come back."""

    name: str
    target: str
    body: bytes
    pieces: tuple[bytes, ...] = ()
    chunked: bool = False
    pause: float = 0.05


_UPLOAD = {"target": "/upload", "body": hashlib.sha256(SLOW).hexdigest().encode(), "pieces": (PIECE,) * PIECES}

ERRANDS = (
    Errand("navigation", "/small", SMALL),
    Errand("upload, length", **_UPLOAD),
    Errand("upload, chunks", chunked=True, **_UPLOAD),
    Errand("download, length", "/length", SLOW),
    Errand("download, chunks", "/chunked", SLOW),
    Errand("download, until the end", "/close", SLOW),
)


@dataclass
class Tally:
    """What became of all requests. `closes`: the codes that WebSockets were closed with."""

    answered: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    refused: int = 0
    under_way: Counter[str] = field(default_factory=Counter)
    closes: Counter[int | None] = field(default_factory=Counter)
    streams_ended: int = 0
    said: set[str] = field(default_factory=set)


class Load:
    """Clients of one proxy, with one session's cookie each out of `cookies`.

    `tolerates_end`: the listener may close and sockets may end without that being a loss.
    """

    def __init__(self, port: int, cookies: list[str], *, host: str = "127.0.0.1") -> None:
        self.port = port
        self.tally = Tally()
        self.tolerates_end = False
        self._host = f"{host}:{port}"
        self._cookies = itertools.cycle(cookies)
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._numbers = itertools.count()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def begin(self, *, each: int = 4, streams: int = 4, sockets: int = 8, errands=ERRANDS) -> None:
        """`each`: clients per kind of request."""
        for errand in errands:
            self._start(each, lambda cookie, errand=errand: self._visit(errand, cookie))
        self._start(streams, self._follow_events)
        self._start(sockets, self._talk)

    async def all_under_way(self, kinds: set[str]) -> None:
        """Wait for a moment at which each of `kinds` is under way: a slow machine's clients may all be in between."""
        async with asyncio.timeout(HANG):
            while any(not self.tally.under_way[kind] for kind in kinds):  # noqa: ASYNC110 - a moment, not an event
                await asyncio.sleep(0.01)

    async def finish(self) -> None:
        """Every client ends after the request it is at."""
        self._over.set()
        async with asyncio.timeout(HANG):
            await asyncio.gather(*self._tasks)

    def _start(self, count: int, client: Callable[[str], Awaitable[None]]) -> None:
        self._tasks += [asyncio.create_task(client(next(self._cookies))) for _ in range(count)]

    async def _visit(self, errand: Errand, cookie: str) -> None:
        while not self._over.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError as error:
                self._refused(errand.name, error)
                return
            try:
                while not self._over.is_set() and not reader.at_eof() and not writer.transport.is_closing():
                    if not await self._ask(errand, cookie, reader, writer):
                        break
                    await asyncio.sleep(errand.pause)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    def _refused(self, name: str, error: OSError) -> None:
        if self.tolerates_end:
            self.tally.refused += 1
        else:
            self.tally.lost.append(f"{name}: not connected: {error!r}")

    async def _ask(self, errand: Errand, cookie: str, reader, writer) -> bool:
        """One request; whether the connection may carry another."""
        self.tally.under_way[errand.name] += 1
        try:
            async with asyncio.timeout(HANG):
                sending = asyncio.create_task(self._send(errand, cookie, writer))
                try:
                    answer = await read_message(reader, answer=True)
                finally:
                    sending.cancel()
        except (OSError, asyncio.IncompleteReadError) as error:
            self.tally.lost.append(f"{errand.name}: {error!r}")
            return False
        finally:
            self.tally.under_way[errand.name] -= 1
        if (answer.status, answer.body) != (200, errand.body):
            self.tally.lost.append(f"{errand.name}: {answer.first!r} with {len(answer.body)} bytes")
            return False
        self.tally.answered[errand.name] += 1
        return answer.value("Connection") != b"close"

    async def _send(self, errand: Errand, cookie: str, writer) -> None:
        lines = [f"{'POST' if errand.pieces else 'GET'} {errand.target} HTTP/1.1", *self._headers(cookie)]
        if errand.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif errand.pieces:
            lines.append(f"Content-Length: {sum(map(len, errand.pieces))}")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for piece in errand.pieces:
            await asyncio.sleep(PAUSE)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if errand.chunked else piece)
            await writer.drain()
        if errand.chunked:
            writer.write(b"0\r\n\r\n")

    def _headers(self, cookie: str) -> list[str]:
        navigation = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-User: ?1", "Accept: text/html"]
        origin = [f"Origin: http://{self._host}", "Sec-Fetch-Site: same-origin"]
        return [f"Host: {self._host}", f"Cookie: {cookie}", *navigation, *origin]

    async def _follow_events(self, cookie: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.tally.under_way["events"] += 1
        lines = ["GET /events HTTP/1.1", f"Host: {self._host}", f"Cookie: {cookie}", "Accept: text/event-stream"]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        over = asyncio.create_task(self._over.wait())
        reading = asyncio.create_task(self._read_events(reader))
        try:
            await asyncio.wait([over, reading], return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and not self.tolerates_end:
                self.tally.lost.append(f"events: ended: {reading.result()}")
            self.tally.streams_ended += reading.done()
        finally:
            self.tally.under_way["events"] -= 1
            over.cancel()
            reading.cancel()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _read_events(self, reader) -> str:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n")[0]:
                self.tally.lost.append(f"events: {head!r}")
            while await reader.read(65536):
                self.tally.answered["events"] += 1
        except (OSError, asyncio.IncompleteReadError) as error:
            return repr(error)
        return "in order"

    async def _talk(self, cookie: str) -> None:
        headers = {"Cookie": cookie, "Origin": f"http://{self._host}", "Host": self._host}
        url = f"http://127.0.0.1:{self.port}/live"
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
            client.ws_connect(url, headers=headers) as socket,
        ):
            self.tally.under_way["WebSocket"] += 1
            while not self._over.is_set():
                said = str(next(self._numbers))
                try:
                    await socket.send_str(said)
                except ConnectionError:
                    break
                self.tally.said.add(said)
                async with asyncio.timeout(HANG):
                    answer = await socket.receive()
                if answer.type is not aiohttp.WSMsgType.TEXT:
                    break
                assert answer.data == f"echo {said}"
                self.tally.answered["WebSocket"] += 1
                await asyncio.sleep(0.01)
            self.tally.under_way["WebSocket"] -= 1
            if not self._over.is_set():
                self.tally.closes[socket.close_code] += 1
                if not self.tolerates_end:
                    self.tally.lost.append(f"WebSocket: closed with {socket.close_code}")
