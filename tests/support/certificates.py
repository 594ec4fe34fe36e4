"""Self-signed certificates for listeners of tests."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


def make_certificate(folder: Path, *hosts: str) -> dict[str, str]:
    """A certificate for 127.0.0.1 and these names, and its key, as `listen.tls` names them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, hosts)]
    began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, SHA256())
    )
    files = {"certificate": folder / "tls.crt", "key": folder / "tls.key"}
    files["certificate"].write_bytes(certificate.public_bytes(Encoding.PEM))
    files["key"].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {name: str(path) for name, path in files.items()}


@dataclass(frozen=True)
class DecryptionFile:
    """`path`: a PEM file with key and certificate, as `decryption_keys` names it. `certificate`: DER."""

    path: str
    certificate: bytes
    pem: str
    public_key: str


@cache
def _encryption_pair() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65537, 2048)
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "claims-proxy encryption")])
    began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder(issuer, issuer, key.public_key(), x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + dt.timedelta(days=36500))
        .sign(key, SHA256())
    )
    return key, certificate


def encryption_files() -> tuple[bytes, bytes]:
    """(key and certificate in PEM, the certificate in DER) of that pair."""
    key, certificate = _encryption_pair()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM), certificate.public_bytes(Encoding.DER)


def write_decryption_key(folder: Path, name: str = "decryption") -> DecryptionFile:
    """One pair for all tests of a process: making one takes longer than most of them."""
    key, certificate = _encryption_pair()
    pem = certificate.public_bytes(Encoding.PEM)
    path = folder / f"{name}.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem)
    public_key = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return DecryptionFile(str(path), certificate.public_bytes(Encoding.DER), pem.decode(), public_key.decode())
