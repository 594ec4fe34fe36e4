"""Proofs of Device Bound Session Credentials: `dbsc+jwt`, signed by a key that never leaves its device.

Source: W3C draft «Device Bound Session Credentials», «DBSC Proof JWT Syntax» (https://w3c.github.io/webappsec-dbsc/);
as Chromium 156 sends them: a registration brings the public key in its header (`jwk`), both the challenge (`jti`).
"""

import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa

from proxy.errors import TokenRefused
from proxy.tokens.jws import Jws, parse_part, take_apart, verify_jws
from proxy.tokens.keys import KeySet

ALGORITHMS = ("ES256", "RS256")
"""Those that the draft knows."""

_TYPE = "dbsc+jwt"
_LONGEST = 8192
_KEPT = ("kty", "crv", "x", "y", "n", "e")
_LONGEST_CHALLENGE = 2048
_MOST_BITS = 4096
"""Of an RSA key that a stranger brings along: a longer one only makes its verification slow."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A key whose owner signed a challenge. `jwk`: the public key alone, as JSON with its members in order."""

    challenge: str
    jwk: str


def read_registration(token: str, *, url: str) -> Registered:
    """A registration sent to `url`, by the key that it brings. Raises TokenRefused."""
    _judge_length(token)
    header, _ = take_apart(token)
    brought = header.get("jwk")
    if not isinstance(brought, dict):
        raise TokenRefused("jwk", "a registration brings its key")
    keys = _keys(brought)
    proof = verify_jws(token, keys, ALGORITHMS, brings_key=True)
    kept = {member: brought[member] for member in _KEPT if member in brought}
    return Registered(_challenge(proof, url, None), json.dumps(kept, sort_keys=True, separators=(",", ":")))


def read_refresh(token: str, jwk: str, *, url: str, session: str) -> str:
    """The challenge that the registered key signed for a refresh of this session. Raises TokenRefused."""
    _judge_length(token)
    return _challenge(verify_jws(token, _keys(json.loads(jwk)), ALGORITHMS), url, session)


def _judge_length(token: str) -> None:
    if len(token) > _LONGEST:
        raise TokenRefused("size", f"{len(token)} characters, {_LONGEST} are allowed")


def _keys(jwk: dict[str, object]) -> KeySet:
    keys = KeySet.from_jwks({"keys": [jwk]})
    if keys.left_out:
        raise TokenRefused("jwk", str(keys.left_out[0]))
    key = keys.keys[0].public
    if isinstance(key, rsa.RSAPublicKey) and key.key_size > _MOST_BITS:
        raise TokenRefused("jwk", f"RSA of {key.key_size} bits; {_MOST_BITS} at most")
    return keys


def _challenge(proof: Jws, url: str, session: str | None) -> str:
    """The challenge; `aud` and `sub`, which drafts had and dropped, must fit where they are there."""
    if proof.header.get("typ") != _TYPE:
        raise TokenRefused("type", f"{_TYPE} would be right")
    claims = parse_part(proof.payload)
    challenge = claims.get("jti")
    if not isinstance(challenge, str) or not 0 < len(challenge) <= _LONGEST_CHALLENGE:
        raise TokenRefused("challenge", "jti is no challenge")
    if claims.get("aud", url) != url:
        raise TokenRefused("audience", "signed for another address")
    if session is not None and claims.get("sub", session) != session:
        raise TokenRefused("subject", "signed for another session")
    return challenge
