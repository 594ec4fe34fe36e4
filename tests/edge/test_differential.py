"""The same bytes to both lanes: upstreams see the same requests, clients get the same answers, the log says the same.

One deployment has the full lane alone, one has both. Sessions, clock and upstreams are alike; what differs by nature
(references, dates, times) is left out.
"""

import asyncio
import contextlib
import itertools
import re
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from proxy.edge.server import Lane
from proxy.observability.metrics import Metrics
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
}
_CLOSING = {b"/short", b"/close", b"/broken", b"/two-lengths"}


async def _answering(message: Message, reader, writer) -> bool:
    await read_body(reader, message, answer=False)
    path = message.target.partition(b"?")[0]
    answer = ANSWERS.get(path, ok())
    if message.first.startswith(b"HEAD") and path not in _CLOSING:
        answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
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
        before = dict(self.metrics._requests)
        if not self.stage.pools["contoso"]._idle:
            await warm(self.stage.pools)
        with capture_logs() as logs:
            got = await _said(self.stage.port, pieces)
            for _ in range(5):
                await asyncio.sleep(0)
        counted = {key: count - before.get(key, 0) for key, count in self.metrics._requests.items()}
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
        async with asyncio.timeout(4):
            while more := await client.reader.read(65536):
                got += more
    except ConnectionError:
        got += b"<reset>"
    except TimeoutError:
        got += b"<stalled>"
    finally:
        await client.close()
    return got


def _seen(message: Message) -> tuple[object, ...]:
    return message.first, sorted((name.lower(), value) for name, value in message.headers), message.body


def _facts(line: dict[str, object]) -> dict[str, object]:
    return {key: line[key] for key in ("decision", "reason", "organization", "kind", "method", "path", "status")}


@pytest.fixture
async def sites(stage):
    made = []
    async with contextlib.AsyncExitStack() as stack:
        for lane in (Lane.FULL, Lane.BOTH):
            upstream = RawUpstream(answering=_answering)
            await upstream.start()
            stack.push_async_callback(upstream.close)
            metrics = Metrics()
            organization = {"upstream": upstream.url, "anonymous": ("/public",)}
            one = await stage(organization=organization, lane=lane, metrics=metrics)
            made.append(Site(one, upstream, metrics))
        yield made


async def compare(sites: list[Site], pieces: list[bytes]) -> tuple[object, ...]:
    full, both = [await site.outcome(pieces) for site in sites]
    assert both == full
    return both


COOKIES = (
    b"Cookie: claims-session=alice\r\n",
    b"Cookie: a=1; claims-session=alice; b=2\r\n",
    b"cookie: claims-session=alice;claims-login-x=1\r\n",
    b"COOKIE:claims-session=alice\r\n",
    b"Cookie: claims-session=alice \t\r\n",
    b"Cookie: claims-session=alice\r\nCookie: b=1\r\n",
    b"Cookie: claims-session=alice; claims-session=alice\r\n",
    b"Cookie: claims-session=bob\r\n",
    b"Cookie: \r\n",
    b"Cookie: a=\xff\r\n",
    b"Cookie: claims-session=alice\0\r\n",
    b"",
)
LINES = (
    b"Accept: text/html\r\n",
    b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-User: ?1\r\n",
    b"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n",
    b"X-Forwarded-User: mallory\r\n",
    b"x_claims.user: mallory\r\n",
    b"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n",
    b"Connection: X-Forwarded-User, Cookie, Host\r\n",
    b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
    b"Connection: close\r\n",
    b"TE: trailers\r\n",
    b"Proxy-Authorization: Basic x\r\n",
    b"Authorization: Bearer nonsense\r\n",
    b"Authorization: Basic YWxpY2U6eA==\r\n",
    b"Upgrade: h2c\r\n",
    b"Upgrade: foo\r\nConnection: upgrade\r\n",
    b"X-Original-URL: /secret\r\n",
    b"X-MS-Client-Request-Id: 1\r\n",
    b"User-Agent: Mozilla/5.0\r\n",
    b"X-Empty:\r\n",
    b"X-Tab:\t1\t\r\n",
    b"X-High: \xe9\r\n",
    b"X-Twice: 1\r\nX-Twice: 2\r\n",
    b"Host: crm.contoso.com\r\n",
    b"X-A : 1\r\n",
    b"X-A: 1\r\n 2\r\n",
    b"X-A: 1\rX: 2\r\n",
    b"X-A: 1\n",
    b"X-A: \0\r\n",
    b"X A: 1\r\n",
    b"X-A\r\n",
    b": 1\r\n",
    b"Content-Length: 0\r\nContent-Length: 0\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Sec-WebSocket-Key: x\r\n",
)
TARGETS = (
    *ANSWERS,
    b"/",
    b"/a?b=c&d=%20",
    b"/a?b=\xff",
    b"/public/x",
    b"/api/data/v9.0/accounts",
    b"/main.aspx?etc=1",
    b"/.auth/session",
    b"/a%2fb",
    b"/a/../b",
    b"/a/%2e%2e/b",
    b"/%zz",
    b"//a",
    b"*",
    b"http://crm.contoso.com/",
    b"/a#b",
    b"/a\\b",
    b"",
)
HOSTS = (b"crm.contoso.com",) * 6 + (b"CRM.Contoso.com.", b"crm.contoso.com:80", b"other.example", b"a@b", b"", b"[::1")
METHODS = (b"GET",) * 6 + (
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"TRACE",
    b"PROPFIND",
    b"get",
    b"G(T",
)
VERSIONS = (b"HTTP/1.1",) * 12 + (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 ")


@st.composite
def asked(draw) -> bytes:
    lines = b"".join(draw(st.lists(st.sampled_from(LINES), max_size=3)))
    body = draw(st.none() | st.binary(max_size=20) | st.lists(st.binary(min_size=1, max_size=9), max_size=3))
    framed = b""
    if isinstance(body, bytes):
        lines, framed = lines + b"Content-Length: %d\r\n" % len(body), body
    elif body is not None:
        lines += b"Transfer-Encoding: chunked\r\n"
        framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in body) + b"0\r\n\r\n"
    return b"%b %b %b\r\nHost: %b\r\n%b%b\r\n%b" % (
        draw(st.sampled_from(METHODS)),
        draw(st.sampled_from(TARGETS)),
        draw(st.sampled_from(VERSIONS)),
        draw(st.sampled_from(HOSTS)),
        draw(st.sampled_from(COOKIES)) if draw(st.booleans()) else COOKIES[0],
        lines,
        framed,
    )


def in_pieces(data: bytes, cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(asked(), min_size=1, max_size=4), st.sets(st.integers(1, 400), max_size=4))
@example([b"GET / HTTP/1.1\r\nHost: crm.contoso.com\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n"] * 2, set())
@example([b"CONNECT / HTTP/1.1\r\nHost: crm.contoso.com\r\nContent-Length: 2\r\n\r\nab"], set())
async def test_both_lanes_say_the_same(sites, requests, cuts):
    await compare(sites, in_pieces(b"".join(requests) + LAST, cuts))
