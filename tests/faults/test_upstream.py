"""An upstream that fails in the middle: a cut body never looks whole, and nothing is sent twice that may not be."""

import asyncio
import socket
import struct

import pytest

from proxy.errors import UpstreamBroken, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from proxy.gateway.upstream import UpstreamPool, UpstreamRequest, parse_address
from proxy.model.deployment import UpstreamTuning

GET = UpstreamRequest(b"GET", b"/", ((b"Host", b"crm"),))
POST = UpstreamRequest(b"POST", b"/", ((b"Host", b"crm"),), content_length=0)
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"


class Failing:
    """Answers each request with `answer`, cut after `cut` bytes, by FIN or RST; counts the requests it saw."""

    def __init__(self, answer: bytes, *, reset: bool) -> None:
        self.answer, self.reset = answer, reset
        self.cut: int | None = None
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.split()[0])
                writer.write(self.answer[: self.cut])
                if self.cut is not None:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        if self.reset:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()


@pytest.fixture
async def failing():
    """`await failing(answer, reset=…)`: the server and a pool towards it."""
    started = []

    async def start(answer, *, reset=False):
        server = Failing(answer, reset=reset)
        listener = await asyncio.start_server(server, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        pool = UpstreamPool(parse_address(f"http://127.0.0.1:{port}"), UpstreamTuning())
        started.append((pool, listener))
        return server, pool, listener

    yield start
    for pool, listener in started:
        await pool.close()
        listener.close()


async def body_of(pool, request):
    response = await pool.send(request)
    return b"".join([piece async for piece in response.chunks()])


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("answer", [COUNTED, CHUNKED], ids=["counted", "chunked"])
async def test_an_answer_cut_at_any_byte_is_never_whole(answer, reset, failing):
    server, pool, _ = await failing(answer, reset=reset)
    for server.cut in range(len(answer)):
        with pytest.raises(UpstreamBroken):
            await body_of(pool, GET)
    assert len(server.requests) == len(answer)
    server.cut = None
    assert await body_of(pool, GET) == b"abcdef"


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
async def test_a_body_without_length_is_whole_after_fin_and_cut_after_rst(reset, failing):
    answer = b"HTTP/1.1 200 OK\r\n\r\nabcdef"
    server, pool, _ = await failing(answer, reset=reset)
    server.cut = len(answer)
    if reset:
        with pytest.raises(UpstreamBroken):
            await body_of(pool, GET)
    else:
        assert await body_of(pool, GET) == b"abcdef"


async def test_a_kept_connection_that_dies_under_a_post_sends_it_once_and_under_a_get_twice(failing):
    for request, times in ((POST, 1), (GET, 2)):
        server, pool, _ = await failing(COUNTED)
        assert await body_of(pool, GET) == b"abcdef"
        server.cut = 0
        server.requests.clear()
        with pytest.raises(UpstreamBroken):
            await body_of(pool, request)
        assert server.requests == [request.method] * times


async def test_an_upstream_that_goes_and_comes_back(failing):
    server, pool, listener = await failing(COUNTED)
    assert await body_of(pool, GET) == b"abcdef"
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    server.cut = 0
    for _ in range(3):
        with pytest.raises(UpstreamError) as failed:
            await body_of(pool, GET)
    assert isinstance(failed.value, UpstreamUnreachable)
    server.cut = None
    again = await asyncio.start_server(server, "127.0.0.1", port)
    assert await body_of(pool, POST) == b"abcdef"
    again.close()


async def test_an_upstream_that_stands_still_times_out_and_leaves_room(failing):
    """As after SIGSTOP: the kernel accepts, nobody answers; every slot comes back."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        pool = UpstreamPool(parse_address(url), UpstreamTuning(first_byte_timeout=0.05, connections=4))
        for _ in range(3):
            results = await asyncio.gather(*(pool.send(POST) for _ in range(4)), return_exceptions=True)
            assert [type(result) for result in results] == [UpstreamTimeout] * 4
        assert pool._slots.free == 4
        await pool.close()


async def test_slots_survive_every_way_to_end(failing):
    """Whatever happens to requests, no slot is lost and none is made."""
    server, pool, _ = await failing(COUNTED)
    for cut in (None, 0, 5, 40, None):
        server.cut = cut
        tasks = [asyncio.create_task(body_of(pool, request)) for request in (GET, POST) * 20]
        for task in tasks[::3]:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert pool._slots.free + len(pool._connections) == UpstreamTuning().connections
    server.cut = None
    assert await body_of(pool, GET) == b"abcdef"
