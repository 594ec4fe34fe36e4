"""The hand-over to the full lane: aiohttp's protocol behind a transport that is the edge.

It gets one request at a time, head and body framed by the edge, and nothing further until its answer is out. After an
upgrade it gets every byte, for good.
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from proxy.edge.client import Pause
from proxy.errors import RequestRefused
from proxy.gateway.connection import Connection, Foregone

if TYPE_CHECKING:
    from proxy.edge.connection import EdgeConnection


class FullLane(asyncio.Transport):
    """What aiohttp takes for the client's transport. One for a client connection, made when first needed."""

    def __init__(self, client: "EdgeConnection", transport: asyncio.Transport, inner: Connection) -> None:
        super().__init__()
        self._client = client
        self._transport = transport
        self._inner = inner
        self._closing = self._told_paused = self._lost = False
        inner.ownership = client.ownership
        inner.front = self
        inner.connection_made(self)

    # the client's side

    def begin(self, head: bytes, foregone: Foregone | None, *, draining: bool) -> None:
        """One request's head, blank line included."""
        self._inner.foregone = foregone
        self._inner.draining = draining
        if self._client.is_writing_paused:
            self.pause_writing()
        self._inner.data_received(head)

    def drain(self) -> None:
        """An answer whose head is not out yet is the last."""
        self._inner.draining = True

    def body(self, pieces: list[bytes], *, ended: bool, chunked: bool) -> None:
        """Pieces of the request's body; `ended`: the last ones."""
        for piece in pieces:
            self._inner.data_received(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if ended and chunked:
            self._inner.data_received(b"0\r\n\r\n")

    def raw(self, data: bytes) -> None:
        """Bytes behind an upgrade."""
        self._inner.data_received(data)

    def refuse(self, refused: RequestRefused) -> None:
        """The request's body broke its framing or does not come."""
        self._inner.break_body(refused)

    def pause_writing(self) -> None:
        """The client does not take what was written."""
        if not self._told_paused:
            self._told_paused = True
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        if self._told_paused:
            self._told_paused = False
            self._inner.resume_writing()

    def lost(self) -> None:
        """The client has gone. Whoever reads its body gets a ConnectionError, whatever the socket's error was."""
        if not self._lost:
            self._closing = self._lost = True
            self._inner.connection_lost(ConnectionResetError("the client has gone"))

    # aiohttp's side: see `gateway.connection.Front`

    def answered(self, *, keep_alive: bool) -> None:
        """The answer is out."""
        if not self._lost:
            self._client.answered(keep_alive=keep_alive)

    def continued(self) -> None:
        """The body is asked for."""
        if not self._lost:
            self._client.continued()

    def switched(self) -> None:
        """An upgrade."""
        if not self._lost:
            self._client.switched()

    # aiohttp's side: a transport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Bytes for the client."""
        if not self._closing:
            self._transport.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Bytes for the client."""
        if not self._closing:
            self._transport.writelines(list_of_data)

    def close(self) -> None:
        """The connection ends behind what was written."""
        if not self._closing:
            self._closing = True
            self._client.close()

    def abort(self) -> None:
        """The connection ends at once."""
        self._closing = True
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it ends."""
        return self._closing or self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the client's transport says."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Enough for now."""
        if not self._lost:
            self._client.pause(Pause.FULL_LANE)

    def resume_reading(self) -> None:
        """More is welcome."""
        if not self._lost:
            self._client.go_on(Pause.FULL_LANE)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the client."""
        return self._transport.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """As HTTP wants it: ends are the edge's."""
        return False
