"""An application that is slow on purpose, and keeps count of what reached it whole."""

import asyncio
import contextlib
import hashlib
from collections import Counter

from aiohttp import WSCloseCode, WSMsgType, web

PIECE = bytes(range(256)) * 40
PIECES = 24
PAUSE = 0.05
SMALL = b"small"
SLOW = PIECE * PIECES


class LoadUpstream:
    """`heard`: every message of every WebSocket; `requests`: how many came for each path."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.heard: set[str] = set()
        self._sockets: set[web.WebSocketResponse] = set()

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._count])
        application.router.add_get("/small", self._small)
        application.router.add_post("/upload", self._upload)
        application.router.add_get("/length", self._length)
        application.router.add_get("/chunked", self._chunked)
        application.router.add_get("/close", self._close_delimited)
        application.router.add_get("/never", self._never)
        application.router.add_get("/events", self._events)
        application.router.add_get("/live", self._live)
        application.on_shutdown.append(self._stop)
        return application

    @web.middleware
    async def _count(self, request, handler) -> web.StreamResponse:
        self.requests[request.path] += 1
        return await handler(request)

    async def _small(self, _) -> web.Response:
        return web.Response(body=SMALL)

    async def _upload(self, request) -> web.Response:
        return web.Response(text=hashlib.sha256(await request.read()).hexdigest())

    async def _length(self, request) -> web.StreamResponse:
        return await self._slowly(request, web.StreamResponse(headers={"Content-Length": str(len(SLOW))}))

    async def _chunked(self, request) -> web.StreamResponse:
        return await self._slowly(request, web.StreamResponse())

    async def _slowly(self, request, response) -> web.StreamResponse:
        await response.prepare(request)
        for _ in range(PIECES):
            await response.write(PIECE)
            await asyncio.sleep(PAUSE)
        await response.write_eof()
        return response

    async def _close_delimited(self, request) -> web.Response:
        """As servers of HTTP/1.0 answer, which aiohttp does not do by itself: the end of the connection ends it."""
        transport = request.transport
        transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(PIECES):
            transport.write(PIECE)
            await asyncio.sleep(PAUSE)
        transport.close()
        return web.Response()

    async def _never(self, request) -> web.StreamResponse:
        return await self._on_and_on(request, web.StreamResponse(), b"and so on\n")

    async def _events(self, request) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream"}
        return await self._on_and_on(request, web.StreamResponse(headers=headers), b"data: tick\n\n")

    async def _on_and_on(self, request, response, piece: bytes) -> web.StreamResponse:
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            while True:
                await response.write(piece)
                await asyncio.sleep(PAUSE)
        return response

    async def _live(self, request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.heard.add(message.data)
                await socket.send_str(f"echo {message.data}")
        self._sockets.discard(socket)
        return socket

    async def _stop(self, _) -> None:
        for socket in tuple(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)
