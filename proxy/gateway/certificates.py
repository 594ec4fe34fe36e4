"""The listener's certificate, and taking another one while connections are open.

OpenSSL keeps one pair per kind of key in a context, so an ECDSA pair loaded after an RSA pair would leave the RSA pair
in use. Each pair therefore has a context of its own, and the listener's context, which has none, hands every handshake
to the one in force. Connections that are open keep what they began with.

TLS 1.2 and 1.3; the suites are Mozilla's «intermediate» without finite-field Diffie-Hellman, which needs parameters.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import (
    Certificate,
    DNSName,
    ExtensionNotFound,
    IPAddress,
    SubjectAlternativeName,
    load_pem_x509_certificates,
)

from proxy.errors import CannotStart
from proxy.model.deployment import Tls
from proxy.model.time import Instant

_SUITES_OF_TLS_1_2 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
_OF_A_CHAIN = "name a PEM file with the server's certificate first and its chain behind it"
_OF_A_KEY = "name a PEM file with a private key that has no password"


@dataclass(frozen=True, slots=True)
class LoadedPair:
    """A certificate with its key, ready for handshakes. `expires_at`: its own end, not its chain's. `names`: hosts."""

    context: ssl.SSLContext
    expires_at: Instant
    valid_from: Instant = 0.0
    names: tuple[str, ...] = ()

    def is_for(self, host: str) -> bool:
        """Whether it names this host; `*.contoso.com` stands for one label (RFC 6125, 6.4.3)."""
        wildcard = f"*.{host.partition('.')[2]}"
        return any(name.lower() in (host, wildcard) for name in self.names)


class ServerCertificates:
    """`context` is the listener's, for its whole life; which pair it shows can change.

    Raises CannotStart, as `load_pair` does.
    """

    def __init__(self, tls: Tls) -> None:
        self._pair = load_pair(tls)
        self.context = _context()
        self.context.sni_callback = self._choose

    @property
    def expires_at(self) -> Instant:
        """When the certificate in force ends."""
        return self._pair.expires_at

    def reload(self, tls: Tls) -> None:
        """Show the pair of these files from the next handshake on.

        Raises CannotStart where it cannot be used; the pair in force stays then.
        """
        self.use(load_pair(tls))

    def use(self, pair: LoadedPair) -> None:
        """Show this pair from the next handshake on. Neither waits nor fails."""
        self._pair = pair

    def _choose(
        self,
        handshake: ssl.SSLObject | ssl.SSLSocket,
        _server_name: str | None,
        _context: ssl.SSLContext,
    ) -> None:
        """OpenSSL calls this in every handshake, whether the client names a server or not."""
        handshake.context = self._pair.context


def load_pair(tls: Tls) -> LoadedPair:
    """Read the files and see that they belong together. Reads the disk, so call it in a thread while serving.

    Raises CannotStart, which names the file, what is wrong with it and what would be right.
    """
    certificate, key = _read("certificate", tls.certificate), _read("key", tls.key)
    try:
        leaf = load_pem_x509_certificates(certificate)[0]
    except ValueError as error:
        raise _unusable("certificate", tls.certificate, "holds no certificate", _OF_A_CHAIN) from error
    if _public_key_of(leaf) != _public_key_in(key, tls.key):
        raise _unusable("key", tls.key, f"is not the key of {tls.certificate}", "name the two of one certificate")
    context = _context()
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except (OSError, ValueError) as error:
        # A pair that was replaced since it was read, or one that OpenSSL's security level rules out.
        raise _unusable(
            "certificate", tls.certificate, f"cannot be used with {tls.key}: {error}", _OF_A_CHAIN
        ) from error
    ends, begins = leaf.not_valid_after_utc.timestamp(), leaf.not_valid_before_utc.timestamp()
    return LoadedPair(context, ends, begins, _names_of(leaf))


def _names_of(leaf: Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(SubjectAlternativeName).value
    except (ExtensionNotFound, ValueError):
        return ()
    addresses = (str(each) for each in names.get_values_for_type(IPAddress))
    return (*names.get_values_for_type(DNSName), *addresses)


def _unusable(key: str, path: str, wrong: str, right: str) -> CannotStart:
    return CannotStart(f"listen.tls.{key}: {path} {wrong}; {right}")


def _read(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        raise _unusable(key, path, wrong, "name a file that this user can read") from error


def _public_key_of(leaf: Certificate) -> bytes:
    return leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public_key_in(key: bytes, path: str) -> bytes:
    try:
        # Whether it fits the certificate is what matters, and is seen to; checking its primes takes long.
        private = load_pem_private_key(key, None, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:
        raise _unusable("key", path, "is encrypted", _OF_A_KEY) from error
    except ValueError as error:
        raise _unusable("key", path, "holds no private key", _OF_A_KEY) from error
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _no_password() -> str:
    # Without this OpenSSL would ask at the terminal, and the proxy would wait there.
    raise ValueError("the key is encrypted")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(_SUITES_OF_TLS_1_2))
    # A telephone without AES in hardware asks for ChaCha20 first, and knows why.
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    return context
