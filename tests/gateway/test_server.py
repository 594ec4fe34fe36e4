"""A stop, seen from each client: whoever sent a request gets an answer, whoever sent none is told at once."""

import asyncio
import os
import socket
import ssl

import pytest
from structlog.testing import capture_logs

from proxy.edge.server import serve
from proxy.gateway import connection, server
from proxy.gateway.certificates import ServerCertificates
from proxy.model.deployment import Tls
from support.certificates import make_certificate
from support.patience import HANG, until
from support.raw_http import RawClient, ok

LAST_REQUEST = 0.02


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(connection, "LAST_REQUEST_SECONDS", LAST_REQUEST)


@pytest.fixture
def patient(monkeypatch):
    """A client may take its time to connect and to send its last request."""
    for module in (connection, server):
        monkeypatch.setattr(module, "LAST_REQUEST_SECONDS", HANG)


@pytest.fixture
async def site(stage, ask):
    """(stage, the bytes of a request of alice's)."""
    made = await stage()
    return made, ask(b"/", made.cookie)


def stopping(stage) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(stage.server.close(HANG))


async def stopped_listening(running) -> None:
    await until(lambda: not running._listener.is_serving())


async def test_a_client_that_waits_is_told_at_once_and_the_stop_takes_a_moment(site):
    stage, request = site
    client = await stage.connect()
    assert (await client.ask(request)).value("Connection") is None
    with capture_logs() as logs:
        await stopping(stage)
    assert await client.is_closed()
    assert "requests_cut" not in [line["event"] for line in logs]


async def test_the_next_request_of_a_connection_kept_alive_is_answered_as_the_last(site, patient):
    stage, request = site
    client = await stage.connect()
    await client.ask(request)
    stop = stopping(stage)
    await stopped_listening(stage.server)
    answer = await client.ask(request)
    assert (answer.status, answer.body, answer.value("Connection")) == (200, b"hello", b"close")
    assert await client.is_closed()
    await stop


@pytest.fixture
async def about_to_close(site):
    """(The served end of a connection whose time is up, its client, the client's own socket to use by hand)."""
    stage, request = site
    client = await stage.connect()
    await client.ask(request)
    (served,) = stage.server._connections.clients
    served.drain()
    served._quiet_since -= 10
    with socket.socket(fileno=os.dup(client.writer.get_extra_info("socket").fileno())) as by_hand:
        yield served, client, by_hand


async def test_a_request_that_lies_unread_in_the_socket_is_read_before_the_connection_closes(site, about_to_close):
    (_, request), (served, client, by_hand) = site, about_to_close
    by_hand.send(request)
    served._close_if_quiet()
    answer = await client.answer()
    assert (answer.status, answer.value("Connection")) == (200, b"close")


async def test_the_twin_that_sent_nothing_is_closed_there_and_then(about_to_close):
    served, _, by_hand = about_to_close
    served._close_if_quiet()
    assert by_hand.recv(1) == b""


async def test_a_head_that_has_begun_is_waited_for(site):
    stage, request = site
    client = await stage.connect()
    client.send(request[:20])
    await until(lambda: stage.server._connections.clients)
    stop = stopping(stage)
    await asyncio.sleep(LAST_REQUEST * 3)
    answer = await client.ask(request[20:])
    assert (answer.status, answer.value("Connection")) == (200, b"close")
    await stop


async def test_after_an_answer_whose_head_promised_more_one_more_request_is_answered(stage, ask, patient):
    go_on = asyncio.Event()

    async def answering(message, _reader, writer):
        if message.target == b"/slow":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            await go_on.wait()
            writer.write(b"hello")
        else:
            writer.write(ok())

    made = await stage()
    made.upstream.answering = answering
    client = await made.connect()
    client.send(ask(b"/slow", made.cookie))
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert b"Connection: close" not in head
    stop = stopping(made)
    await stopped_listening(made.server)
    go_on.set()
    assert await client.reader.readexactly(10) == b"hellohello"
    answer = await client.ask(ask(b"/", made.cookie))
    assert (answer.status, answer.value("Connection")) == (200, b"close")
    await stop


async def test_who_is_connected_and_not_yet_accepted_is_answered_too(site, patient):
    """What the kernel has taken in would be reset when the port closes."""
    stage, request = site
    raw = socket.create_connection(("127.0.0.1", stage.port))
    raw.send(request)
    stage.server._stop_listening()  # before the event loop looks at its sockets
    stop = stopping(stage)
    client = RawClient(*await asyncio.open_connection(sock=raw))
    answer = await client.answer()
    assert (answer.status, answer.value("Connection")) == (200, b"close")
    await stop
    await client.close()


async def test_nobody_connects_once_the_stop_has_begun(site):
    stage, _ = site
    stop = stopping(stage)
    await stopped_listening(stage.server)
    with pytest.raises(ConnectionRefusedError):
        await RawClient.connect(stage.port)
    await stop


async def test_an_answer_that_ends_with_its_connection_does_not_look_whole_when_it_is_cut(stage, ask):
    async def answering(_message, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nthe first half")
        await reader.read()

    made = await stage()
    made.upstream.answering = answering
    client = await made.connect()
    client.send(ask(b"/", made.cookie, version=b"HTTP/1.0"))
    await client.reader.readuntil(b"half")
    with capture_logs() as logs:
        await made.server.close(0.1)
    assert {"event": "requests_cut", "connections": 1, "log_level": "warning"} in logs
    with pytest.raises(ConnectionResetError):
        await client.reader.read()


def over_tls(request: bytes) -> bytes:
    return request.replace(b"claims-session", b"__Host-claims-session")


@pytest.fixture
async def safe(site, tmp_path, lane):
    """(A server over TLS, a client's TLS connection that has had an answer and is not read on its own)."""
    stage, request = site[0], over_tls(site[1])
    files = Tls(**make_certificate(tmp_path))
    server = await serve(stage.current, stage.streams, "127.0.0.1", 0, ServerCertificates(files).context, lane=lane)
    trust = ssl.create_default_context(cafile=files.certificate)

    def connect() -> ssl.SSLSocket:
        client = trust.wrap_socket(socket.create_connection(("127.0.0.1", server.port)), server_hostname="127.0.0.1")
        client.settimeout(HANG)
        return client

    client = await asyncio.to_thread(connect)
    try:
        client.send(request)
        assert (await asyncio.to_thread(client.recv, 4096)).startswith(b"HTTP/1.1 200")
        yield server, client
    finally:
        client.close()
        await server.close(0)


async def test_a_client_over_tls_that_sleeps_does_not_hold_up_the_stop(safe):
    """It does not answer the closing alert."""
    server, client = safe
    with capture_logs() as logs:
        await server.close(HANG)
    assert "requests_cut" not in [line["event"] for line in logs]
    assert await asyncio.to_thread(client.recv, 1) == b""


async def test_over_tls_too_the_next_request_is_answered_as_the_last(site, safe, patient):
    (_, request), (server, client) = site, safe
    stop = asyncio.get_running_loop().create_task(server.close(HANG))
    await stopped_listening(server)
    client.send(over_tls(request))
    assert b"Connection: close\r\n" in await asyncio.to_thread(client.recv, 4096)
    await asyncio.to_thread(client.unwrap)
    await stop


async def test_a_handshake_under_way_is_finished_and_its_request_answered(site, safe, patient):
    (_, request), (server, client) = site, safe
    raw = socket.create_connection(("127.0.0.1", server.port))
    await until(lambda: server._connections.awaits)
    stop = asyncio.get_running_loop().create_task(server.close(HANG))
    await stopped_listening(server)

    def ask() -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(raw) as late:
            late.send(over_tls(request))
            return late.recv(4096)

    assert b"Connection: close\r\n" in await asyncio.to_thread(ask)
    client.close()
    await stop
