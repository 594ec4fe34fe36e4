import ssl

import pytest

from proxy.errors import UpstreamBroken, UpstreamUnreachable

CLOSE = b"HTTP/1.1 200 OK\r\n\r\nall of it"


@pytest.fixture
async def secure(scripted, certified):
    """`await secure(script)`: an https server named `localhost`; with the server names it was asked for."""

    async def start(script):
        names = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certified.chain)
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        server = await scripted(script, ssl=context)
        server.names = names
        server.url = server.url.replace("127.0.0.1", "localhost")
        return server

    return start


async def ok(wire):
    while await wire.head():
        wire.answer()


async def test_the_certificate_is_verified_and_named(secure, certified, pool_for, request_of, read_all):
    server = await secure(ok)
    pool = pool_for(server, certified.client)
    for body in (None, b"x"):
        assert await read_all(await pool.send(request_of(b"POST"), body)) == b"ok"
    assert server.names == ["localhost"]
    assert server.accepted == 1


async def test_a_stranger_s_certificate_is_refused(secure, pool_for, request_of):
    pool = pool_for(await secure(ok), ssl.create_default_context(), connections=1, queue=0)
    for _ in range(2):
        with pytest.raises(
            UpstreamUnreachable, match=r"self-signed certificate; add its authority to the file that ca_file names"
        ):
            await pool.send(request_of())


async def test_a_certificate_for_another_name_is_refused(secure, certified, pool_for, request_of):
    server = await secure(ok)
    pool = pool_for(server.url.replace("localhost", "127.0.0.1"), certified.client)
    with pytest.raises(UpstreamUnreachable, match=r"not valid for '127\.0\.0\.1'"):
        await pool.send(request_of())


async def test_a_body_without_length_ends_with_close_notify(secure, certified, pool_for, request_of, read_all):
    async def script(wire):
        await wire.head()
        wire.send(CLOSE)

    answer = await pool_for(await secure(script), certified.client).send(request_of())
    assert await read_all(answer) == b"all of it"


async def test_without_close_notify_such_a_body_was_cut(scripted, certified, pool_for, request_of):
    """The same bytes; somebody on the wire ends the connection instead of the server (RFC 9112, 9.8)."""

    async def script(wire):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = certified.server.wrap_bio(incoming, outgoing, server_side=True)

        async def until_done(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    wire.send(outgoing.read())
                    incoming.write(await wire.reader.read(65536))

        await until_done(tls.do_handshake)
        await until_done(lambda: tls.read(65536))
        tls.write(CLOSE)
        wire.send(outgoing.read())  # and the script's end sends FIN, but no close_notify

    server = await scripted(script)
    server.url = server.url.replace("http://127.0.0.1", "https://localhost")
    answer = await pool_for(server, certified.client).send(request_of())
    assert await answer.read() == b"all of it"
    with pytest.raises(UpstreamBroken):
        await answer.read()


async def test_a_tunnel_over_tls_ends_as_a_whole(secure, certified, pool_for, request_of):
    async def script(wire):
        await wire.head()
        wire.send(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
        assert await wire.gone() == b"bye"

    pool = pool_for(await secure(script), certified.client)
    stream = (await pool.send(request_of(upgrade=b"websocket"))).upgraded
    assert await stream.read() == b"first"
    stream.write(b"bye")
    stream.write_eof()
    await stream.wait_closed()
    assert await stream.read() == b""
