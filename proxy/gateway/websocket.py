"""WebSockets: after 101 the bytes pass both ways as they are, and a close frame of ours ends what must end.

Source: RFC 6455, sections 5.2 (frames), 5.5.1 and 7.4.1 (close and its codes), 7.1.1 (who closes the connection).
"""

import asyncio
from typing import TYPE_CHECKING, cast

from aiohttp import web

from proxy.errors import RequestRefused, UpstreamError
from proxy.gateway.streams import Cut
from proxy.gateway.upstream import UpstreamStream
from proxy.gateway.written import ClientGone, connection_of, send

if TYPE_CHECKING:
    from aiohttp.http import WebSocketReader

_CLOSE_CODES = {Cut.SESSION_ENDED: 1008, Cut.ORGANIZATION_GONE: 1001, Cut.STOPPING: 1001}
_CLOSE, _OPCODE = 0x88, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_LENGTH_BYTES = {126: 2, 127: 8}
# For the frame under way, our close frame and the client's. One that reads nothing does not keep the connection by it.
_CLOSING_SECONDS = 2.0
# Where the client has lost its leave, nothing of it may pass on any more; else it may finish what it is saying.
_MAY_FINISH = {Cut.SESSION_ENDED: False, Cut.ORGANIZATION_GONE: False, Cut.STOPPING: True}
# Bytes of the client that wait for the upstream; above it the client is not read.
_HELD = 256 * 1024


def judge_handshake(request: web.Request) -> None:
    """Pass a handshake that every reader takes for one: what follows it is read as frames by all, or by none.

    Raises RequestRefused(400, "bad_upgrade").
    """
    options = {
        option.strip().lower() for line in request.headers.getall("Connection", ()) for option in line.split(",")
    }
    upgrades = [line.lower() for line in request.headers.getall("Upgrade", ())]
    if upgrades != ["websocket"] or "upgrade" not in options or request.body_exists or request.version < (1, 1):
        raise RequestRefused(400, "bad_upgrade")


class FrameTracker:
    """Knows, of a direction's bytes, where frames end: only there may a frame be put in between.

    `closed`: a close frame is through, behind which its sender sends nothing.
    """

    def __init__(self) -> None:
        self._head = bytearray()
        self._left = 0
        self._is_close = False
        self.closed = False

    @property
    def at_boundary(self) -> bool:
        """Whether the bytes so far are whole frames."""
        return not self._head and not self._left

    def feed(self, data: bytes) -> None:
        """Read on."""
        position = 0
        while position < len(data):
            position = self._step(data, position)

    def finish(self, data: bytes) -> int:
        """Read on to the end of the frame under way and no further; how many of the bytes are its own."""
        position = 0
        while position < len(data) and not self.at_boundary:
            position = self._step(data, position)
        return position

    def _step(self, data: bytes, position: int) -> int:
        if self._left:
            step = min(self._left, len(data) - position)
            self._left -= step
            position += step
        else:
            wanted = _head_size(self._head) - len(self._head)
            self._head += data[position : position + wanted]
            position = min(position + wanted, len(data))
            if len(self._head) < _head_size(self._head):
                return position
            self._left = _payload_size(self._head)
            self._is_close = self._head[0] & _OPCODE == _CLOSE & _OPCODE
            self._head.clear()
        self.closed = self.closed or (self._is_close and not self._left)
        return position


def _head_size(head: bytearray) -> int:
    """How many bytes a frame's head has, as far as its first two tell."""
    if len(head) < 2:  # noqa: PLR2004 - the bytes that every frame begins with
        return 2
    return 2 + _LENGTH_BYTES.get(head[1] & _LENGTH, 0) + (4 if head[1] & _MASKED else 0)


def _payload_size(head: bytearray) -> int:
    short = head[1] & _LENGTH
    return int.from_bytes(head[2 : 2 + _LENGTH_BYTES[short]], "big") if short in _LENGTH_BYTES else short


def close_frame(code: int, reason: str) -> bytes:
    """A server's close frame. `reason`: at most 123 bytes."""
    payload = code.to_bytes(2, "big") + reason.encode()
    return bytes((_CLOSE, len(payload))) + payload


class Tunnel:
    """The bytes of one WebSocket. `cut` may be called at any time; `run` then returns."""

    def __init__(self, request: web.Request, stream: UpstreamStream) -> None:
        self._request = request
        self._connection = connection_of(request)
        self._stream = stream
        self._down, self._up = FrameTracker(), FrameTracker()
        self._from_client = bytearray()
        self._client_ended = False
        self._news = asyncio.Event()
        self._over = asyncio.get_running_loop().create_future()
        self._cut: Cut | None = None
        self._close_said = False

    async def run(self) -> None:
        """Until either side ends, or it is cut. Takes what the client sent behind its head, too."""
        loop = asyncio.get_running_loop()
        pumps = [loop.create_task(self._to_client()), loop.create_task(self._to_upstream())]
        # aiohttp hands every byte after an upgrade to a parser of this shape: the one way to have them raw.
        self._connection.set_parser(cast("WebSocketReader", self))
        try:
            await asyncio.wait([*pumps, self._over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._stream.close()

    def cut(self, why: Cut) -> None:
        """End it: with a close frame behind the frame under way, else by cutting the connection.

        At a stop the client may still send up to its own close frame, which ends the upstream's side as well.
        """
        self._cut = why
        asyncio.get_running_loop().call_later(_CLOSING_SECONDS, self._give_up)
        if self._down.at_boundary:
            self._say_close(why)
        self._news.set()

    def _say_close(self, why: Cut) -> None:
        transport = self._connection.transport
        if transport is not None and not self._down.closed:
            transport.write(close_frame(_CLOSE_CODES[why], why.value))
        self._close_said = True
        if not _MAY_FINISH[why]:
            self._end()

    def _give_up(self) -> None:
        if self._close_said and not self._over.done():
            # The client may have read the close frame, which a reset would take from one that has not.
            asyncio.get_running_loop().call_later(_CLOSING_SECONDS, self._connection.abort)
        else:
            self._connection.abort()
        self._end()

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    # What aiohttp's protocol calls.

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes of the client."""
        self._from_client += data
        if len(self._from_client) > _HELD:
            self._connection.pause_reading()
        self._news.set()
        return False, b""

    def feed_eof(self) -> None:
        """The client has gone."""
        self._client_ended = True
        self._news.set()

    async def _to_client(self) -> None:
        try:
            while data := await self._stream.read():
                if self._cut is None:
                    self._down.feed(data)
                    await send(self._request, data)
                elif not self._close_said:
                    await send(self._request, data[: self._down.finish(data)])
                    if self._down.at_boundary and not self._close_said:
                        self._say_close(self._cut)
        except (ClientGone, UpstreamError):
            return

    async def _to_upstream(self) -> None:
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                data = bytes(self._from_client)
                self._from_client.clear()
                if data and (self._cut is None or _MAY_FINISH[self._cut]):
                    self._up.feed(data)
                    self._stream.write(data)
                    await self._stream.drain()
                if self._client_ended or (self._close_said and self._up.closed):
                    return
                if len(data) > _HELD:
                    self._connection.resume_reading()
        except UpstreamError:
            return
