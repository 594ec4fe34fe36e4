"""WebSockets that end by our doing: the frame under way is finished, the close frame says why, the rest is orderly."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from proxy.gateway import websocket
from proxy.gateway.websocket import FrameTracker, close_frame
from proxy.model.session import EndReason
from support.patience import HANG, until

UPGRADE = (
    b"Origin: http://crm.contoso.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
GOING_AWAY = close_frame(1001, "stopping")


def text(payload: bytes) -> bytes:
    """A server's text frame of up to 125 bytes."""
    return bytes((0x81, len(payload))) + payload


def masked(frame: bytes) -> bytes:
    """A client's frame from a server's; under a mask of zeros the payload stays readable."""
    return bytes((frame[0], frame[1] | 0x80)) + bytes(4) + frame[2:]


class Application:
    """The upstream's end of one WebSocket: `got` from the client, `ended` once its connection has ended."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.ended, self.opened = asyncio.Event(), asyncio.Event()
        self.may_open = asyncio.Event()
        self.may_open.set()

    async def __call__(self, _message, reader, writer) -> bool:
        await self.may_open.wait()
        writer.write(SWITCHING)
        self.writer = writer
        self.opened.set()
        while data := await reader.read(65536):
            self.got += data
        self.ended.set()
        return False


@pytest.fixture
def application():
    return Application()


@pytest.fixture
async def opened(stage, application, ask):
    """A stage, and a client with an open WebSocket."""
    made = await stage()
    made.upstream.answering = application
    client = await made.connect()
    client.send(ask(b"/live", made.cookie, UPGRADE))
    assert b" 101 " in await client.reader.readuntil(b"\r\n\r\n")
    await application.opened.wait()
    return made, client


def stopping(stage) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(stage.server.close(HANG))


async def test_at_a_stop_the_client_hears_1001_and_its_own_close_reaches_the_application(opened, application):
    stage, client = opened
    stop = stopping(stage)
    assert await client.reader.readexactly(len(GOING_AWAY)) == GOING_AWAY
    client.send(masked(text(b"one last word")) + masked(GOING_AWAY))
    assert await client.is_closed()
    await application.ended.wait()
    assert bytes(application.got) == masked(text(b"one last word")) + masked(GOING_AWAY)
    await stop


async def test_a_frame_under_way_to_the_client_is_finished_before_the_close_frame(opened, application):
    stage, client = opened
    application.writer.write(text(b"half and half")[:7])
    assert await client.reader.readexactly(7) == text(b"half and half")[:7]
    stop = stopping(stage)
    await until(lambda: not stage.server._listener.is_serving())
    application.writer.write(text(b"half and half")[7:] + text(b"too late"))
    rest = text(b"half and half")[7:] + GOING_AWAY
    assert await client.reader.readexactly(len(rest)) == rest
    client.send(masked(GOING_AWAY))
    assert await client.is_closed()
    await stop


@pytest.fixture
def hasty(monkeypatch):
    """A close frame is waited for, and one under way, for a moment instead of two seconds."""
    monkeypatch.setattr(websocket, "_CLOSING_SECONDS", 0.05)


async def test_a_frame_that_does_not_end_is_cut(opened, application, hasty):
    stage, client = opened
    application.writer.write(text(b"half and half")[:7])
    await client.reader.readexactly(7)
    with capture_logs() as logs:
        await stopping(stage)
    assert await client.is_closed()
    assert "requests_cut" not in [line["event"] for line in logs]


async def test_a_client_that_does_not_answer_the_close_frame_is_cut(opened, hasty):
    stage, client = opened
    with capture_logs() as logs:
        await stopping(stage)
    assert await client.reader.readexactly(len(GOING_AWAY)) == GOING_AWAY
    assert "requests_cut" not in [line["event"] for line in logs]


async def test_no_second_close_frame_follows_that_of_the_application(opened, application):
    stage, client = opened
    application.writer.write(close_frame(1000, ""))
    assert await client.reader.readexactly(4) == close_frame(1000, "")
    stop = stopping(stage)
    client.send(masked(close_frame(1000, "")))
    assert await client.is_closed()
    await stop


async def test_one_that_opens_while_the_proxy_stops_hears_1001_at_once(stage, application, ask):
    made = await stage()
    made.upstream.answering = application
    application.may_open.clear()
    client = await made.connect()
    client.send(ask(b"/live", made.cookie, UPGRADE))
    await until(lambda: made.upstream.requests)
    stop = stopping(made)
    await until(lambda: not made.server._listener.is_serving())
    application.may_open.set()
    assert b" 101 " in await client.reader.readuntil(b"\r\n\r\n")
    assert await client.reader.readexactly(len(GOING_AWAY)) == GOING_AWAY
    client.send(masked(GOING_AWAY))
    assert await client.is_closed()
    await stop


async def test_nothing_of_a_client_whose_session_ended_reaches_the_application(opened, application):
    stage, client = opened
    stage.sessions.tell(stage.session, EndReason.SIGNED_OUT)
    client.send(masked(text(b"after the end")))
    said = close_frame(1008, "session_ended")
    assert await client.reader.readexactly(len(said)) == said
    assert await client.is_closed()
    await application.ended.wait()
    assert bytes(application.got) == b""


FRAMES = st.lists(st.tuples(st.sampled_from([0x81, 0x02, 0x89]), st.binary(max_size=300), st.booleans()), max_size=6)


def encode(opcode: int, payload: bytes, with_mask: bool) -> bytes:
    mask = 0x80 if with_mask else 0
    if len(payload) < 126:
        head = bytes((opcode, mask | len(payload)))
    else:
        head = bytes((opcode, mask | 126)) + len(payload).to_bytes(2, "big")
    return head + bytes(4 if with_mask else 0) + payload


@given(FRAMES, st.integers(min_value=0, max_value=2000), st.booleans())
def test_wherever_a_stream_is_cut_its_frame_ends_where_it_ends(frames, position, ends_with_close):
    encoded = [encode(*frame) for frame in frames] + [encode(0x88, b"\x03\xe9", with_mask=True)] * ends_with_close
    whole = b"".join(encoded)
    position = min(position, len(whole))
    boundaries = [sum(map(len, encoded[:count])) for count in range(len(encoded) + 1)]
    tracker = FrameTracker()
    tracker.feed(whole[:position])
    assert tracker.at_boundary == (position in boundaries)
    taken = tracker.finish(whole[position:])
    assert position + taken == next(each for each in boundaries if each >= position)
    tracker.feed(whole[position + taken :])
    assert tracker.at_boundary
    assert tracker.closed == ends_with_close
