import asyncio

import pytest

from proxy.errors import RequestRefused, UpstreamBroken, UpstreamTimeout
from proxy.gateway.upstream import body as body_module

FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def pieces_of(*pieces):
    for piece in pieces:
        yield piece


@pytest.fixture
async def echo(scripted):
    """Answers with the body as it stood on the wire; `counted` bytes of it, or chunked."""

    async def script(wire):
        while head := await wire.head():
            if b"Transfer-Encoding: chunked" in head:
                wire.answer(await wire.chunked())
            else:
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                wire.answer(await wire.reader.readexactly(length))

    return await scripted(script)


@pytest.mark.parametrize("body", [b"abc", pieces_of(b"a", b"", b"bc")], ids=["bytes", "stream"])
async def test_a_counted_body_goes_out_as_it_is(body, echo, pool_for, request_of, read_all):
    pool = pool_for(echo)
    answer = await pool.send(request_of(b"POST", content_length=3), body)
    assert await read_all(answer) == b"abc"
    assert answer.request_sent
    assert len(pool._idle) == 1


async def test_a_chunked_body_keeps_its_pieces_and_drops_empty_ones(echo, pool_for, request_of, read_all):
    pool = pool_for(echo)
    answer = await pool.send(request_of(b"POST", chunked=True), pieces_of(b"ab", b"", b"c" * 17))
    assert await read_all(answer) == b"2\r\nab\r\n11\r\n" + b"c" * 17 + b"\r\n0\r\n\r\n"
    assert await read_all(await pool.send(request_of(b"POST", chunked=True), b"")) == b"0\r\n\r\n"
    assert await read_all(await pool.send(request_of(b"POST", chunked=True), b"x")) == b"1\r\nx\r\n0\r\n\r\n"
    assert echo.accepted == 1


@pytest.mark.parametrize("pieces", [(b"ab",), (b"ab", b"cd"), ()], ids=["short", "long", "none"])
async def test_a_body_of_another_length_is_refused_and_its_connection_closed(pieces, echo, pool_for, request_of):
    pool = pool_for(echo)
    with pytest.raises(RequestRefused, match="body_length"):
        await pool.send(request_of(b"POST", content_length=3), pieces_of(*pieces))
    assert not pool._connections


async def test_what_the_source_raises_is_raised(echo, pool_for, request_of):
    async def broken():
        yield b"a"
        raise ConnectionResetError("the client went away")

    pool = pool_for(echo)
    with pytest.raises(ConnectionResetError, match="the client went away"):
        await pool.send(request_of(b"POST", chunked=True), broken())
    assert not pool._connections


async def test_a_source_that_breaks_after_the_head_breaks_the_answer(scripted, pool_for, request_of):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await wire.gone()

    go = asyncio.Event()

    async def broken():
        yield b"a"
        await go.wait()
        raise ConnectionResetError("the client went away")

    answer = await pool_for(await scripted(script)).send(request_of(b"POST", chunked=True), broken())
    go.set()
    with pytest.raises(ConnectionResetError):
        await answer.read()


async def test_the_body_waits_for_100(scripted, pool_for, request_of, read_all):
    body_seen_early = []

    async def script(wire):
        head = await wire.head()
        assert b"Expect: 100-continue\r\n" in head
        body_seen_early.append(bool(wire.reader._buffer))
        wire.send(b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n")
        wire.answer(await wire.reader.readexactly(3))
        await wire.gone()

    interim = []
    pool = pool_for(await scripted(script))
    request = request_of(b"POST", content_length=3, expect_continue=True)
    answer = await pool.send(request, b"abc", on_interim=lambda *heard: interim.append(heard))
    assert await read_all(answer) == b"abc"
    assert interim == [(100, ((b"X", b"y"),))]
    assert body_seen_early == [False]
    assert len(pool._idle) == 1


async def test_a_100_that_never_comes_is_not_waited_for_long(echo, pool_for, request_of, read_all, monkeypatch):
    monkeypatch.setattr(body_module, "CONTINUE_WAIT", 0.02)
    request = request_of(b"POST", content_length=3, expect_continue=True)
    assert await read_all(await pool_for(echo).send(request, b"abc")) == b"abc"


async def test_a_final_status_instead_of_100_means_no_body(scripted, pool_for, request_of, read_all, until):
    rest = []

    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        rest.append(await wire.gone())

    pool = pool_for(await scripted(script))
    answer = await pool.send(request_of(b"POST", content_length=3, expect_continue=True), b"abc")
    assert (answer.status, await read_all(answer), answer.request_sent) == (413, b"no", False)
    await until(lambda: rest)
    assert rest == [b""]
    assert not pool._connections


async def test_a_slow_answer_instead_of_100_still_has_a_deadline(scripted, pool_for, request_of):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n")
        await wire.gone()

    pool = pool_for(await scripted(script), idle_timeout=0.05)
    answer = await pool.send(request_of(b"POST", content_length=3, expect_continue=True), b"abc")
    with pytest.raises(UpstreamTimeout):
        await answer.read()


async def test_an_early_answer_is_delivered_and_the_connection_ends(scripted, pool_for, request_of, read_all):
    async def script(wire):
        await wire.head()
        await wire.reader.readexactly(6)  # 1\r\na\r\n
        wire.send(FINAL)
        await wire.gone()

    released = []

    async def endless():
        try:
            yield b"a"
            await asyncio.get_running_loop().create_future()
        finally:
            released.append(True)

    pool = pool_for(await scripted(script))
    answer = await pool.send(request_of(b"POST", chunked=True), endless())
    assert await read_all(answer) == b"ok"
    assert not answer.request_sent
    assert not pool._connections
    await answer.source_released()
    assert released == [True]


async def test_an_answer_may_begin_before_the_body_ends(scripted, pool_for, request_of, read_all):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            wire.send(await wire.reader.readexactly(6))  # back as it came
        wire.send(await wire.reader.readexactly(5))
        await wire.gone()

    heard = asyncio.Queue()

    async def ping_pong():
        yield b"0"
        for _ in range(2):
            yield await heard.get()

    pool = pool_for(await scripted(script))
    answer = await pool.send(request_of(b"POST", chunked=True), ping_pong())
    got = []
    async for piece in answer.chunks():
        got.append(piece)
        heard.put_nowait(b"%d" % len(got))
    assert got == [b"0", b"1", b"2"]
    assert len(pool._idle) == 1


async def test_an_upstream_that_takes_no_body_holds_its_source_back(scripted, pool_for, request_of):
    """Bytes in flight are bounded by what sockets and one write buffer hold, however much there is to send."""

    async def script(wire):
        await wire.head()
        wire.writer.transport.pause_reading()
        await asyncio.get_running_loop().create_future()

    taken = 0

    async def endless():
        nonlocal taken
        while True:
            taken += 65536
            yield bytes(65536)

    pool = pool_for(await scripted(script, limit=65536), idle_timeout=0.1)
    with pytest.raises(UpstreamTimeout, match="not taken"):
        await pool.send(request_of(b"POST", chunked=True), endless())
    assert taken < 16 * 1024 * 1024


async def test_a_slow_client_is_not_the_upstreams_fault(echo, pool_for, request_of, read_all):
    pool = pool_for(echo)

    async def slow():
        yield b"a"
        (connection,) = pool._connections
        connection.check(pool._loop.time() + 1000)
        assert not connection.closed
        yield b"b"

    assert await read_all(await pool.send(request_of(b"POST", content_length=2), slow())) == b"ab"


async def test_a_connection_that_breaks_during_the_body_breaks_the_request(scripted, pool_for, request_of):
    async def script(wire):
        await wire.head()
        wire.reset()

    async def endless():
        while True:
            yield bytes(65536)
            await asyncio.sleep(0)

    pool = pool_for(await scripted(script))
    with pytest.raises(UpstreamBroken):
        await pool.send(request_of(b"POST", chunked=True), endless())
    assert not pool._connections
