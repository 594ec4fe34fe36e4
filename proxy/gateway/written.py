"""Answers that go out as bytes: aiohttp's own response objects would add headers, framing and a content type."""

import asyncio
from typing import cast

from aiohttp import web
from aiohttp.http import StreamWriter

from proxy.errors import ClaimsProxyError
from proxy.gateway.connection import Connection

CLIENT_IDLE_SECONDS = 120.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ClientGone(ClaimsProxyError):
    """The client closed the connection, or neither sent nor took a byte for too long. Nobody is left to answer."""


class Written(web.StreamResponse):
    """Says to aiohttp's server that the answer is out, and whether the connection may carry another request."""

    def __init__(self, status: int, *, keep_alive: bool) -> None:
        super().__init__(status=status)
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing: the head is out."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: the body is out."""


def connection_of(request: web.Request) -> Connection:
    """The client connection of a request. TypeError for a request of another server than ours."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        raise TypeError("a request of another server than GatewayServer")
    return connection


async def send(request: web.Request, data: bytes) -> None:
    """Write to the client with back-pressure. Raises ClientGone."""
    writer = cast("StreamWriter", request.writer)  # aiohttp's server makes no other
    try:
        await writer.write(data, drain=False)
        if connection_of(request).writing_paused:
            async with asyncio.timeout(CLIENT_IDLE_SECONDS):
                await writer.drain()
    except (ConnectionError, TimeoutError) as error:
        raise ClientGone(str(error)) from error


def head_bytes(status: int, reason: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """A status line and header fields, with the empty line after them."""
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, reason)]
    lines += [b"%b: %b\r\n" % header for header in headers]
    lines.append(b"\r\n")
    return b"".join(lines)


def is_http_11(request: web.Request) -> bool:
    """Whether the client knows chunks and interim answers."""
    return request.version >= (1, 1)


def continue_if_expected(request: web.Request) -> None:
    """Answer `Expect: 100-continue` now that the body is wanted (RFC 9110, section 10.1.1)."""
    connection = connection_of(request)
    if expects_continue(request) and connection.transport is not None:
        connection.transport.write(CONTINUE)
        if connection.front is not None:
            connection.front.continued()


def expects_continue(request: web.Request) -> bool:
    """Whether the client waits for 100 before it sends its body."""
    return is_http_11(request) and request.headers.get("Expect", "").lower() == "100-continue"
