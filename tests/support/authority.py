"""A certificate authority for tests: certificates of servers and clients, good ones and ones with one thing wrong."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

BEGAN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
ENDS = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)


_KEYS = {
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "short": lambda: rsa.generate_private_key(65537, 1024),
}


def make_key(kind: str = "ecdsa"):
    return _KEYS[kind]()


def write_key(path: Path, key, password: bytes | None = None) -> str:
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
    return str(path)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """`file`: its own certificate, PEM; `trust`: a client's context that trusts it and nobody else."""

    def __init__(self, folder: Path, name: str = "An authority of the tests") -> None:
        self._folder = folder
        self._key = make_key()
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = (
            self._builder(self._name, self._key.public_key(), ENDS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, SHA256())
        )
        self.file = str(folder / f"{name}.pem")
        Path(self.file).write_bytes(certificate.public_bytes(Encoding.PEM))

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.file)

    def issue(
        self, *names: str, kind: str = "ecdsa", ends: dt.datetime = ENDS, called: str = "tls", chain: bool = False
    ) -> dict[str, str]:
        """A certificate for these host names or addresses, and its key, as `listen.tls` names the files.

        `chain`: the authority's own certificate stands behind it.
        """
        key = make_key(kind)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        certificate = (
            self._builder(subject, key.public_key(), ends)
            .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
            .sign(self._key, SHA256())
        )
        path = self._folder / f"{called}.crt"
        behind = Path(self.file).read_bytes() if chain else b""
        path.write_bytes(certificate.public_bytes(Encoding.PEM) + behind)
        return {"certificate": str(path), "key": write_key(self._folder / f"{called}.key", key)}

    def _builder(self, subject: x509.Name, public_key, ends: dt.datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(self._name, subject, public_key, x509.random_serial_number())
            .not_valid_before(BEGAN)
            .not_valid_after(ends)
        )
