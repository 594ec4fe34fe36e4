"""The way without coroutines, as a fast lane uses it: lend, begin, and a receiver that is told."""

import asyncio

import pytest

from proxy.errors import UpstreamBroken
from proxy.gateway.upstream import RequestHead
from proxy.gateway.upstream.answer import AnswerHead, AnswerReader, Framing


class Told:
    """Notes what it is told and says when it is over."""

    def __init__(self) -> None:
        self.heard, self.over = [], asyncio.Event()

    def interim(self, status, _headers):
        self.heard.append(("interim", status))

    def start(self, head):
        self.heard.append(("start", head.status))

    def data(self, piece):
        self.heard.append(("data", piece))

    def end(self, trailers):
        self.heard.append(("end", trailers))
        self.over.set()

    def answered(self, head, body):
        self.start(head)
        if body:
            self.data(body)
        self.end(())

    def switched(self, head, _stream):
        self.heard.append(("switched", head.status))
        self.over.set()

    def broken(self, error):
        self.heard.append(("broken", type(error)))
        self.over.set()


HEAD = RequestHead(b"GET / HTTP/1.1\r\nHost: crm\r\n\r\n", retryable=True)


@pytest.fixture
async def lent(scripted, pool_for, request_of, read_all):
    """`await lent(answers)`: a pool whose one connection has served a request and gives these bytes next."""

    async def start(answer):
        async def script(wire):
            await wire.head()
            wire.answer()
            await wire.head()
            wire.send(answer)
            if not answer.endswith(b"cut"):
                await wire.gone()

        pool = pool_for(await scripted(script))
        await read_all(await pool.send(request_of()))
        return pool

    return start


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (
            b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            [("interim", 103), ("start", 200), ("data", b"ok"), ("end", ())],
        ),
        (b"HTTP/1.1 304 N\r\n\r\n", [("start", 304), ("end", ())]),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut",
            [("start", 200), ("data", b"cut"), ("broken", UpstreamBroken)],
        ),
        (b"nonsense", [("broken", UpstreamBroken)]),
    ],
)
async def test_a_receiver_is_told_in_order_and_once_of_the_end(answer, heard, lent):
    pool = await lent(answer)
    told = Told()
    pool.lend(retryable=True).begin(HEAD, told)
    await told.over.wait()
    assert told.heard == heard


async def test_the_connection_is_free_before_the_receiver_hears_of_the_end(lent):
    pool = await lent(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    told = Told()
    free = []
    told.end = lambda _trailers: (free.append(len(pool._idle)), told.over.set())
    pool.lend(retryable=True).begin(HEAD, told)
    await told.over.wait()
    assert free == [1]


@pytest.mark.parametrize("told_by", ["end", "answered"])
async def test_a_connection_that_is_free_is_held_back_by_nobody(lent, told_by, monkeypatch):
    pool = await lent(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    connection, told = pool.lend(retryable=True), Told()
    monkeypatch.setattr(AnswerReader, "known", known_answer if told_by == "answered" else lambda *_: None)
    setattr(told, told_by, lambda *_: (connection.pause(), told.over.set()))
    connection.begin(HEAD, told)
    await told.over.wait()
    assert (pool._idle, connection._paused) == ([connection], False)
    assert connection._transport.is_reading()


def known_answer(reader, _data):
    reader.head = AnswerHead((1, 1), 200, b"OK", (), Framing.LENGTH, 0, keep_alive=True, authenticates=False)
    return reader.head, b""


async def test_a_receiver_that_gave_up_hears_nothing_more(lent, until):
    pool = await lent(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nokok")
    told = Told()
    connection = pool.lend(retryable=True)
    told.start = lambda head: (told.heard.append(("start", head.status)), connection.abort())
    connection.begin(HEAD, told)
    await until(lambda: connection.closed)
    await pool.close()
    assert told.heard == [("start", 200)]


async def test_a_closed_or_busy_connection_takes_no_request(lent):
    pool = await lent(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
    connection = pool.lend(retryable=True)
    assert pool.lend(retryable=True) is None
    connection.begin(HEAD, Told())
    with pytest.raises(UpstreamBroken):
        connection.begin(HEAD, Told())
    connection.abort()
    with pytest.raises(UpstreamBroken, match="before anything was sent"):
        connection.begin(HEAD, Told())
