"""Each state of a client connection has a deadline: the table of `edge.client.Awaits`, line by line."""

import asyncio
from math import inf, isfinite

import pytest
from aiohttp import web

from proxy.edge.asked import GATHERED_BYTES
from proxy.edge.bounds import Bounds
from proxy.edge.client import Awaits, Pause
from proxy.model.deployment import UpstreamTuning
from support.patience import HANG
from support.raw_http import ok, read_body

FULL = b"Authorization: Basic x\r\n"
LARGE = b"Content-Length: %d\r\n" % (1 << 30)
BEGUN = b"x" * GATHERED_BYTES
LANES = pytest.mark.parametrize("more", [(), (FULL,)], ids=["fast", "full"])


@pytest.fixture
async def site(stage):
    async def waits(request, _facts, _organization):
        return web.Response(text=str(len(await request.read())))

    one = await stage(tuning=UpstreamTuning(connections=1), endpoints={"session": waits})

    async def answering(message, reader, writer):
        if message.target == b"/":
            await read_body(reader, message, answer=False)
            writer.write(ok())
            return True
        await asyncio.sleep(3600)
        return False

    one.upstream.answering = answering
    return one


async def until(condition):
    async with asyncio.timeout(HANG):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


async def in_state(site, data, condition):
    """The edge's end of a client connection that has sent `data`, once it is that far; and the client."""
    client = await site.connect()
    client.send(data)
    await until(lambda: site.server._connections.clients)
    (edge,) = site.server._connections.clients
    await until(lambda: condition(edge))
    return edge, client


def upstream_deadline(site):
    (connection,) = site.pools["contoso"]._connections
    return connection.deadline


async def test_idle(site, ask):
    edge, client = await in_state(site, b"", lambda edge: edge.is_idle)
    assert (edge.awaits, isfinite(edge.deadline)) == (Awaits.REQUEST, True)
    await client.ask(ask(b"/", site.cookie))
    assert (edge.awaits, isfinite(edge.deadline)) == (Awaits.REQUEST, True)


async def test_head(site, ask):
    edge, _ = await in_state(site, ask(b"/", site.cookie)[:-2], lambda edge: edge._held)
    assert (edge.awaits, isfinite(edge.deadline)) == (Awaits.HEAD, True)


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"], ids=["plain", "expected"])
async def test_body_that_is_gathered(site, ask, expect):
    request = ask(b"/", site.cookie, expect, b"Content-Length: 9\r\n", method=b"POST")
    edge, _ = await in_state(site, request, lambda edge: edge._asked)
    assert (edge.awaits, isfinite(edge.deadline)) == (Awaits.BODY, True)
    assert site.pools["contoso"]._slots.shares.held == 0


@LANES
async def test_body_that_is_sent_on(site, ask, more):
    request = ask(b"/", site.cookie, *more, LARGE, method=b"POST", body=BEGUN)
    edge, client = await in_state(site, request, lambda edge: edge._exchange)
    assert (edge.awaits, edge._pace is not None) == (Awaits.BODY, True)
    client.send(b"x")
    await asyncio.sleep(0.02)
    assert edge.deadline <= edge._pace.until < inf


async def test_body_of_an_own_endpoint(site, ask):
    request = ask(b"/.claims/session", site.cookie, LARGE, method=b"POST", body=BEGUN)
    edge, _ = await in_state(site, request, lambda edge: edge._exchange)
    assert (edge.awaits, isfinite(edge.deadline)) == (Awaits.BODY, True)


@pytest.mark.parametrize("framing", [LARGE, b"Transfer-Encoding: chunked\r\n"], ids=["counted", "chunked"])
async def test_body_that_the_application_is_asked_about(site, ask, framing):
    request = ask(b"/", site.cookie, b"Expect: 100-continue\r\n", framing, method=b"POST")
    edge, client = await in_state(site, request, lambda edge: edge._exchange)
    assert (edge.awaits, isfinite(edge.deadline)) == (Awaits.BODY, True)
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert edge.deadline <= edge._pace.until < inf


@LANES
async def test_body_that_the_upstream_does_not_take(site, ask, more):
    request = ask(b"/deaf", site.cookie, *more, LARGE, method=b"POST", body=b"x" * (1 << 25))
    edge, client = await in_state(site, request, lambda edge: edge.is_paused and isfinite(upstream_deadline(site)))
    assert edge._pauses <= {Pause.UPSTREAM, Pause.FULL_LANE}
    assert isfinite(upstream_deadline(site))
    client.writer.transport.abort()  # what it has not sent yet would be waited for


@LANES
async def test_waiting_for_the_upstream(site, ask, more):
    edge, _ = await in_state(site, ask(b"/never", site.cookie, *more), lambda edge: edge._exchange)
    await until(lambda: site.upstream.requests)
    assert edge.awaits is Awaits.REQUEST
    assert isfinite(upstream_deadline(site))


async def test_waiting_for_a_connection(site, ask):
    await in_state(site, ask(b"/never", site.cookie), lambda edge: edge._exchange)
    (await site.connect()).send(ask(b"/", site.cookie))
    slots = site.pools["contoso"]._slots
    await until(lambda: slots.waiting)
    assert all(isfinite(turn.deadline) for line in slots._lines.values() for turn in line)


@LANES
async def test_pipelined_requests_wait_for_the_one_before(site, ask, more):
    edge, _ = await in_state(site, ask(b"/never", site.cookie, *more) + ask(b"/", site.cookie), lambda edge: edge._held)
    await until(lambda: site.upstream.requests)
    assert isfinite(upstream_deadline(site))
    assert edge.awaits is Awaits.REQUEST


async def test_refused_body(site, ask):
    request = ask(b"/up", site.cookie, LARGE, method=b"POST", body=BEGUN)
    edge, _ = await in_state(site, request, lambda edge: edge._exchange)
    edge._give_up_body()
    assert (edge.awaits, isfinite(edge.deadline)) == (Awaits.REFUSAL, True)
    edge.expire(edge.deadline)
    assert edge.ending


@pytest.mark.parametrize("unread", [True, False])
async def test_end(site, unread):
    edge, _ = await in_state(site, b"", lambda edge: edge.is_idle)
    edge.end(unread=unread)
    assert (edge.awaits, isfinite(edge.deadline)) == (Awaits.END, True)


@LANES
async def test_answer_that_is_not_read(stage, ask, more):
    site = await stage(bounds=Bounds())

    async def answering(_message, _reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x" * 1_000_000)
            await writer.drain()

    site.upstream.answering = answering
    edge, _ = await in_state(site, ask(b"/", site.cookie, *more), lambda edge: edge.is_writing_paused)
    assert isfinite(edge.write_deadline)
