import asyncio

import pytest

from proxy.errors import UpstreamBroken, UpstreamBusy
from support.patience import HANG

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def all_of(stream):
    heard = b""
    while piece := await stream.read():
        heard += piece
    return heard


@pytest.fixture
def asking(request_of):
    return request_of(b"GET", b"/chat", upgrade=b"websocket")


async def test_bytes_pass_both_ways_untouched(scripted, pool_for, asking):
    every = bytes(range(256))

    async def script(wire):
        assert b"Connection: Upgrade\r\nUpgrade: websocket\r\n" in await wire.head()
        wire.send(SWITCH + b"\x81\x02hi")
        wire.send(await wire.reader.readexactly(256))
        assert await wire.gone() == b"bye"
        wire.send(b"last words")

    pool = pool_for(await scripted(script))
    answer = await pool.send(asking)
    assert (answer.status, answer.complete) == (101, True)
    stream = answer.upgraded
    assert await stream.read() == b"\x81\x02hi"
    stream.write(every)
    await stream.drain()
    assert await stream.read() == every
    stream.write(b"bye")
    stream.write_eof()
    assert await all_of(stream) == b"last words"
    assert await stream.read() == b""
    stream.close()
    await stream.wait_closed()


async def test_another_answer_to_an_upgrade_is_a_plain_one(scripted, pool_for, asking, read_all, request_of):
    async def script(wire):
        while await wire.head():
            wire.answer(b"no", b"Connection: Upgrade", b"Upgrade: h2c")

    server = await scripted(script)
    pool = pool_for(server)
    answer = await pool.send(asking)
    assert (answer.status, answer.upgraded, await read_all(answer)) == (200, None, b"no")
    assert await read_all(await pool.send(request_of())) == b"no"
    assert server.accepted == 1


async def test_a_101_that_nobody_asked_for_is_broken(scripted, pool_for, request_of):
    async def script(wire):
        await wire.head()
        wire.send(SWITCH)
        await wire.gone()

    with pytest.raises(UpstreamBroken, match="101"):
        await pool_for(await scripted(script)).send(request_of())


async def test_tunnels_take_no_connection_but_are_bounded(scripted, pool_for, asking, request_of, read_all):
    async def script(wire):
        if b"Upgrade" in await wire.head():
            wire.send(SWITCH)
            await wire.gone()
        else:
            wire.answer()

    pool = pool_for(await scripted(script), connections=1, queue=0)
    answer = await pool.send(asking)
    assert await read_all(await pool.send(request_of())) == b"ok"
    with pytest.raises(UpstreamBusy):
        await pool.send(asking)
    answer.close()
    await answer.upgraded.wait_closed()
    again = await pool.send(asking)
    again.close()


async def test_a_broken_tunnel_says_so(scripted, pool_for, asking):
    async def script(wire):
        await wire.head()
        wire.send(SWITCH)
        await wire.writer.drain()
        await wire.reader.readexactly(1)
        wire.reset()

    stream = (await pool_for(await scripted(script)).send(asking)).upgraded
    stream.write(b"x")
    with pytest.raises(UpstreamBroken):
        await stream.read()
    with pytest.raises(UpstreamBroken):
        await stream.drain()
    stream.write(b"dropped")
    stream.write_eof()
    stream.close()


async def test_a_tunnel_has_no_deadline(scripted, pool_for, asking):
    async def script(wire):
        await wire.head()
        wire.send(SWITCH)
        await wire.gone()

    pool = pool_for(await scripted(script), idle_timeout=0.01, keep_alive=0.01)
    stream = (await pool.send(asking)).upgraded
    (connection,) = pool._tunnels
    connection.check(pool._loop.time() + 1000)
    assert not connection.closed
    await pool.close()
    assert await stream.read() == b""


async def test_a_tunnel_holds_both_sides_back(scripted, pool_for, asking):
    sent, stuck = 0, asyncio.Event()

    async def script(wire):
        nonlocal sent
        await wire.head()
        wire.send(SWITCH)
        wire.writer.transport.set_write_buffer_limits(high=0)
        while not stuck.is_set():
            wire.send(bytes(65536))
            sent += 65536
            try:
                async with asyncio.timeout(0.2):
                    await wire.writer.drain()
            except TimeoutError:
                stuck.set()

    stream = (await pool_for(await scripted(script)).send(asking)).upgraded
    await asyncio.wait_for(stuck.wait(), HANG)
    assert stream._held <= 512 * 1024
    assert sent < 16 * 1024 * 1024
    assert len(await all_of(stream)) == sent


async def test_handshakes_at_once_pass_no_bound(scripted, pool_for, asking, request_of):
    """The bound is kept where the handshake begins: 101s that come later can be no more."""
    go = asyncio.Event()

    async def script(wire):
        await wire.head()
        await go.wait()
        wire.send(SWITCH)
        await wire.gone()

    pool = pool_for(await scripted(script), connections=3)
    tasks = [asyncio.create_task(pool.send(asking)) for _ in range(8)]
    await asyncio.sleep(0)
    go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [each for each in found if isinstance(each, UpstreamBusy)]
    opened = [each.upgraded for each in found if not isinstance(each, BaseException)]
    assert (len(refused), len(opened)) == (5, 3)
    with pytest.raises(UpstreamBusy):
        await pool.send(asking)
    opened[0].abort()
    await opened[0].wait_closed()
    await asyncio.sleep(0)
    again = await pool.send(asking)
    assert again.upgraded is not None
