"""The signature layer: compact JWS (RFC 7515), before anything is known of what it carries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jwt

from proxy.errors import TokenRefused
from proxy.tokens.keys import SHAPES, KeySet
from proxy.tokens.strict import decode_base64url, parse_object

MAXIMUM_LENGTH = 250 * 1024
"""The longest token that is looked at, in characters; AD FS's largest with many groups stay well below."""

# Where a header says from where to take the key, whoever made the token chooses it (RFC 8725, section 3.10); an
# extension that we do not know must be refused (RFC 7515, section 4.1.11); `b64` changes what was signed (RFC 7797).
_FORBIDDEN_MEMBERS = ("jku", "x5u", "jwk", "crit", "b64")
_PARTS = 3
_LONGEST_HEADER = 12 * 1024
"""Characters of a header, which is read before its sender is known: a chain of certificates in `x5c` fits."""

_MOST_BRACKETS = 16


@dataclass(frozen=True, slots=True)
class Jws:
    """What was signed: the protected header, its `alg`, and the payload's bytes."""

    header: Mapping[str, object]
    algorithm: str
    payload: bytes


def verify_jws(token: str, keys: KeySet, algorithms: Sequence[str], *, brings_key: bool = False) -> Jws:
    """Verify a compact JWS with one of our keys.

    `algorithms`: those that its sender may use; what we do not know among them, `none` and all symmetric ones, is never
    accepted. `brings_key`: the header may hold the `jwk` that `keys` were made of. A chain in `x5c` is not looked at:
    trust is the published key. Raises TokenRefused (`size`, `parts`, `encoding`, `json`, `header`, `algorithm`,
    `key_algorithm`, `key_ambiguous`, `signature`) and UnknownKey.
    """
    parts = _parts(token)
    header = _header(parts)
    algorithm = _algorithm(header, algorithms, brings_key=brings_key)
    # Before the rest is decoded: whoever names no key of ours has nothing else read.
    key = keys.find(header, algorithm)
    payload, signature = _decoded(parts[1:])
    signed = token.rpartition(".")[0].encode()
    try:
        verified = jwt.get_algorithm_by_name(algorithm).verify(signed, key.public, signature)
    except (jwt.PyJWTError, ValueError, OverflowError) as error:
        raise TokenRefused("signature", type(error).__name__) from error
    if not verified:
        raise TokenRefused("signature", f"not made with the key {key.kid!r}")
    return Jws(header, algorithm, payload)


def _parts(token: str) -> list[str]:
    if len(token) > MAXIMUM_LENGTH:
        raise TokenRefused("size", f"{len(token)} characters, {MAXIMUM_LENGTH} are allowed")
    parts = token.split(".", _PARTS)
    if len(parts) != _PARTS:
        raise TokenRefused("parts", "a signed token has exactly three parts")
    if len(parts[0]) > _LONGEST_HEADER:
        raise TokenRefused("size", f"a header of {len(parts[0])} characters; {_LONGEST_HEADER} are allowed")
    return parts


def _decoded(parts: Sequence[str]) -> list[bytes]:
    try:
        return [decode_base64url(part) for part in parts]
    except ValueError as error:
        raise TokenRefused("encoding", str(error)) from error


def _header(parts: Sequence[str]) -> dict[str, object]:
    (raw,) = _decoded(parts[:1])
    if raw.count(b"{") + raw.count(b"[") > _MOST_BRACKETS:
        raise TokenRefused("header", f"more than {_MOST_BRACKETS} objects and lists")
    return parse_part(raw)


def _algorithm(header: Mapping[str, object], algorithms: Sequence[str], *, brings_key: bool) -> str:
    for member in _FORBIDDEN_MEMBERS:
        if member in header and not (brings_key and member == "jwk"):
            raise TokenRefused("header", f"a header member that is never accepted: {member}")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in SHAPES or algorithm not in algorithms:
        raise TokenRefused("algorithm", f"{str(algorithm)[:16]!r}, one of {', '.join(algorithms)} would be right")
    return algorithm


def take_apart(token: str) -> tuple[dict[str, object], bytes]:
    """Header and payload, whoever made them. Raises TokenRefused."""
    parts = _parts(token)
    payload, _ = _decoded(parts[1:])
    return _header(parts), payload


def parse_part(raw: bytes) -> dict[str, object]:
    """The JSON object of a header or payload. Raises TokenRefused(`json`)."""
    try:
        return parse_object(raw)
    except ValueError as error:
        raise TokenRefused("json", str(error)) from error
