"""A request's body that breaks its framing, does not come, or comes slowly: answered at once, wherever it was going."""

import asyncio

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.edge.asked import GATHERED_BYTES, Pace
from proxy.edge.bounds import Bounds
from proxy.model.deployment import UpstreamTuning
from support.patience import HANG
from support.raw_http import ok

CHUNKED = b"Transfer-Encoding: chunked\r\n"
FULL = b"Authorization: Basic x\r\n"
LARGE = GATHERED_BYTES + 1000
SHORT = Bounds(body_seconds=0.2, body_rate_seconds=0.1, refusal_seconds=0.1, linger_seconds=0.1, sweep=0.02)
BEFORE = {"nothing": b"", "little": b"3\r\nabc\r\n", "much": b"%x\r\n%b\r\n" % (LARGE, b"x" * LARGE)}


async def reads_its_body(request, _facts, _organization):
    return web.Response(text=f"{len(await request.read())} bytes")


async def looks_at_no_body(_request, _facts, _organization):
    await asyncio.sleep(0.01)
    return web.Response(text="an answer")


@pytest.fixture
async def site(stage):
    return await stage(endpoints={"session": reads_its_body, "activity": looks_at_no_body})


async def until(condition):
    async with asyncio.timeout(HANG):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


def post(ask, where, one, *lines, body=b""):
    target = {"own": b"/.claims/session", "unread": b"/.claims/activity"}.get(where, b"/up")
    more = (FULL,) if where == "full" else ()
    return ask(target, one.cookie, *more, *lines, method=b"POST", body=body)


@pytest.mark.parametrize("before", list(BEFORE))
@pytest.mark.parametrize("which", ["first", "second", "pipelined"])
@pytest.mark.parametrize("where", ["own", "full", "fast"])
async def test_broken_chunk_is_400_and_close(site, ask, where, which, before):
    one, client = site, await site.connect()
    served = ask(b"/served", one.cookie)
    begun = post(ask, where, one, CHUNKED, body=BEFORE[before])
    rest = b"ZZ\r\n" + ask(b"/smuggled", one.cookie)
    with capture_logs() as logs:
        if which == "second":
            assert (await client.ask(served)).status == 200
        client.send((served if which == "pipelined" else b"") + begun)
        await asyncio.sleep(0.01)
        client.send(rest)
        if which == "pipelined":
            assert (await client.answer()).status == 200
        answer = await client.answer()
        assert (answer.status, answer.value("Connection")) == (400, b"close")
        assert await client.is_closed()
        await asyncio.sleep(0.02)
    assert [line for line in logs if line["log_level"] in {"error", "critical"}] == []
    assert [line["status"] for line in logs if line["event"] == "request"][-1] == 400
    assert b"/smuggled" not in [message.target for message in one.upstream.requests]
    pool = one.pools["contoso"]
    assert (pool._slots.shares.held, pool._slots.waiting) == (0, 0)


@pytest.mark.parametrize("before", list(BEFORE))
@pytest.mark.parametrize("where", ["own", "unread", "full", "fast"])
async def test_whole_chunks_are_answered(site, ask, where, before):
    one, client = site, await site.connect()
    whole = post(ask, where, one, CHUNKED, body=BEFORE[before] + b"0\r\n\r\n")
    assert [(await client.ask(whole)).status for _ in range(2)] == [200, 200]


async def test_broken_chunk_of_a_body_that_nobody_reads_closes(site, ask):
    one, client = site, await site.connect()
    with capture_logs() as logs:
        client.send(post(ask, "unread", one, CHUNKED, body=BEFORE["much"]))
        await asyncio.sleep(0.005)  # so that the endpoint has it before it breaks; either way it closes at once
        client.send(b"ZZ\r\n")
        answer = await client.answer()
        assert (answer.status, answer.value("Connection")) in {(200, b"close"), (400, b"close")}
        assert await client.is_closed()
        await asyncio.sleep(0.02)
    assert [line for line in logs if line["log_level"] == "error"] == []


async def test_broken_chunk_of_a_request_that_waits_for_a_connection(stage, ask):
    """It leaves the queue, and is answered while those before it still hold what it waited for."""
    one = await stage(tuning=UpstreamTuning(connections=1))

    async def answering(_message, reader, _writer):
        await reader.read()

    one.upstream.answering = answering
    holder, client = await one.connect(), await one.connect()
    holder.send(ask(b"/held", one.cookie, FULL))
    await until(lambda: one.upstream.requests)
    client.send(post(ask, "full", one, CHUNKED, body=BEFORE["much"]))
    pool = one.pools["contoso"]
    await until(lambda: pool._slots.waiting)
    answer = await client.ask(b"ZZ\r\n")
    assert (answer.status, answer.value("Connection")) == (400, b"close")
    assert pool._slots.waiting == 0


@pytest.mark.parametrize("where", ["own", "full", "fast"])
async def test_broken_body_aborts_what_was_sent_of_it(site, ask, where):
    one, gone = site, asyncio.Event()

    async def answering(_message, reader, _writer):
        await reader.read()
        gone.set()

    one.upstream.answering = answering
    client = await one.connect()
    client.send(post(ask, where, one, CHUNKED, body=BEFORE["much"]))
    if where != "own":
        await until(lambda: one.upstream.requests)
    assert (await client.ask(b"ZZ\r\n")).status == 400
    if where != "own":
        await asyncio.wait_for(gone.wait(), HANG)


@pytest.mark.parametrize("sent", [b"", b"x" * LARGE], ids=["nothing", "much"])
@pytest.mark.parametrize("where", ["own", "full", "fast"])
async def test_silent_body_is_408(stage, ask, where, sent):
    one = await stage(bounds=SHORT, endpoints={"session": reads_its_body})
    client = await one.connect()
    request = post(ask, where, one, b"Content-Length: %d\r\n" % (len(sent) + 9), body=sent)
    with capture_logs() as logs:
        answer = await client.ask(request)
        assert (answer.status, answer.value("Connection")) == (408, b"close")
        assert await client.is_closed()
        await asyncio.sleep(0.02)
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert one.pools["contoso"]._slots.shares.held == 0
    accepted = await one.connect()
    assert (await accepted.ask(request + b"123456789")).status == 200


@pytest.mark.parametrize("where", ["full", "fast"])
async def test_large_body_must_keep_its_pace(stage, ask, where):
    """A byte every now and then keeps the deadline between two pieces, and not the pace."""
    one = await stage(bounds=Bounds(body_rate=1_000_000, body_rate_seconds=0.2, sweep=0.02))
    client = await one.connect()
    client.send(post(ask, where, one, b"Content-Length: %d\r\n" % (2 * LARGE), body=b"x" * LARGE))
    answer = asyncio.create_task(client.answer())
    while not answer.done():
        client.send(b"x")
        await asyncio.sleep(0.01)
    assert answer.result().status == 408
    assert one.pools["contoso"]._slots.shares.held == 0


@pytest.mark.parametrize("size", [5, LARGE])
@pytest.mark.parametrize("where", ["own", "full", "fast"])
async def test_client_that_leaves_in_a_body_is_one_499_line(site, ask, where, size):
    one, client = site, await site.connect()
    with capture_logs() as logs:
        client.send(post(ask, where, one, b"Content-Length: %d\r\n" % (size + 9), body=b"x" * size))
        await asyncio.sleep(0.05)
        await client.close()
        await asyncio.sleep(0.05)
    assert [line["status"] for line in logs if line["event"] == "request"] == [499]
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert one.pools["contoso"]._slots.shares.held == 0


async def test_too_many_event_streams_are_503_and_the_rest_goes_on(stage, ask, lane):
    one = await stage(tuning=UpstreamTuning(connections=16))

    async def answering(message, reader, writer):
        if message.target == b"/events":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            await reader.read()
            return False
        writer.write(ok())
        return True

    one.upstream.answering = answering
    for more in ((), (FULL,)):
        clients = [await one.connect() for _ in range(8 if more else 0)]
        for client in clients:
            assert (await client.ask(ask(b"/events", one.cookie, *more), head=True)).status == 200
    late = await one.connect()
    for request in (ask(b"/events", one.cookie), ask(b"/events", one.cookie, FULL)):
        assert (await late.ask(request)).status == 503
        late = await one.connect()
    assert (await late.ask(ask(b"/", one.cookie))).status == 200
    await clients[0].close()
    pool = one.pools["contoso"]
    await until(lambda: pool._streams.held < 8)
    assert (await late.ask(ask(b"/events", one.cookie), head=True)).status == 200


def test_pace_is_a_rate_over_a_while():
    pace = Pace(rate=500, seconds=20)
    pace.restart(100.0)
    assert pace.until == 120.0
    pace.came(9_999, 110.0)
    assert pace.until == 120.0
    pace.came(1, 119.0)
    assert pace.until == 139.0
    pace.restart(150.0)  # it was not read meanwhile
    assert pace.until == 170.0
