import asyncio
import gc

import pytest

from proxy.errors import UpstreamBroken, UpstreamBusy, UpstreamTimeout, UpstreamUnreachable
from proxy.gateway.upstream import Owner
from support.patience import HANG


async def serve(wire):
    while await wire.head():
        wire.answer(b"%d" % wire.number)


async def test_a_connection_is_used_again(scripted, pool_for, request_of, read_all):
    server = await scripted(serve)
    pool = pool_for(server)
    for method in (b"GET", b"POST", b"GET"):
        assert await read_all(await pool.send(request_of(method, content_length=0))) == b"0"
    assert server.accepted == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\0",
    ],
)
async def test_a_connection_that_may_not_go_on_is_not_used_again(answer, scripted, pool_for, request_of, read_all):
    async def script(wire):
        while await wire.head():
            wire.send(answer)

    server = await scripted(script)
    pool = pool_for(server)
    for expected in (1, 2):
        assert await read_all(await pool.send(request_of())) == b"ok"
        assert server.accepted == expected


async def test_bytes_that_nobody_asked_for_close_an_idle_connection(scripted, pool_for, request_of, read_all, until):
    seen = asyncio.Event()

    async def script(wire):
        await wire.head()
        wire.answer(b"%d" % wire.number)
        if wire.number == 0:
            await seen.wait()
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await wire.gone()
        seen.set()

    pool = pool_for(await scripted(script))
    assert await read_all(await pool.send(request_of())) == b"0"
    (connection,) = pool._connections
    seen.set()
    await until(lambda: connection.closed)
    assert await read_all(await pool.send(request_of())) == b"1"


async def test_the_last_used_connection_goes_first(scripted, pool_for, request_of, read_all):
    pool = pool_for(await scripted(serve))
    assert await read_all(await pool.send(request_of())) == b"0"
    lent = pool.lend(retryable=True)
    assert await read_all(await pool.send(request_of())) == b"1"
    lent.give_back()
    assert await read_all(await pool.send(request_of())) == b"0"
    assert await read_all(await pool.send(request_of())) == b"0"


@pytest.mark.parametrize("limit", ["keep_alive", "maximum_age"])
async def test_idle_and_old_connections_are_closed(limit, scripted, pool_for, request_of, read_all):
    closed = asyncio.Event()

    async def script(wire):
        await wire.head()
        wire.answer()
        await wire.gone()
        closed.set()

    pool = pool_for(await scripted(script), **{limit: 0.02 if limit == "keep_alive" else 0.0})
    await read_all(await pool.send(request_of()))
    await asyncio.wait_for(closed.wait(), HANG)
    assert not pool._connections


async def test_those_who_wait_are_served_in_order(scripted, pool_for, request_of, read_all, until):
    order, go = [], asyncio.Event()

    async def script(wire):
        while head := await wire.head():
            order.append(head.split()[1])
            await go.wait()
            wire.answer()

    server = await scripted(script)
    pool = pool_for(server, connections=1)

    async def one(number):
        return await read_all(await pool.send(request_of(b"GET", b"/%d" % number)))

    tasks = []
    for number in range(6):
        tasks.append(asyncio.create_task(one(number)))
        await asyncio.sleep(0)
    await until(lambda: order)
    tasks[2].cancel()
    await asyncio.gather(tasks[2], return_exceptions=True)
    go.set()
    await asyncio.gather(*tasks[:2], *tasks[3:])
    assert order == [b"/0", b"/1", b"/3", b"/4", b"/5"]
    assert server.accepted == 1


async def test_past_the_queue_the_upstream_is_busy(scripted, pool_for, request_of, read_all, until):
    go = asyncio.Event()

    async def script(wire):
        while await wire.head():
            await go.wait()
            wire.answer()

    pool = pool_for(await scripted(script), connections=1, queue=1)
    tasks = [asyncio.create_task(pool.send(request_of())) for _ in range(2)]
    await until(lambda: pool._slots.waiting)
    with pytest.raises(UpstreamBusy):
        await pool.send(request_of())
    go.set()
    for task in tasks:
        assert await read_all(await task) == b"ok"


async def test_waiting_in_the_queue_has_an_end(scripted, pool_for, request_of):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await wire.gone()

    pool = pool_for(await scripted(script), connections=1, first_byte_timeout=0.05)
    held = await pool.send(request_of())
    with pytest.raises(UpstreamBusy, match=r"0\.05 s"):
        await pool.send(request_of())
    held.close()


async def test_a_closed_connection_leaves_its_slot_to_the_next(scripted, pool_for, request_of, read_all, until):
    async def script(wire):
        await wire.head()
        if wire.number == 0:
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
            await wire.gone()
        wire.answer(b"%d" % wire.number)

    pool = pool_for(await scripted(script), connections=1)
    held = await pool.send(request_of())
    waiting = asyncio.create_task(pool.send(request_of()))
    await until(lambda: pool._slots.waiting)
    held.close()
    assert await read_all(await waiting) == b"1"


async def closes_after_the_second(wire):
    await wire.head()
    wire.answer(b"%d" % wire.number)
    if wire.number == 0:
        await wire.head()  # and closes without a byte: what a keep-alive timeout looks like from here


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
async def test_a_stale_connection_is_replaced_once_for_an_idempotent_request(
    method, scripted, pool_for, request_of, read_all
):
    server = await scripted(closes_after_the_second)
    pool = pool_for(server)
    await read_all(await pool.send(request_of()))
    assert (await pool.send(request_of(method))).status == 200
    assert server.accepted == 2


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH"])
async def test_a_request_that_is_not_idempotent_is_never_sent_twice(method, scripted, pool_for, request_of, read_all):
    server = await scripted(closes_after_the_second)
    pool = pool_for(server)
    await read_all(await pool.send(request_of()))
    with pytest.raises(UpstreamBroken):
        await pool.send(request_of(method, content_length=0))
    assert server.accepted == 1


async def test_a_get_with_a_body_is_never_sent_twice(scripted, pool_for, request_of, read_all):
    server = await scripted(closes_after_the_second)
    pool = pool_for(server)
    await read_all(await pool.send(request_of()))
    with pytest.raises(UpstreamBroken):
        await pool.send(request_of(), b"x")
    assert server.accepted == 1


async def test_the_one_retry_is_the_only_one(scripted, pool_for, request_of, read_all):
    async def script(wire):
        await wire.head()
        if wire.number == 0:
            wire.answer()
            await wire.head()

    server = await scripted(script)
    pool = pool_for(server)
    await read_all(await pool.send(request_of()))
    with pytest.raises(UpstreamBroken):
        await pool.send(request_of())
    assert server.accepted == 2


async def test_an_answer_that_began_is_not_asked_for_again(scripted, pool_for, request_of, read_all):
    async def script(wire):
        await wire.head()
        wire.answer()
        await wire.head()
        wire.send(b"H")

    server = await scripted(script)
    pool = pool_for(server)
    await read_all(await pool.send(request_of()))
    with pytest.raises(UpstreamBroken):
        await pool.send(request_of())
    assert server.accepted == 1


async def test_a_post_looks_at_the_socket_first(scripted, pool_for, request_of, read_all, until):
    """Where the kernel has the FIN and the loop has not read it yet, nothing is sent on it."""

    async def script(wire):
        head = await wire.head()
        wire.answer(head.split()[0])
        if wire.number == 1:
            await wire.gone()

    server = await scripted(script)
    pool = pool_for(server)
    await read_all(await pool.send(request_of()))
    (connection,) = pool._connections
    await until(lambda: connection.closed or connection.is_stale())
    assert await read_all(await pool.send(request_of(b"POST"), b"x")) == b"POST"
    assert server.accepted == 2


async def test_no_connection_is_unreachable(pool_for, request_of, unused_tcp_port):
    pool = pool_for(f"http://127.0.0.1:{unused_tcp_port}", connections=1, queue=0)
    for _ in range(2):
        with pytest.raises(UpstreamUnreachable):
            await pool.send(request_of())


async def test_connecting_has_an_end(pool_for, request_of, tls_silence):
    pool = pool_for(tls_silence.url, tls_silence.context, connect_timeout=0.05, connections=1, queue=0)
    for _ in range(2):
        with pytest.raises(UpstreamUnreachable, match=r"0\.05 s"):
            await pool.send(request_of())


async def test_a_cancelled_request_closes_its_connection_and_frees_its_slot(scripted, pool_for, request_of, read_all):
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(wire):
        await wire.head()
        if wire.number == 0:
            asked.set()
            await wire.gone()
            gone.set()
        wire.answer()

    pool = pool_for(await scripted(script), connections=1, queue=0)
    task = asyncio.create_task(pool.send(request_of()))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone.wait()
    assert await read_all(await pool.send(request_of())) == b"ok"


async def test_closing_breaks_what_is_under_way_and_refuses_what_waits(scripted, pool_for, request_of, until):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await wire.gone()

    pool = pool_for(await scripted(script), connections=1)
    response = await pool.send(request_of())
    waiting = asyncio.create_task(pool.send(request_of()))
    await until(lambda: pool._slots.waiting)
    await pool.close()
    with pytest.raises(UpstreamBroken):
        await response.read()
    with pytest.raises(UpstreamUnreachable):
        await waiting
    with pytest.raises(UpstreamUnreachable):
        await pool.send(request_of())
    assert not pool._sockets


async def test_first_byte_and_idle_deadlines(scripted, pool_for, request_of):
    async def script(wire):
        head = await wire.head()
        if head.startswith(b"GET /slow"):
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await wire.gone()

    server = await scripted(script)
    with pytest.raises(UpstreamTimeout, match="no byte of an answer"):
        await pool_for(server, first_byte_timeout=0.05).send(request_of())
    response = await pool_for(server, idle_timeout=0.05).send(request_of(b"GET", b"/slow"))
    assert await response.read() == b"abc"
    with pytest.raises(UpstreamTimeout, match="no further byte"):
        await response.read()


async def test_nothing_is_left_to_the_garbage_collector(scripted, pool_for, request_of, read_all):
    server = await scripted(serve)
    pool = pool_for(server)
    await read_all(await pool.send(request_of()))
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            await read_all(await pool.send(request_of()))
        assert gc.collect() == 0
    finally:
        gc.enable()


async def test_a_turn_that_comes_together_with_a_cancellation_goes_to_the_next(
    scripted, pool_for, request_of, read_all, until
):
    pool = pool_for(await scripted(serve), connections=1)
    await read_all(await pool.send(request_of()))
    lent = pool.lend(retryable=True)
    first, second = [asyncio.create_task(pool.send(request_of())) for _ in range(2)]
    await until(lambda: pool._slots.waiting == 2)
    first.cancel()
    lent.give_back()
    assert await read_all(await second) == b"0"
    assert first.cancelled()
    assert (pool._slots.waiting, pool._slots.shares.held) == (0, 0)


async def test_a_handed_connection_that_is_not_taken_goes_back(scripted, pool_for, request_of, read_all, until):
    pool = pool_for(await scripted(serve), connections=1)
    await read_all(await pool.send(request_of()))
    lent = pool.lend(retryable=True)
    task = asyncio.create_task(pool.send(request_of()))
    await until(lambda: pool._slots.waiting)
    lent.give_back()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert pool._slots.shares.held == 0
    assert pool.lend(retryable=True) is lent


async def test_above_its_share_a_session_waits_and_nobody_else(scripted, pool_for, request_of, read_all, until):
    go = asyncio.Event()

    async def script(wire):
        while head := await wire.head():
            if head.startswith(b"GET /slow"):
                await go.wait()
            wire.answer()

    pool = pool_for(await scripted(script), connections=16)
    anna, bert = Owner("anna's session", "192.0.2.1"), Owner("bert's session", "192.0.2.2")
    slow = [asyncio.create_task(pool.send(request_of(b"GET", b"/slow"), owner=anna)) for _ in range(12)]
    await until(lambda: pool._slots.waiting == 4)
    for _ in range(3):
        assert await read_all(await pool.send(request_of(), owner=bert)) == b"ok"
    assert pool.lend(anna, retryable=True) is None
    lent = pool.lend(bert, retryable=True)
    assert lent is not None
    lent.give_back()
    go.set()
    for task in slow:
        assert await read_all(await task) == b"ok"
    assert (pool._slots.shares.held, pool._slots.waiting) == (0, 0)


async def test_event_streams_leave_their_slots_and_are_counted_apart(scripted, pool_for, request_of, read_all):
    async def script(wire):
        while head := await wire.head():
            if head.startswith(b"GET /events"):
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                await wire.gone()
                return
            wire.answer()

    pool = pool_for(await scripted(script), connections=32)
    anna, bert = Owner("anna's session", "192.0.2.1"), Owner("bert's session", "192.0.2.2")
    streams = [await pool.send(request_of(b"GET", b"/events"), owner=anna) for _ in range(8)]
    assert all(stream.leave_slot() for stream in streams)
    assert (pool._slots.shares.held, pool._slots.free) == (0, 32)
    one_too_many = await pool.send(request_of(b"GET", b"/events"), owner=anna)
    assert not one_too_many.leave_slot()
    one_too_many.close()
    another = await pool.send(request_of(b"GET", b"/events"), owner=bert)
    assert another.leave_slot()
    streams[0].close()
    last = await pool.send(request_of(b"GET", b"/events"), owner=anna)
    assert last.leave_slot()
    for stream in (*streams, another, last):
        stream.close()
    assert (pool._streams.held, pool._slots.free, pool.load) == (0, 32, 0)
    assert await read_all(await pool.send(request_of(), owner=anna)) == b"ok"


async def test_connection_of_an_event_stream_is_not_used_again(scripted, pool_for, request_of, read_all):
    go = asyncio.Event()

    async def script(wire):
        while await wire.head():
            wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            await go.wait()
            wire.send(b"1\r\n%d\r\n0\r\n\r\n" % wire.number)

    pool = pool_for(await scripted(script))
    stream = await pool.send(request_of())
    assert stream.leave_slot()
    go.set()
    assert await read_all(stream) == b"0"
    assert (pool._connections, pool._streaming) == (set(), set())
    assert await read_all(await pool.send(request_of())) == b"1"
