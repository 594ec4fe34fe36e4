"""Verification of id tokens, of access tokens that are JWTs, and of logout tokens.

PyJWT checks signatures only. Its own checks of claims leave much open (no `exp`, no `iat`, `exp` as a text or 1e300, a
logout token in place of an id token), so `jwt_rules` has every rule about claims.
"""

from dataclasses import dataclass

from proxy.model.time import Instant
from proxy.tokens.expectations import AccessTokenExpectation, IdTokenExpectation, LogoutTokenExpectation
from proxy.tokens.jws import parse_part, take_apart, verify_jws
from proxy.tokens.jwt_rules import (
    ACCESS_TOKEN_RULES,
    BEARER_RULES,
    ID_TOKEN_RULES,
    LOGOUT_TOKEN_RULES,
    Expected,
    Jwt,
    Rules,
    name_in,
    number_in,
)
from proxy.tokens.keys import KeySet
from proxy.tokens.session_id import session_id


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """Whom a provider has signed out: one of its sessions (`provider_session`), else all of a `subject`.

    `token_id`: its `jti`, to be used once until `ends_at`.
    """

    token_id: str
    ends_at: Instant
    provider_session: str | None
    subject: str | None


def verify_id_token(token: str, keys: KeySet, expected: IdTokenExpectation, now: Instant) -> dict[str, object]:
    """Return the claims of an id token that satisfies `ID_TOKEN_RULES`.

    Raises UnknownKey if the keys should be fetched again, else TokenRefused with the word of the violated rule:
    those of `verify_jws`, and `type`, `claim_missing`, `claim_malformed`, `issuer`, `audience`, `authorized_party`,
    `expired`, `issued_in_future`, `not_yet_valid`, `lifetime`, `authenticated_in_future`, `nonce`, `at_hash`.
    """
    return _verify(token, keys, expected, ID_TOKEN_RULES, now)


def verify_access_token(token: str, keys: KeySet, expected: AccessTokenExpectation, now: Instant) -> dict[str, object]:
    """Return the claims of an access token that satisfies `ACCESS_TOKEN_RULES`.

    AD FS omits `sub` from some of them and writes `auth_time` as ISO 8601 text; both are accepted. Raises as
    `verify_id_token` does; `type` also for an id token or a logout token in place of an access token.
    """
    return _verify(token, keys, expected, ACCESS_TOKEN_RULES, now)


def verify_bearer_token(token: str, keys: KeySet, expected: AccessTokenExpectation, now: Instant) -> dict[str, object]:
    """Return the claims of an access token that a client presents as `Authorization: Bearer`: `BEARER_RULES`.

    Raises as `verify_access_token` does, and TokenRefused(`key_bound`).
    """
    return _verify(token, keys, expected, BEARER_RULES, now)


def verify_logout_token(token: str, keys: KeySet, expected: LogoutTokenExpectation, now: Instant) -> LogoutToken:
    """Return the contents of a logout token that satisfies `LOGOUT_TOKEN_RULES`; the caller must check for replay.

    Raises as `verify_id_token` does, and TokenRefused(`events`, `nonce_present`).
    """
    claims = _verify(token, keys, expected, LOGOUT_TOKEN_RULES, now)
    subject = name_in(claims, "sub") if "sub" in claims else None
    # A Windows SID names a user, as `sub` does: no session is indexed by it, so `sub` decides.
    provider_session = session_id(name_in(claims, "sid")) if "sid" in claims else None
    return LogoutToken(name_in(claims, "jti"), number_in(claims, "exp"), provider_session, subject)


def _verify(token: str, keys: KeySet, expected: Expected, rules: Rules[Expected], now: Instant) -> dict[str, object]:
    jws = verify_jws(token, keys, expected.algorithms)
    claims = parse_part(jws.payload)
    jwt = Jwt(jws.header, claims, jws.algorithm)
    for _, check in rules:
        check(jwt, expected, now)
    return claims


def read_unverified(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return header and claims of a compact JWS without verifying it: nothing in it may be trusted.

    Raises TokenRefused.
    """
    header, payload = take_apart(token)
    return header, parse_part(payload)
