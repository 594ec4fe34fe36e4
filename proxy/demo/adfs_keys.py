"""Token-signing certificates of the AD FS double, published and rolled over as AD FS does it."""

import asyncio
import base64
import datetime as dt
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from proxy.model.time import Instant


def base64url(data: bytes) -> str:
    """Base64url without padding, as JOSE writes it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair with its self-signed certificate (DER). `x5t` is the certificate's thumbprint, and AD FS's `kid`."""

    private: rsa.RSAPrivateKey
    certificate: bytes
    x5t: str

    def jwk(self) -> dict[str, object]:
        """The public half, in the shape of AD FS's `/adfs/discovery/keys`."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.x5t,
            "x5t": self.x5t,
            "n": base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": base64url(numbers.e.to_bytes(3, "big")),
            "x5c": [base64.b64encode(self.certificate).decode()],
        }


def make_signing_key(now: Instant, name: str = "ADFS Signing - 127.0.0.1") -> SigningKey:
    """A 2048-bit key and a certificate of one year from `now`. Takes some 100 ms: call it in a thread."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime.fromtimestamp(now, dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=365))
        .sign(private, hashes.SHA256())
    )
    # RFC 7515, section 4.1.7: `x5t` is defined as the SHA-1 thumbprint; it names the certificate and proves nothing.
    thumbprint = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - as above
    return SigningKey(private, certificate.public_bytes(serialization.Encoding.DER), base64url(thumbprint))


class KeyRing:
    """The certificates: one signs, others are published beside it.

    AutoCertificateRollover publishes the next certificate first and promotes it days later; `publish_next` and
    `promote` are those two steps. The one that signed before stays published.
    """

    def __init__(self, signing: SigningKey | None = None) -> None:
        self._signing = signing
        self._next: SigningKey | None = None
        self._previous: SigningKey | None = None

    async def start(self, now: Instant) -> None:
        """Makes the first certificate, unless one was given."""
        if self._signing is None:
            self._signing = await asyncio.to_thread(make_signing_key, now)

    @property
    def signing(self) -> SigningKey:
        """The key that signs now. Raises RuntimeError before `start`."""
        if self._signing is None:
            raise RuntimeError("the key ring has not been started")
        return self._signing

    @property
    def published(self) -> tuple[SigningKey, ...]:
        """All keys that discovery shows, the signing one first."""
        return tuple(key for key in (self._signing, self._next, self._previous) if key is not None)

    async def publish_next(self, now: Instant) -> SigningKey:
        """Makes the next certificate, unless there is one, and publishes it."""
        if self._next is None:
            self._next = await asyncio.to_thread(make_signing_key, now)
        return self._next

    async def promote(self, now: Instant) -> None:
        """The next certificate signs from here on; without one published, one is made (the emergency rollover)."""
        following = await self.publish_next(now)
        self._previous, self._signing, self._next = self._signing, following, None
