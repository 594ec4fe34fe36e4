"""Two deployments that differ in their lanes alone, and whether anybody could tell them apart.

Sessions, clock and upstreams are alike; what differs by nature (references, dates, times) is left out.
"""

import asyncio
import contextlib
import itertools
import re
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from proxy.edge.server import Lane
from proxy.model.organization import ScriptPlacement
from proxy.observability.metrics import Metrics
from support.patience import HANG
from support.raw_http import Message, RawClient, RawUpstream, ok, read_body
from support.stage import Stage, warm

LAST = b"GET /last HTTP/1.1\r\nHost: crm.contoso.com\r\nCookie: claims-session=alice\r\nConnection: close\r\n\r\n"
_VARYING = re.compile(rb"(?im)^(date: .*|x-request-reference: .*)\r\n|[0-9A-HJKMNP-TV-Z]{12}|state=[^\s\"&;]*")
ANSWERS = {
    b"/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n5;x=y\r\nabcde\r\n0\r\nT: 1\r\n\r\n",
    b"/204": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    b"/304": b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
    b"/empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"/early": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(),
    b"/hop": ok(b"hop", b"Connection: X-Hop", b"X-Hop: 1", b"Keep-Alive: timeout=5", b"Set-Cookie: claims-session=x"),
    b"/broken": b"HTTP/1.1 abc\r\n\r\n",
    b"/two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"/short": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    b"/close": b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    b"/large": ok(b"x" * 200_000),
    b"/page": ok(
        b"<!doctype html><head><title>a</title>",
        b"Content-Type: text/html",
        b'ETag: "e"',
        b"Content-Security-Policy: default-src 'none'",
    ),
}
_CLOSING = {b"/short", b"/close", b"/broken", b"/two-lengths"}


async def _answering(message: Message, reader, writer) -> bool:
    await read_body(reader, message, answer=False)
    path = message.target.partition(b"?")[0]
    answer = ANSWERS.get(path, ok())
    if message.first.startswith(b"HEAD") and path not in _CLOSING:
        final = answer.rindex(b"HTTP/1.1 ")  # behind interim responses
        answer = answer[: answer.index(b"\r\n\r\n", final) + 4]
    writer.write(answer)
    return path not in _CLOSING


@dataclass
class Site:
    """One deployment."""

    stage: Stage
    upstream: RawUpstream
    metrics: Metrics

    async def outcome(self, pieces: list[bytes]) -> tuple[object, ...]:
        """What came of bytes that a client sent on one connection."""
        self.upstream.requests.clear()
        self.stage.sessions.active.clear()
        before = self.metrics.snapshot().counters["requests"]
        if not self.stage.pools["contoso"]._idle:
            await warm(self.stage.pools)
        with capture_logs() as logs:
            got = await _said(self.stage.port, pieces)
            for _ in range(5):
                await asyncio.sleep(0)
        counted = {
            key: count - before.get(key, 0) for key, count in self.metrics.snapshot().counters["requests"].items()
        }
        return (
            _VARYING.sub(b"", got),
            [_seen(message) for message in self.upstream.requests],
            [_facts(line) for line in logs if line["event"] == "request"],
            {key: count for key, count in counted.items() if count},
            len(self.stage.sessions.active),
        )


async def _said(port: int, pieces: list[bytes]) -> bytes:
    client, got = await RawClient.connect(port), b""
    try:
        for piece in pieces:
            client.send(piece)
            await asyncio.sleep(0)
        async with asyncio.timeout(HANG):
            while more := await client.reader.read(65536):
                got += more
    except ConnectionError:
        got += b"<reset>"
    finally:
        await client.close()
    return got


def _seen(message: Message) -> tuple[object, ...]:
    return message.first, sorted((name.lower(), value) for name, value in message.headers), message.body


def _facts(line: dict[str, object]) -> dict[str, object]:
    return {key: line[key] for key in ("decision", "reason", "organization", "kind", "method", "path", "status")}


@pytest.fixture
async def sites(stage):
    async with both_lanes(stage) as made:
        yield made


@contextlib.asynccontextmanager
async def both_lanes(stage, *, inject=ScriptPlacement.NONE, transform=None):
    """Two sites alike; `transform` and `inject`: what changes answers, and where."""
    made = []
    async with contextlib.AsyncExitStack() as stack:
        for lane in (Lane.FULL, Lane.BOTH):
            upstream = RawUpstream(answering=_answering)
            await upstream.start()
            stack.push_async_callback(upstream.close)
            metrics = Metrics()
            organization = {"upstream": upstream.url, "anonymous": ("/public",), "inject": inject}
            one = await stage(organization=organization, lane=lane, metrics=metrics, transform=transform)
            made.append(Site(one, upstream, metrics))
        yield made


async def compare(sites: list[Site], pieces: list[bytes]) -> tuple[object, ...]:
    full, both = [await site.outcome(pieces) for site in sites]
    assert both == full
    return both


def in_pieces(data: bytes, cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]
