"""Real handshakes, on the loop of production."""

import asyncio
import datetime as dt
import ssl
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.errors import CannotStart
from proxy.gateway.certificates import ServerCertificates, load_pair
from proxy.model.deployment import Tls
from support.authority import ENDS, Authority, make_key, write_key

NAMES = ("crm.contoso.com", "127.0.0.1")
RSA_ALONE = "ECDHE-RSA-AES128-GCM-SHA256"
ECDSA_ALONE = "ECDHE-ECDSA-AES128-GCM-SHA256"
# A server on uvloop cuts a handshake that it refuses; its alert may be lost with it.
REFUSED = (ssl.SSLError, ConnectionError)


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def issue(authority):
    """`issue(**what)`: a pair of files for NAMES, as `listen.tls` is read."""
    return lambda **what: Tls(**authority.issue(*NAMES, **what))


class Echo(asyncio.Protocol):
    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


@pytest.fixture
async def listening():
    """`await listening(certificates)`: the port of a listener with them."""
    servers = []

    async def start(certificates: ServerCertificates) -> int:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, ssl=certificates.context)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()


async def connect(port: int, context: ssl.SSLContext, name: str = NAMES[0]):
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)


async def shake(port: int, context: ssl.SSLContext, name: str = NAMES[0]) -> tuple[x509.Certificate, ssl.SSLObject]:
    """The certificate that a client is shown, and what it agreed on."""
    reader, writer = await connect(port, context, name)
    writer.write(b"?")
    assert await reader.read(1) == b"?"
    agreed = writer.get_extra_info("ssl_object")
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(agreed.getpeercert(binary_form=True)), agreed


def limited(context: ssl.SSLContext, version: ssl.TLSVersion, suites: str = "") -> ssl.SSLContext:
    """The client's context with this version of TLS alone, and with these suites alone of 1.2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    if suites:
        context.set_ciphers(suites)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
async def test_tls_1_2_and_1_3_are_spoken_with_either_kind_of_key(issue, authority, listening, version, kind):
    port = await listening(ServerCertificates(issue(kind=kind)))
    _, agreed = await shake(port, limited(authority.trust, version))
    assert agreed.version() == version.name.replace("_", ".")


async def test_tls_1_1_is_not(issue, authority, listening):
    port = await listening(ServerCertificates(issue()))
    # OpenSSL's own security level would stop this client before the server does.
    lax = "ALL:@SECLEVEL=0"
    with pytest.raises(REFUSED):
        await shake(port, limited(authority.trust, ssl.TLSVersion.TLSv1_1, lax))
    await shake(port, limited(authority.trust, ssl.TLSVersion.TLSv1_2, lax))


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"])
async def test_a_suite_without_forward_secrecy_or_authenticated_encryption_is_refused(
    issue, authority, listening, suite
):
    port = await listening(ServerCertificates(issue(kind="rsa")))
    with pytest.raises(REFUSED):
        await shake(port, limited(authority.trust, ssl.TLSVersion.TLSv1_2, suite))
    await shake(port, limited(authority.trust, ssl.TLSVersion.TLSv1_2, RSA_ALONE))


async def test_the_client_chooses_among_the_good_suites(issue, authority, listening):
    port = await listening(ServerCertificates(issue(kind="rsa")))
    for first, other in (("CHACHA20-POLY1305", "AES256-GCM-SHA384"), ("AES256-GCM-SHA384", "CHACHA20-POLY1305")):
        context = limited(authority.trust, ssl.TLSVersion.TLSv1_2, f"ECDHE-RSA-{first}:ECDHE-RSA-{other}")
        _, agreed = await shake(port, context)
        assert agreed.cipher()[0] == f"ECDHE-RSA-{first}"


async def test_http_1_1_is_agreed_on_where_a_client_offers_more(issue, authority, listening):
    port = await listening(ServerCertificates(issue()))
    context = authority.trust
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, agreed = await shake(port, context)
    assert agreed.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", NAMES)  # a client sends no server name for an address
async def test_another_pair_is_shown_from_the_next_handshake_on(issue, authority, listening, version, name):
    certificates = ServerCertificates(issue(kind="rsa", called="first"))
    port = await listening(certificates)
    before, _ = await shake(port, limited(authority.trust, version), name)
    reader, writer = await connect(port, authority.trust)
    certificates.reload(issue(kind="ecdsa", called="second"))
    after, _ = await shake(port, limited(authority.trust, version), name)
    assert before.serial_number != after.serial_number
    assert isinstance(after.public_key(), ec.EllipticCurvePublicKey)
    writer.write(b"still there")
    assert await reader.read(100) == b"still there"
    writer.close()


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_is_left_of_the_earlier_pair(issue, authority, listening, name):
    certificates = ServerCertificates(issue(kind="rsa", called="first"))
    port = await listening(certificates)
    with_rsa, with_ecdsa = (
        limited(authority.trust, ssl.TLSVersion.TLSv1_2, suite) for suite in (RSA_ALONE, ECDSA_ALONE)
    )
    await shake(port, with_rsa, name)
    with pytest.raises(REFUSED):
        await shake(port, with_ecdsa, name)
    certificates.reload(issue(kind="ecdsa", called="second"))
    await shake(port, with_ecdsa, name)
    with pytest.raises(REFUSED):
        await shake(port, with_rsa, name)


async def test_when_the_certificate_ends_is_known(issue):
    certificates = ServerCertificates(issue())
    assert certificates.expires_at == ENDS.timestamp()
    sooner = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    certificates.reload(issue(ends=sooner, called="sooner"))
    assert certificates.expires_at == sooner.timestamp()


def missing(tls: Tls) -> None:
    Path(tls.certificate).unlink()


def unreadable(tls: Tls) -> None:
    Path(tls.key).unlink()
    Path(tls.key).mkdir()


def no_certificate(tls: Tls) -> None:
    Path(tls.certificate).write_bytes(Path(tls.key).read_bytes())


def half_a_certificate(tls: Tls) -> None:
    pem = Path(tls.certificate).read_bytes()
    Path(tls.certificate).write_bytes(pem[: len(pem) // 2])


def no_key(tls: Tls) -> None:
    Path(tls.key).write_bytes(Path(tls.certificate).read_bytes())


def encrypted(tls: Tls) -> None:
    write_key(Path(tls.key), make_key(), b"hunter2")


def of_another(tls: Tls) -> None:
    write_key(Path(tls.key), make_key())


def of_another_kind(tls: Tls) -> None:
    write_key(Path(tls.key), make_key("rsa"))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (missing, r"listen\.tls\.certificate: .*second\.crt cannot be read: No such file.*; name a file"),
        (unreadable, r"listen\.tls\.key: .*second\.key cannot be read: Is a directory; name a file"),
        (no_certificate, r"listen\.tls\.certificate: .*second\.crt holds no certificate; name a PEM file"),
        (half_a_certificate, r"listen\.tls\.certificate: .*second\.crt holds no certificate; name a PEM file"),
        (no_key, r"listen\.tls\.key: .*second\.key holds no private key; name a PEM file"),
        (encrypted, r"listen\.tls\.key: .*second\.key is encrypted; name .* that has no password"),
        (of_another, r"listen\.tls\.key: .*second\.key is not the key of .*second\.crt; name the two"),
        (of_another_kind, r"listen\.tls\.key: .*second\.key is not the key of .*second\.crt; name the two"),
    ],
)
async def test_a_pair_that_cannot_be_used_changes_nothing_and_is_told_of(issue, authority, listening, spoil, says):
    certificates = ServerCertificates(issue(called="first"))
    port = await listening(certificates)
    before, _ = await shake(port, authority.trust)
    second = issue(called="second")
    spoil(second)
    for refuse in (certificates.reload, ServerCertificates, load_pair):
        with pytest.raises(CannotStart, match=says):
            refuse(second)
    after, _ = await shake(port, authority.trust)
    assert after.serial_number == before.serial_number
    assert certificates.expires_at == ENDS.timestamp()


async def test_the_same_pair_unspoilt_is_taken(issue, authority, listening):
    certificates = ServerCertificates(issue(called="first"))
    port = await listening(certificates)
    before, _ = await shake(port, authority.trust)
    certificates.reload(issue(called="second"))
    after, _ = await shake(port, authority.trust)
    assert after.serial_number != before.serial_number


async def test_a_chain_is_sent_whole(issue, authority, listening):
    port = await listening(ServerCertificates(issue(chain=True)))
    _, agreed = await shake(port, authority.trust)
    assert len(agreed._sslobj.get_unverified_chain()) == 2


def test_a_key_below_openssl_s_security_level_is_refused_in_words(issue):
    with pytest.raises(CannotStart, match=r"tls\.crt cannot be used with .*tls\.key: .*KEY_TOO_SMALL"):
        load_pair(issue(kind="short"))
