"""Sends a request's body, beside the reading of its answer."""

import asyncio
from collections.abc import AsyncIterator

from proxy.errors import RequestRefused
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.request import UpstreamRequest

CONTINUE_SECONDS = 1.0


def start_upload(connection: UpstreamConnection, request: UpstreamRequest, body: AsyncIterator[bytes]) -> None:
    """Send `body` in a task that lives no longer than the exchange; its failure ends the connection with its error."""
    task = asyncio.get_running_loop().create_task(_upload(connection, request, body))
    connection.attach_upload(task)

    def ended(task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            connection.close(error)

    task.add_done_callback(ended)


async def _upload(connection: UpstreamConnection, request: UpstreamRequest, body: AsyncIterator[bytes]) -> None:
    if request.expect_continue and not await connection.continued(CONTINUE_SECONDS):
        return  # a final status came instead: the body is not wanted
    length = 0
    async for piece in body:
        if not piece:
            continue  # an empty chunk would end the body
        length += len(piece)
        if request.content_length is not None and length > request.content_length:
            raise RequestRefused(400, "body_length", "the body is longer than its Content-Length")
        await connection.write_all(b"%x\r\n%b\r\n" % (len(piece), piece) if request.chunked else piece)
    if request.content_length is not None and length < request.content_length:
        raise RequestRefused(400, "body_length", "the body is shorter than its Content-Length")
    if request.chunked:
        connection.write(b"0\r\n\r\n")
    connection.sent()
