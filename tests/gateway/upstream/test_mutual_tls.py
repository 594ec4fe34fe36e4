"""An application that wants to know who we are, and one whose certificate names it otherwise than its address does."""

import asyncio
import contextlib
import socket
import ssl
from types import SimpleNamespace

import pytest

from proxy.app.trust import Trust
from proxy.errors import UpstreamError, UpstreamUnreachable
from proxy.gateway.upstream import UpstreamPool, parse_address
from proxy.model.deployment import UpstreamTuning
from proxy.model.organization import UpstreamTls
from support.authority import Authority

NAME = "crm-01.internal"


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    """One request, or the alert that OpenSSL sends in its place: asyncio's servers are silent then."""
    raw, _ = listener.accept()
    with raw, contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as wrapped:
        wrapped.recv(65536)
        wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        wrapped.recv(1)


@pytest.fixture
async def crm(authority):
    """`await crm(mutual=…)`: an https server whose certificate is for NAME; with the names it was asked for."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*, mutual: bool = False, version=ssl.TLSVersion.TLSv1_3):
            files = authority.issue(NAME, called="crm")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.maximum_version = version
            context.load_cert_chain(files["certificate"], files["key"])
            if mutual:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(authority.file)
            names = []
            context.sni_callback = lambda _socket, name, _context: names.append(name)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            serving = asyncio.ensure_future(asyncio.to_thread(serve, listener, context))
            stack.push_async_callback(asyncio.wait_for, serving, 5)
            return SimpleNamespace(url=f"https://127.0.0.1:{listener.getsockname()[1]}", names=names)

        yield start


@pytest.fixture
async def send(authority, request_of, read_all):
    """`await send(server, …)`: what it answers to one request of a pool with these `upstream_tls`."""

    async def send(server, **tls):
        named = UpstreamTls(**tls) if tls else None
        address = parse_address(server.url, Trust().towards(authority.file, named), tls.get("server_name"))
        pool = UpstreamPool(address, UpstreamTuning())
        try:
            return await read_all(await pool.send(request_of()))
        finally:
            await pool.close()

    return send


async def test_the_certificate_s_name_may_be_another_than_the_address(crm, send):
    server = await crm()
    assert await send(server, server_name=NAME) == b"ok"
    assert server.names == [NAME]


async def test_without_it_the_address_must_be_in_the_certificate_and_the_error_says_where_to_write_it(crm, send):
    with pytest.raises(UpstreamUnreachable, match=r"upstream_tls\.server_name"):
        await send(await crm())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_an_application_that_asks_for_our_certificate_gets_it(crm, send, authority, version):
    files = authority.issue("proxy.contoso.com", called="client")
    assert await send(await crm(mutual=True, version=version), server_name=NAME, **files) == b"ok"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_without_one_the_error_says_what_it_asks_for(crm, send, version):
    with pytest.raises(UpstreamError, match=r"it refuses us: .*upstream_tls\.certificate and \.key"):
        await send(await crm(mutual=True, version=version), server_name=NAME)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_one_of_another_authority_is_refused_likewise(crm, send, tmp_path, version):
    (tmp_path / "other").mkdir()
    files = Authority(tmp_path / "other", "Another").issue("proxy.contoso.com", called="client")
    with pytest.raises(UpstreamError, match=r"it refuses us: .*upstream_tls\.certificate and \.key"):
        await send(await crm(mutual=True, version=version), server_name=NAME, **files)
