"""A provider's signing keys, as published in its JWKS (RFC 7517), less those that nobody should trust."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from proxy.errors import ProviderMisconfigured, TokenRefused
from proxy.tokens.roca import has_roca_weakness
from proxy.tokens.strict import decode_base64url

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

SHAPES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
        "ES256": "P-256",
        "ES384": "P-384",
        "ES512": "P-521",
        "EdDSA": "Ed25519",
    }
)
"""Every signature algorithm we know (RFC 7518, section 3.1; RFC 8037) and the shape of key it needs. All asymmetric."""

_CURVES: Mapping[str, tuple[ec.EllipticCurve, int]] = MappingProxyType(
    {"P-256": (ec.SECP256R1(), 32), "P-384": (ec.SECP384R1(), 48), "P-521": (ec.SECP521R1(), 66)}
)
_ED25519_BYTES = 32
_RSA_BITS = range(2048, 16384 + 1)  # NIST SP 800-131A asks for 2048; OpenSSL verifies no more than 16384
_RSA_EXPONENT_BITS = 32  # a longer public exponent serves nobody but one who wants each verification to be slow


class UnknownKey(TokenRefused):
    """No key of the set is the one that the token names. Its provider may have rolled over: fetch the keys anew."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("unknown_key", detail)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key to verify with.

    `shape`: RSA, P-256, P-384, P-521 or Ed25519. `algorithm`: the one that the key is meant for, where it says so.
    `thumbprints`: its `x5t` and `x5t#S256`.
    """

    public: PublicKey
    shape: str
    kid: str | None = None
    algorithm: str | None = None
    thumbprints: frozenset[str] = frozenset()

    def suits(self, algorithm: str) -> bool:
        """Whether this algorithm may be used with this key (RFC 7517, section 4.4; RFC 8725, section 3.1)."""
        return SHAPES.get(algorithm) == self.shape and self.algorithm in (None, algorithm)


@dataclass(frozen=True, slots=True)
class LeftOutKey:
    """A published key that is not used. `reason` is a stable snake_case word, `name` its kid or thumbprint."""

    name: str
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


class _Unfit(Exception):
    """Why one key is left out."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one provider. `left_out` says which of the published ones are not used, for the log."""

    keys: tuple[SigningKey, ...] = ()
    left_out: tuple[LeftOutKey, ...] = ()

    @classmethod
    def from_jwks(cls, document: Mapping[str, object]) -> Self:
        """Read a JWKS document. One bad key spoils none of the others.

        Raises ProviderMisconfigured where the document is no JWKS at all.
        """
        entries = document.get("keys")
        if not isinstance(entries, list):
            raise ProviderMisconfigured("the JWKS document has no list «keys»")
        # A key for encryption may share its kid with the signing key of the same certificate; it is no rival.
        signing = [entry for entry in entries if not (isinstance(entry, Mapping) and entry.get("use") == "enc")]
        kids = Counter(entry["kid"] for entry in signing if isinstance(entry, Mapping) and _is_text(entry.get("kid")))
        keys: list[SigningKey] = []
        left_out: list[LeftOutKey] = []
        for position, entry in enumerate(entries):
            try:
                keys.append(_signing_key(entry, kids))
            except _Unfit as unfit:
                left_out.append(LeftOutKey(_name(entry, position), unfit.reason, unfit.detail))
        return cls(tuple(keys), tuple(left_out))

    def find(self, header: Mapping[str, object], algorithm: str) -> SigningKey:
        """The key that a JWS header names by `kid`, `x5t` or `x5t#S256`; without a name, the only one that suits.

        AD FS 2016 publishes keys with `x5t` alone and may name them by `kid`, so a kid is looked for among the
        thumbprints too. Raises UnknownKey where there is none, TokenRefused where the choice is not one.
        """
        names = [header[member] for member in ("kid", "x5t", "x5t#S256") if member in header]
        for name in names:
            if not isinstance(name, str):
                raise TokenRefused("header", "a key is named by something that is no text")
        if not names:
            return self._only([key for key in self.keys if key.suits(algorithm)], "no key is named and")
        found = next(filter(None, (self._named(str(name)) for name in names)), [])
        key = self._only(found, f"the key {str(names[0])[:64]!r} is named and")
        if not key.suits(algorithm):
            raise TokenRefused("key_algorithm", f"the named key is for {key.algorithm or key.shape}")
        return key

    def _named(self, name: str) -> list[SigningKey]:
        by_kid = [key for key in self.keys if key.kid == name]
        return by_kid or [key for key in self.keys if name in key.thumbprints]

    def _only(self, found: list[SigningKey], what: str) -> SigningKey:
        if not found:
            raise UnknownKey(f"{what} none suits, of {len(self.keys)}")
        if len(found) > 1:
            raise TokenRefused("key_ambiguous", f"{what} {len(found)} suit")
        return found[0]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _name(entry: object, position: int) -> str:
    names = (
        [entry[member] for member in ("kid", "x5t") if _is_text(entry.get(member))]
        if isinstance(entry, Mapping)
        else []
    )
    return repr(names[0][:64]) if names else f"key {position + 1}"


def _signing_key(entry: object, kids: Counter[str]) -> SigningKey:
    if not isinstance(entry, Mapping):
        raise _Unfit("malformed", "not an object")
    kid, algorithm = entry.get("kid"), entry.get("alg")
    if not (kid is None or _is_text(kid)):
        raise _Unfit("malformed", "kid is no text")
    _check_purpose(entry)
    if kid is not None and kids[kid] > 1:
        raise _Unfit("duplicate", "several keys have this kid")
    shape, public = _public_key(entry)
    if algorithm is not None and (not _is_text(algorithm) or SHAPES.get(algorithm) != shape):
        raise _Unfit("algorithm", f"alg {str(algorithm)[:16]!r} does not go with a key of {shape}")
    thumbprints = frozenset(entry[member] for member in ("x5t", "x5t#S256") if _is_text(entry.get(member)))
    return SigningKey(public, shape, kid, algorithm, thumbprints)


def _check_purpose(entry: Mapping[str, object]) -> None:
    if entry.get("use", "sig") != "sig":
        raise _Unfit("use", "not for signatures")
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise _Unfit("key_ops", "not for verifying")
    if entry.get("kty") == "oct" or "k" in entry:
        raise _Unfit("symmetric", "a published secret is none")
    if "d" in entry:
        raise _Unfit("private", "the private key is published with it")


def _public_key(entry: Mapping[str, object]) -> tuple[str, PublicKey]:
    try:
        match entry.get("kty"), entry.get("crv"):
            case "RSA", _:
                return "RSA", _rsa(_integer(entry, "n"), _integer(entry, "e"))
            case "EC", "P-256" | "P-384" | "P-521" as curve:
                return str(curve), _elliptic(entry, str(curve))
            case "OKP", "Ed25519":
                return "Ed25519", ed25519.Ed25519PublicKey.from_public_bytes(_octets(entry, "x", _ED25519_BYTES))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _Unfit("malformed", str(error)) from error
    raise _Unfit("kind", f"kty {str(entry.get('kty'))[:16]!r}, crv {str(entry.get('crv'))[:16]!r}")


def _rsa(modulus: int, exponent: int) -> rsa.RSAPublicKey:
    if modulus.bit_length() not in _RSA_BITS:
        raise _Unfit("weak", f"RSA of {modulus.bit_length()} bits")
    # An exponent of 1 makes every text its own signature (cryptography refuses it too).
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > _RSA_EXPONENT_BITS:  # noqa: PLR2004 - the least odd one
        raise _Unfit("weak", "RSA with an unfit public exponent")
    if has_roca_weakness(modulus):
        raise _Unfit("weak", "RSA modulus of the ROCA weakness, CVE-2017-15361")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _elliptic(entry: Mapping[str, object], name: str) -> ec.EllipticCurvePublicKey:
    curve, size = _CURVES[name]
    x, y = (int.from_bytes(_octets(entry, member, size), "big") for member in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()


def _octets(entry: Mapping[str, object], member: str, size: int | None = None) -> bytes:
    text = entry.get(member)
    if not isinstance(text, str) or not text:
        raise ValueError(f"{member} is missing")
    raw = decode_base64url(text)
    if size is not None and len(raw) != size:
        raise ValueError(f"{member} has {len(raw)} bytes, {size} would be right")
    return raw


def _integer(entry: Mapping[str, object], member: str) -> int:
    return int.from_bytes(_octets(entry, member), "big")
