"""One client's requests, in order, whichever lane each takes; deadlines and bounds."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from proxy.edge.bounds import Bounds
from support.patience import HANG, until
from support.raw_http import Message, ok, read_body

LONG = Bounds(head_seconds=HANG, body_seconds=HANG, keep_alive_seconds=HANG, sweep=0.02)
FULL = b"Authorization: Basic x\r\n"  # credentials of its own: for the full lane to see


@pytest.fixture
async def site(stage, ask):
    """(A stage, a request of alice's that the fast lane takes, one that the full lane takes)."""
    one = await stage(bounds=LONG)
    return one, ask(b"/fast", one.cookie), ask(b"/full", one.cookie, FULL)


async def test_the_commonest_request_does_not_see_the_full_lane(site, to_full_lane):
    (one, fast, full), client = site, await site[0].connect()
    for request in (fast, full, fast):
        assert (await client.ask(request)).status == 200
    assert to_full_lane == [full]
    assert [message.target for message in one.upstream.requests] == [b"/fast", b"/full", b"/fast"]


async def test_pipelined_requests_are_answered_in_order_across_lanes(site, to_full_lane):
    one, fast, full = site

    async def answering(message: Message, _reader, writer):
        await asyncio.sleep(0.02 if message.target == b"/full" else 0)
        writer.write(ok(message.target))

    one.upstream.answering = answering
    client = await one.connect()
    order = [full, fast, fast, full, full, fast]
    client.send(b"".join(order))
    answers = [await client.answer() for _ in order]
    assert [answer.body for answer in answers] == [request.split()[1] for request in order]
    assert to_full_lane.count(full) == 3


@pytest.mark.parametrize("first", ["fast", "full"])
@pytest.mark.parametrize(
    ("evil", "status"),
    [
        (b"GET /a/../b HTTP/1.1\r\nHost: crm.contoso.com\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: crm.contoso.com\r\nX-A : 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: crm.contoso.com\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: crm.contoso.com\r\nHost: evil.example\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: crm.contoso.com\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (
            (
                b"POST / HTTP/1.1\r\nHost: crm.contoso.com\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"0\r\n\r\n"
            ),
            400,
        ),
        (b"GET / HTTP/2.0\r\nHost: crm.contoso.com\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: crm.contoso.com\r\nX-A: %b\r\n\r\n" % (b"a" * 70_000), 431),
        (b"GET /%b HTTP/1.1\r\nHost: crm.contoso.com\r\n\r\n" % (b"a" * 70_000), 414),
    ],
)
@pytest.mark.parametrize("pipelined", [True, False])
async def test_what_is_refused_is_refused_behind_a_request_that_was_served(site, first, evil, status, pipelined):
    one, fast, full = site
    served = fast if first == "fast" else full
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: crm.contoso.com\r\n" + one.cookie + b"\r\n"
    client = await one.connect()
    client.send(served + evil + smuggled if pipelined else served)
    assert (await client.answer()).status == 200
    if not pipelined:
        client.send(evil + smuggled)
    refused = await client.answer()
    assert (refused.status, refused.value("Connection")) == (status, b"close")
    assert b"evil" not in refused.body
    assert await client.is_closed()
    assert len(one.upstream.requests) == 1


@pytest.mark.parametrize("first", [None, "fast", "full"])
async def test_a_head_must_come_in_time(site, stage, first):
    late = await stage(bounds=replace(LONG, head_seconds=0.05))
    for one, (status, rest) in ((late, (408, b"")), (site[0], (200, site[1][-2:]))):
        client = await one.connect()
        if first:
            await client.ask(site[1] if first == "fast" else site[2])
        client.send(site[1][:-2])
        await asyncio.sleep(0.1)
        answer = await client.ask(rest)
        assert (answer.status, answer.value("Connection") == b"close") == (status, status == 408)
        assert status == 200 or await client.is_closed()


async def test_a_body_must_go_on(site, stage, ask):
    late = await stage(bounds=replace(LONG, body_seconds=0.05))
    for one, (status, rest) in ((late, (408, b"")), (site[0], (200, b"cd"))):
        client = await one.connect()
        client.send(ask(b"/", one.cookie, b"Content-Length: 4\r\n", method=b"POST", body=b"ab"))
        await asyncio.sleep(0.1)
        assert (await client.ask(rest)).status == status


async def test_who_asks_nothing_is_let_go_without_a_word(site, stage):
    hasty = await stage(bounds=replace(LONG, keep_alive_seconds=0.05))
    client = await hasty.connect()
    await client.ask(site[1])
    assert await client.is_closed()
    client = await site[0].connect()
    for _ in range(2):
        assert (await client.ask(site[1])).status == 200
        await asyncio.sleep(0.1)


async def test_so_many_connections_and_no_more(stage, ask):
    one = await stage(bounds=Bounds(connections=2))
    request = ask(b"/", one.cookie)
    clients = [await one.connect(), await one.connect()]
    for client in clients:
        assert (await client.ask(request)).status == 200
    with capture_logs() as logs:
        assert await (await one.connect()).is_closed()
    assert logs[0]["event"] == "connections_refused"
    await clients[0].close()
    await until(lambda: len(one.server._connections.clients) == 1)
    assert (await (await one.connect()).ask(request)).status == 200


async def test_chunks_reach_the_upstream_framed_anew_and_the_next_request_behind_them(site, ask, to_full_lane):
    one, fast, _ = site
    lines = (one.cookie, b"Transfer-Encoding: chunked\r\n")
    client = await one.connect()
    client.send(ask(b"/up", *lines, method=b"POST", body=b"2;x=y\r\nab\r\n"))
    await asyncio.sleep(0.02)
    client.send(b"1\r\nc\r\n0\r\nT: 1\r\n\r\n" + fast)
    assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert [message.body for message in one.upstream.requests] == [b"abc", b""]
    assert to_full_lane == []


async def test_a_body_that_breaks_its_framing_gets_400_and_nothing_behind_it_is_read(site, ask):
    one, fast, _ = site
    client = await one.connect()
    head = ask(b"/up", one.cookie, b"Transfer-Encoding: chunked\r\n", method=b"POST")
    client.send(head + b"2\r\nabc" + fast)
    answer = await client.answer()
    assert (answer.status, answer.value("Connection")) == (400, b"close")
    assert b"/fast" not in [message.target for message in one.upstream.requests]


async def test_an_idle_connection_that_the_upstream_closed_costs_no_answer(site):
    one, fast, _ = site
    lent = one.pools["contoso"]._idle[0]
    lent._transport.get_extra_info("socket")
    with capture_logs() as logs:
        client = await one.connect()

        async def closing(_message, _reader, writer):
            if one.upstream.connections > 1:
                writer.write(ok())
                return True
            return False

        one.upstream.answering = closing
        assert (await client.ask(fast)).status == 200
    assert len([line for line in logs if line["event"] == "request"]) == 1


async def test_an_answer_that_breaks_off_is_a_reset_and_one_line_in_the_log(site, to_full_lane):
    one, fast, _ = site

    async def answering(_message, _reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        return False

    one.upstream.answering = answering
    client = await one.connect()
    with capture_logs() as logs:
        client.send(fast)
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        await until(lambda: logs[-1]["event"] == "request")
    assert [line["event"] for line in logs] == ["answer_cut", "request"]
    assert one.current._requests[one.current.gateway] == 0
    assert to_full_lane == []


async def test_a_client_that_goes_is_logged_once_and_its_answer_given_up(site):
    one, fast, _ = site

    async def answering(_message, reader, _writer):
        await reader.read()

    one.upstream.answering = answering
    client = await one.connect()
    with capture_logs() as logs:
        client.send(fast)
        await until(lambda: one.upstream.requests)
        await client.close()
        await until(lambda: logs and logs[-1]["event"] == "request")
    assert [line["status"] for line in logs if line["event"] == "request"] == [499]
    assert one.current._requests[one.current.gateway] == 0


async def test_an_upstream_is_not_read_faster_than_its_client(site, stage):
    one = await stage()
    size, sent = 30_000_000, []

    async def answering(message, reader, writer):
        await read_body(reader, message, answer=False)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 100_000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent.append(100_000)

    one.upstream.answering = answering
    client = await one.connect()
    client.send(site[1])
    await asyncio.sleep(0.3)
    assert sum(sent) < size * 0.8
    answer = await client.answer()
    assert len(answer.body) == size
