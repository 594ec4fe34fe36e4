import asyncio
import tracemalloc

import pytest

from proxy.errors import UpstreamBroken
from proxy.gateway.upstream import Framing
from proxy.gateway.upstream.response import READ_HIGH
from support.patience import HANG

ONE_READ = 256 * 1024  # what uvloop reads of a socket at most


async def test_an_answer_says_what_came(scripted, pool_for, request_of, read_all):
    async def script(wire):
        await wire.head()
        wire.send(
            b"HTTP/1.1 203 Fine \r\nx-a: 1\r\nX-A: 2\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: v\r\n\r\n"
        )
        await wire.gone()

    answer = await pool_for(await scripted(script)).send(request_of())
    assert (answer.version, answer.status, answer.reason) == ((1, 1), 203, b"Fine ")
    assert answer.headers == ((b"x-a", b"1"), (b"X-A", b"2"), (b"Transfer-Encoding", b"chunked"))
    assert (answer.framing, answer.content_length) == (Framing.CHUNKED, None)
    assert await read_all(answer) == b"a"
    assert answer.trailers == ((b"T", b"v"),)
    assert await answer.read() == b""


async def test_whole_gives_a_body_that_is_here_and_nothing_else(scripted, pool_for, request_of):
    go = asyncio.Event()

    async def script(wire):
        await wire.head()
        wire.answer(b"here")
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe")
        await go.wait()
        wire.send(b"re")
        await wire.gone()

    pool = pool_for(await scripted(script))
    answer = await pool.send(request_of())
    assert answer.whole() == b"here"
    assert await answer.read() == b""
    answer = await pool.send(request_of())
    assert answer.whole() is None
    assert await answer.read() == b"he"
    go.set()
    assert await answer.read() == b"re"
    assert answer.whole() == b""


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_statuses_without_a_body_leave_the_connection_usable(status, scripted, pool_for, request_of, read_all):
    async def script(wire):
        while await wire.head():
            wire.send(b"HTTP/1.1 " + status + b"\r\nETag: x\r\n\r\n")

    server = await scripted(script)
    pool = pool_for(server)
    for _ in range(2):
        assert await read_all(await pool.send(request_of())) == b""
    assert server.accepted == 1


async def test_a_body_without_length_ends_with_the_connection(scripted, pool_for, request_of, read_all):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    answer = await pool_for(await scripted(script)).send(request_of())
    assert answer.framing is Framing.CLOSE
    assert await read_all(answer) == b"all of it"


async def test_a_slow_reader_holds_the_upstream_back(scripted, pool_for, request_of):
    """Bytes in flight are bounded: what is held here, one read of the socket, and what the kernel's sockets hold."""
    sent = 0
    stuck = asyncio.Event()

    async def script(wire):
        nonlocal sent
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
        wire.writer.transport.set_write_buffer_limits(high=0)
        for _ in range(1024):
            wire.send(bytes(65536))
            sent += 65536
            try:
                async with asyncio.timeout(0.2):
                    await wire.writer.drain()
            except TimeoutError:
                stuck.set()
                await wire.writer.drain()

    answer = await pool_for(await scripted(script)).send(request_of())
    await asyncio.wait_for(stuck.wait(), HANG)
    assert answer._held <= READ_HIGH + ONE_READ
    assert sent < 16 * 1024 * 1024
    received = 0
    async for piece in answer.chunks():
        received += len(piece)
        assert len(piece) <= READ_HIGH + ONE_READ
    assert received == 1024 * 65536


async def test_64_mib_both_ways_take_little_memory(scripted, pool_for, request_of):
    size, step = 64 * 1024 * 1024, bytes(65536)

    async def script(wire):
        await wire.head()
        left = size
        while left:
            left -= len(await wire.reader.read(65536))
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(step)):
            wire.send(step)
            await wire.writer.drain()
        await wire.gone()

    async def upload():
        for _ in range(size // len(step)):
            yield step

    pool = pool_for(await scripted(script))
    tracemalloc.start()
    try:
        answer = await pool.send(request_of(b"POST", content_length=size), upload())
        received = 0
        async for piece in answer.chunks():
            received += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert received == size
    assert peak < 4 * 1024 * 1024
    assert len(pool._idle) == 1


async def test_a_held_answer_has_no_deadline(scripted, pool_for, request_of, until):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(4 * 1024 * 1024))

    pool = pool_for(await scripted(script), idle_timeout=0.02)
    answer = await pool.send(request_of())
    await until(lambda: answer._paused)
    (connection,) = pool._connections
    connection.check(pool._loop.time() + 1000)
    assert not connection.closed
    assert sum([len(piece) async for piece in answer.chunks()]) == 4 * 1024 * 1024


async def test_giving_up_closes_the_upstreams_connection_at_once(scripted, pool_for, request_of):
    gone = asyncio.Event()

    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await wire.gone()
        gone.set()

    pool = pool_for(await scripted(script))
    answer = await pool.send(request_of())
    reading = asyncio.create_task(answer.read())
    assert await reading == b"abc"
    reading = asyncio.create_task(answer.read())
    await asyncio.sleep(0)
    answer.close()
    answer.close()
    with pytest.raises(UpstreamBroken, match="given up"):
        await reading
    await gone.wait()
    assert not pool._connections


async def test_closing_a_whole_answer_keeps_the_connection(scripted, pool_for, request_of, read_all):
    async def script(wire):
        while await wire.head():
            wire.answer()

    server = await scripted(script)
    pool = pool_for(server)
    for _ in range(2):
        answer = await pool.send(request_of())
        assert answer.complete
        answer.close()
    assert server.accepted == 1
