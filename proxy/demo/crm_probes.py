"""Bodies of any size and answers of any pace, to see that they pass unchanged."""

import asyncio
import hashlib
import re

from aiohttp import web

_LARGEST = 1 << 30
_LONGEST = 600.0
_NUMBER = re.compile(r"[0-9]{1,10}\Z")
_CHUNK = bytes(range(256)) * 256


def add(application: web.Application) -> None:
    """Adds `/download`, `/upload` and `/slow`."""
    application.router.add_get("/download", _download)
    application.router.add_post("/upload", _upload)
    application.router.add_get("/slow", _slow)


async def _download(request: web.Request) -> web.StreamResponse:
    """`bytes` bytes (1 MiB without it), streamed: 0, 1, 2 … 255 and again."""
    text = request.query.get("bytes", "1048576")
    if not _NUMBER.match(text) or int(text) > _LARGEST:
        raise web.HTTPBadRequest(text=f"bytes has to be a whole number from 0 to {_LARGEST}")
    left = int(text)
    response = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="download.bin"'})
    response.content_type = "application/octet-stream"
    response.content_length = left
    # A HEAD answer has the same length and no body.
    await response.prepare(request)
    while left and request.method != "HEAD":
        part = _CHUNK[:left]
        await response.write(part)
        left -= len(part)
    await response.write_eof()
    return response


async def _upload(request: web.Request) -> web.Response:
    """Counts the body as it comes, and hashes it."""
    count, digest = 0, hashlib.sha256()
    async for part in request.content.iter_any():
        count += len(part)
        digest.update(part)
    return web.json_response({"bytes": count, "sha256": digest.hexdigest()})


async def _slow(request: web.Request) -> web.Response:
    """Answers after `seconds` (2 without it)."""
    try:
        seconds = float(request.query.get("seconds", "2"))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST:
        raise web.HTTPBadRequest(text=f"seconds has to be a number from 0 to {_LONGEST:g}")
    await asyncio.sleep(seconds)
    return web.Response(text=f"answered after {seconds:g} s\n")
