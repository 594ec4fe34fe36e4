"""Servers that do exactly what a test says, byte for byte, and pools that talk to them."""

import asyncio
import datetime as dt
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy.gateway.upstream import UpstreamPool, UpstreamRequest, parse_address
from proxy.model.deployment import UpstreamTuning
from support.patience import HANG

HOST = (b"Host", b"crm.contoso.com")


class Wire:
    """One accepted connection, in a script's hand. `number`: the how-manieth of its server, from 0."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader, self.writer, self.number = reader, writer, number

    async def head(self) -> bytes:
        """A request's head, the blank line included."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def chunked(self) -> bytes:
        """A chunked body as it stands on the wire."""
        return await self.reader.readuntil(b"0\r\n\r\n")

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def answer(self, body: bytes = b"ok", *fields: bytes) -> None:
        lines = [b"HTTP/1.1 200 OK", *fields, b"Content-Length: %d" % len(body)]
        self.send(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def reset(self) -> None:
        """RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> bytes:
        """Returns when the client closed: what it still sent."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""


Script = Callable[[Wire], Awaitable[None]]


class Scripted:
    """A server whose every connection runs `script` and is closed after it."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.accepted = 0
        self.errors: list[Exception] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self.tasks.add(task)
        wire = Wire(reader, writer, self.accepted)
        self.accepted += 1
        try:
            await self.script(wire)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away: what a script is about is asserted by its test
        except Exception as error:  # noqa: BLE001 - raised again when the test ends
            self.errors.append(error)
        finally:
            writer.close()
            self.tasks.discard(task)


@pytest.fixture
async def scripted():
    """`await scripted(script, ssl=None)`: a running `Scripted`."""
    running = []

    async def start(script: Script, **options) -> Scripted:
        server = Scripted(script)
        listener = await asyncio.start_server(server, "127.0.0.1", 0, **options)
        scheme = "https" if options.get("ssl") else "http"
        server.url = f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        running.append((server, listener))
        return server

    yield start
    for server, listener in running:
        listener.close()
        for task in list(server.tasks):
            task.cancel()
        await asyncio.gather(*server.tasks, return_exceptions=True)
        assert server.errors == []


@pytest.fixture
async def pool_for():
    """`pool_for(server, **tuning)`: a pool towards it, closed at the end."""
    pools = []

    def make(server, context=None, **tuning) -> UpstreamPool:
        url = server if isinstance(server, str) else server.url
        pool = UpstreamPool(parse_address(url, context), UpstreamTuning(**tuning))
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        await pool.close()


@pytest.fixture
def request_of():
    """`request_of(b"GET", b"/", *fields, **framing)`: a request with a Host and these fields."""

    def make(method: bytes = b"GET", target: bytes = b"/", *fields, **framing) -> UpstreamRequest:
        return UpstreamRequest(method, target, (HOST, *fields), **framing)

    return make


@pytest.fixture
def read_all():
    """All of an answer's body."""

    async def read(response) -> bytes:
        return b"".join([piece async for piece in response.chunks()])

    return read


@pytest.fixture
def until():
    """`await until(condition)`: lets the loop turn until the code under test has come that far."""

    async def wait(condition) -> None:
        async with asyncio.timeout(HANG):
            while not condition():  # noqa: ASYNC110 - the condition raises no event
                await asyncio.sleep(0)

    return wait


class Certified:
    """A certificate for `localhost` and what trusts it."""

    def __init__(self, folder) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=36500))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.chain = folder / "both.pem"
        self.chain.write_bytes(secret + pem)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.chain)
        self.client = ssl.create_default_context(cadata=pem.decode())


@pytest.fixture(scope="session")
def certified(tmp_path_factory) -> Certified:
    return Certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def tls_silence(scripted, certified):
    """A server that accepts and never says a word of TLS, with its address and whom to trust."""

    async def script(wire):
        await wire.gone()

    server = await scripted(script)
    server.url = server.url.replace("http://", "https://")
    server.context = certified.client
    return server
