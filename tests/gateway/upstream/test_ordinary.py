"""Ordinary life: a real aiohttp server behind the transport."""

import asyncio

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from proxy.gateway.upstream import Framing


@pytest.fixture
async def application():
    async def echo(request):
        return web.Response(body=await request.read(), headers={"X-Target": request.raw_path})

    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        async for piece in request.content.iter_any():
            await response.write(piece)
        return response

    async def early(_request):
        raise web.HTTPRequestEntityTooLarge(1, 2, text="too much")

    async def socket(request):
        peer = web.WebSocketResponse()
        await peer.prepare(request)
        async for message in peer:
            if message.type is WSMsgType.TEXT:
                await peer.send_str(message.data)
        return peer

    app = web.Application()
    app.router.add_route("*", "/echo", echo)
    app.router.add_post("/stream", stream)
    app.router.add_post("/early", early)
    app.router.add_get("/socket", socket)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_requests_of_every_kind_share_connections(application, pool_for, request_of, read_all):
    pool = pool_for(application)

    async def pieces():
        for _ in range(10):
            yield b"x" * 1000

    for _ in range(3):
        answer = await pool.send(request_of(b"GET", b"/echo?a=%2F&b="))
        assert (answer.status, await read_all(answer)) == (200, b"")
        assert (b"X-Target", b"/echo?a=%2F&b=") in answer.headers
        answer = await pool.send(request_of(b"HEAD", b"/echo"))
        assert (answer.framing, await read_all(answer)) == (Framing.NONE, b"")
        assert await read_all(await pool.send(request_of(b"POST", b"/echo"), b"abc")) == b"abc"
        answer = await pool.send(request_of(b"POST", b"/stream", chunked=True), pieces())
        assert answer.framing is Framing.CHUNKED
        assert await read_all(answer) == b"x" * 10_000
        expecting = request_of(b"POST", b"/echo", content_length=3, expect_continue=True)
        assert await read_all(await pool.send(expecting, b"abc")) == b"abc"
        assert (await read_all(await pool.send(request_of(b"GET", b"/nowhere")))) == b"404: Not Found"
    assert len(pool._connections) == 1


async def test_many_at_once_stay_within_the_bound_and_keep_apart(application, pool_for, request_of, read_all):
    pool = pool_for(application, connections=4, queue=200)

    async def one(number):
        body = b"%d" % number * 500
        return await read_all(await pool.send(request_of(b"POST", b"/echo"), body)) == body

    assert all(await asyncio.gather(*(one(number) for number in range(200))))
    assert len(pool._connections) <= 4


async def test_an_early_refusal_reaches_the_caller(application, pool_for, request_of, read_all):
    async def slow():
        yield b"x"
        await asyncio.get_running_loop().create_future()

    pool = pool_for(application)
    answer = await pool.send(request_of(b"POST", b"/early", chunked=True), slow())
    assert (answer.status, await read_all(answer)) == (413, b"too much")


async def test_a_websocket_speaks_through_the_tunnel(application, pool_for, request_of):
    request = request_of(
        b"GET",
        b"/socket",
        (b"Sec-WebSocket-Version", b"13"),
        (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        upgrade=b"websocket",
    )
    answer = await pool_for(application).send(request)
    assert (b"Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in answer.headers
    stream = answer.upgraded
    stream.write(b"\x81\x82\x00\x00\x00\x00hi")
    assert await stream.read() == b"\x81\x02hi"
    stream.close()
    await stream.wait_closed()
