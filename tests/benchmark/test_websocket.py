"""The echo that the WebSocket scenario measures against."""

import asyncio

import pytest

from benchmark.websocket import Upstream, _measure
from support.ports import free_port


@pytest.fixture
async def echo():
    port = free_port()
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    yield port
    server.close()


async def test_messages_come_back(echo):
    found = await _measure(echo, "", connections=2, seconds=0.2)
    assert found.rate > 0
    assert 0 < found.p50 <= found.p99


async def test_a_plain_request_gets_an_empty_page(echo):
    reader, writer = await asyncio.open_connection("127.0.0.1", echo)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()
    await writer.wait_closed()
