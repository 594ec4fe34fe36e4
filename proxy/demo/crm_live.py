"""What stays open: a WebSocket and server-sent events, both ticking, both ended at shutdown."""

import asyncio
import datetime as dt
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web

from proxy.model.time import Instant, Seconds


def add(application: web.Application, clock: Callable[[], Instant], tick: Seconds) -> None:
    """Adds `/live` and `/events`, with `tick` seconds between two messages."""
    live = _Live(clock, tick)
    application.router.add_get("/live", live.socket)
    application.router.add_get("/events", live.events)
    application.on_shutdown.append(live.stop)


class _Live:
    def __init__(self, clock: Callable[[], Instant], tick: Seconds) -> None:
        self._clock = clock
        self._tick = tick
        self._stopping = asyncio.Event()
        self._sockets: set[web.WebSocketResponse] = set()

    async def stop(self, _: web.Application) -> None:
        """Ends the streams and closes the sockets with 1001."""
        self._stopping.set()
        for socket in tuple(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the CRM stops")

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """Echoes every message; sends `tick <instant>` in between."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        ticking = asyncio.create_task(self._tick_to(socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(f"echo {message.data}")
                elif message.type is WSMsgType.BINARY:
                    await socket.send_bytes(message.data)
        finally:
            ticking.cancel()
            self._sockets.discard(socket)
        return socket

    async def events(self, request: web.Request) -> web.StreamResponse:
        """One `tick` event after another."""
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        number = 0
        try:
            while not self._stopping.is_set():
                number += 1
                await response.write(f"id: {number}\nevent: tick\ndata: {self._instant()}\n\n".encode())
                await self._pause()
            await response.write_eof()
        except ConnectionResetError:
            pass  # the browser left; there is nobody to tell
        return response

    async def _tick_to(self, socket: web.WebSocketResponse) -> None:
        try:
            while not socket.closed and not self._stopping.is_set():
                await socket.send_str(f"tick {self._instant()}")
                await self._pause()
        except ConnectionResetError:
            return  # as above; the reader sees the end itself

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._tick):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _instant(self) -> str:
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC).strftime("%H:%M:%S")
