"""Rules of id tokens, access tokens and logout tokens, each by name: the proxy and `token inspect` run these tables.

OpenID Connect Core, section 3.1.3.7; RFC 9068; OpenID Connect Back-Channel Logout 1.0, section 2.6.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from proxy.errors import TokenRefused
from proxy.model.time import Instant, Seconds
from proxy.tokens.expectations import AccessTokenExpectation, IdTokenExpectation, LogoutTokenExpectation
from proxy.tokens.session_id import session_id
from proxy.tokens.strict import authentication_instant, encode_base64url, numeric_date

_ID_TOKEN_TYPES = (None, "jwt")
_TYPED = ("at+jwt", "application/at+jwt")  # RFC 9068, section 4
_ACCESS_TOKEN_TYPES = ("jwt", *_TYPED)  # AD FS, Microsoft Entra ID and Keycloak write JWT
# Only id tokens carry these claims. They travel in URLs (`id_token_hint`), so an id token whose audience is also that
# of an access token must not be a credential.
_OF_ID_TOKENS = ("nonce", "at_hash", "c_hash", "s_hash")
_LONGEST_SUBJECT = 255
# To ask for `logout+jwt` alone would break most providers (Back-Channel Logout, section 2.4); `events`, and that there
# is no `nonce`, tell a logout token from an id token.
_LOGOUT_TOKEN_TYPES = (None, "jwt", "logout+jwt", "application/logout+jwt")
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST_NAME = 1024

# at_hash uses the hash of the id token's own algorithm (OpenID Connect Core, section 3.1.3.8); Ed25519's is SHA-512.
_HASHES = MappingProxyType({"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512, "DSA": hashlib.sha512})


@dataclass(frozen=True, slots=True)
class Jwt:
    """A decoded JWT. Its signature was verified, unless an inspection reads it without trusting it."""

    header: Mapping[str, object]
    claims: Mapping[str, object]
    algorithm: str


Expected = TypeVar("Expected", IdTokenExpectation, AccessTokenExpectation, LogoutTokenExpectation)
Rules: TypeAlias = tuple[tuple[str, Callable[[Jwt, Expected, Instant], None]], ...]
"""Rules by name, in the order in which they are checked. Each raises TokenRefused."""


def _check_access_token_type(jwt: Jwt, expected: AccessTokenExpectation, _: Instant) -> None:
    untyped = (None,) if expected.accept_id_tokens else ()
    _check_type(jwt.header, (*_ACCESS_TOKEN_TYPES, *untyped))
    if "events" in jwt.claims:
        raise TokenRefused("type", "an access token carries no events; this is a logout token")
    if expected.accept_id_tokens:
        return
    for claim in _OF_ID_TOKENS:
        if claim in jwt.claims:
            raise TokenRefused("type", f"an access token carries no {claim}; this is an id token")
    # Keycloak names a token's kind in the payload: Bearer, ID, Refresh.
    if jwt.claims.get("typ") == "ID":
        raise TokenRefused("type", "its claim typ says that it is an id token")


def _check_access_token_audience(jwt: Jwt, expected: AccessTokenExpectation, _: Instant) -> None:
    stated = _check_audience(jwt.claims, (*expected.audiences, *expected.typed_audiences))
    if _kind(jwt.header) in _TYPED or set(stated) & set(expected.audiences):
        return
    raise TokenRefused(
        "type", f"for {' or '.join(expected.typed_audiences)}, as id tokens are; only typ at+jwt tells them apart"
    )


def _check_client(jwt: Jwt, _: AccessTokenExpectation, __: Instant) -> None:
    for claim in ("appid", "azp", "client_id"):
        if claim in jwt.claims:
            _text(jwt.claims, claim)


def _check_access_token_authentication(jwt: Jwt, expected: AccessTokenExpectation, now: Instant) -> None:
    if "auth_time" not in jwt.claims:
        return
    authenticated = authentication_instant(jwt.claims["auth_time"])
    if authenticated is None:
        raise TokenRefused("claim_malformed", "auth_time is neither a number of seconds nor an ISO 8601 instant")
    _check_authenticated(authenticated, expected.leeway, now)


def _check_unbound(jwt: Jwt, _: AccessTokenExpectation, __: Instant) -> None:
    """Refuse a token that only the holder of a key may use: the proxy asks for no proof (RFC 9449, RFC 8705)."""
    if "cnf" in jwt.claims:
        raise TokenRefused("key_bound", "it is bound to a key (DPoP or mutual TLS), and Bearer proves none")


def _check_not_over(jwt: Jwt, _: AccessTokenExpectation, now: Instant) -> None:
    """Refuse a token past `exp` without leeway: its session would have ended already."""
    ends = number_in(jwt.claims, "exp")
    if now >= ends:
        raise TokenRefused("expired", f"{now - ends:.0f} s ago")


def _check_logout_audience(jwt: Jwt, expected: LogoutTokenExpectation, _: Instant) -> None:
    _check_audience(jwt.claims, (expected.client_id,))


def _check_logout_subject(jwt: Jwt, _: LogoutTokenExpectation, __: Instant) -> None:
    name_in(jwt.claims, "jti")
    sid = name_in(jwt.claims, "sid") if "sid" in jwt.claims else None
    if "sub" in jwt.claims:
        _check_subject(jwt.claims)
        name_in(jwt.claims, "sub")
    elif session_id(sid) is None:
        raise TokenRefused("claim_missing", "neither sub nor a sid that names a session")


def _check_no_nonce(jwt: Jwt, _: LogoutTokenExpectation, __: Instant) -> None:
    if "nonce" in jwt.claims:
        raise TokenRefused("nonce_present", "a logout token carries no nonce; this is an id token")


def _check_event(claims: Mapping[str, object]) -> None:
    if "events" not in claims:
        raise TokenRefused("claim_missing", "events")
    events = claims["events"]
    if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict):
        raise TokenRefused("events", f"an object with the member {_LOGOUT_EVENT}, an object, would be right")


def name_in(claims: Mapping[str, object], name: str) -> str:
    """Return a claim that must be a text of moderate length. Raises TokenRefused."""
    if len(text := _text(claims, name)) > _LONGEST_NAME:
        raise TokenRefused("claim_malformed", f"{name} is longer than {_LONGEST_NAME} characters")
    return text


def _text(claims: Mapping[str, object], name: str) -> str:
    if name not in claims:
        raise TokenRefused("claim_missing", name)
    value = claims[name]
    if not isinstance(value, str) or not value:
        raise TokenRefused("claim_malformed", f"{name} must be a text")
    return value


def number_in(claims: Mapping[str, object], name: str) -> Instant:
    """Return a claim that must be an instant in seconds. Raises TokenRefused."""
    if name not in claims:
        raise TokenRefused("claim_missing", name)
    instant = numeric_date(claims[name])
    if instant is None:
        raise TokenRefused("claim_malformed", f"{name} must be a number of seconds since 1970")
    return instant


def _check_type(header: Mapping[str, object], types: Sequence[str | None]) -> None:
    """Explicit typing (RFC 8725, section 3.11); media types are compared without regard to case."""
    stated, kind = header.get("typ"), _kind(header)
    if kind not in types or ("typ" in header and kind is None):
        raise TokenRefused("type", f"typ {str(stated)[:32]!r}")


def _kind(header: Mapping[str, object]) -> object:
    stated = header.get("typ")
    return stated.lower() if isinstance(stated, str) else stated


def _check_issuer(claims: Mapping[str, object], issuers: Sequence[str]) -> None:
    if _text(claims, "iss") not in issuers:
        raise TokenRefused("issuer", f"{str(claims['iss'])[:200]!r}, {' or '.join(issuers)} would be right")


def _check_audience(claims: Mapping[str, object], audiences: Sequence[str]) -> tuple[str, ...]:
    if "aud" not in claims:
        raise TokenRefused("claim_missing", "aud")
    stated = claims["aud"]
    listed = stated if isinstance(stated, list) else [stated]
    texts = tuple(audience for audience in listed if isinstance(audience, str) and audience)
    if not texts or len(texts) != len(listed):
        raise TokenRefused("claim_malformed", "aud must be a text or a list of texts")
    if not set(texts) & set(audiences):
        raise TokenRefused("audience", f"{str(texts)[:200]}, {' or '.join(audiences)} would be right")
    return texts


def _check_authorized_party(claims: Mapping[str, object], client_id: str) -> None:
    audiences = _check_audience(claims, (client_id,))
    if "azp" not in claims:
        if len(audiences) > 1:
            raise TokenRefused("authorized_party", "several audiences and no azp")
    elif _text(claims, "azp") != client_id:
        raise TokenRefused("authorized_party", f"azp {str(claims['azp'])[:200]!r}")


def _check_subject(claims: Mapping[str, object]) -> None:
    if len(_text(claims, "sub")) > _LONGEST_SUBJECT:
        raise TokenRefused("claim_malformed", f"sub is longer than {_LONGEST_SUBJECT} characters")


def _check_times(claims: Mapping[str, object], leeway: Seconds, maximum_lifetime: Seconds, now: Instant) -> None:
    issued, expires = number_in(claims, "iat"), number_in(claims, "exp")
    if now >= expires + leeway:
        raise TokenRefused("expired", f"{now - expires:.0f} s ago")
    if issued > now + leeway:
        raise TokenRefused("issued_in_future", f"in {issued - now:.0f} s; is a clock wrong?")
    if "nbf" in claims and number_in(claims, "nbf") > now + leeway:
        raise TokenRefused("not_yet_valid", f"in {number_in(claims, 'nbf') - now:.0f} s; is a clock wrong?")
    if not 0 < expires - issued <= maximum_lifetime:
        raise TokenRefused("lifetime", f"{expires - issued:.0f} s, up to {maximum_lifetime:.0f} s are allowed")


def _check_authenticated(authenticated: Instant, leeway: Seconds, now: Instant) -> None:
    if authenticated > now + leeway:
        raise TokenRefused("authenticated_in_future", f"in {authenticated - now:.0f} s; is a clock wrong?")


def _check_id_token_authentication(jwt: Jwt, expected: IdTokenExpectation, now: Instant) -> None:
    if "auth_time" in jwt.claims:
        _check_authenticated(number_in(jwt.claims, "auth_time"), expected.leeway, now)


def _check_nonce(claims: Mapping[str, object], nonce: str | None, *, refreshed: bool) -> None:
    if refreshed and (nonce is None or "nonce" not in claims):
        return
    if nonce is None:
        raise TokenRefused("nonce", "none was sent")
    if not hmac.compare_digest(_text(claims, "nonce").encode(), nonce.encode()):
        raise TokenRefused("nonce", "not the one of this sign-in")


def _check_access_token_hash(jwt: Jwt, access_token: str | None) -> None:
    if "at_hash" not in jwt.claims:
        return
    stated = _text(jwt.claims, "at_hash")
    if access_token is None:
        return
    digest = _HASHES[jwt.algorithm[-3:]](access_token.encode()).digest()
    if not hmac.compare_digest(stated.encode(), encode_base64url(digest[: len(digest) // 2]).encode()):
        raise TokenRefused("at_hash", "the access token is not the one that the id token speaks of")


def _check_times_of(
    jwt: Jwt, expected: IdTokenExpectation | AccessTokenExpectation | LogoutTokenExpectation, now: Instant
) -> None:
    _check_times(jwt.claims, expected.leeway, expected.maximum_lifetime, now)


ID_TOKEN_RULES: Rules[IdTokenExpectation] = (
    ("type", lambda jwt, _, __: _check_type(jwt.header, _ID_TOKEN_TYPES)),
    ("issuer", lambda jwt, expected, _: _check_issuer(jwt.claims, (expected.issuer,))),
    ("audience", lambda jwt, expected, _: _check_authorized_party(jwt.claims, expected.client_id)),
    ("subject", lambda jwt, _, __: _check_subject(jwt.claims)),
    ("times", _check_times_of),
    ("authentication", _check_id_token_authentication),
    ("nonce", lambda jwt, expected, _: _check_nonce(jwt.claims, expected.nonce, refreshed=expected.refreshed)),
    ("at_hash", lambda jwt, expected, _: _check_access_token_hash(jwt, expected.access_token)),
)
ACCESS_TOKEN_RULES: Rules[AccessTokenExpectation] = (
    ("type", _check_access_token_type),
    ("issuer", lambda jwt, expected, _: _check_issuer(jwt.claims, expected.issuers)),
    ("audience", _check_access_token_audience),
    ("subject", lambda jwt, _, __: _check_subject(jwt.claims) if "sub" in jwt.claims else None),
    ("client", _check_client),
    ("times", _check_times_of),
    ("authentication", _check_access_token_authentication),
)
BEARER_RULES: Rules[AccessTokenExpectation] = (
    *ACCESS_TOKEN_RULES,
    ("key", _check_unbound),
    ("ends", _check_not_over),
)
LOGOUT_TOKEN_RULES: Rules[LogoutTokenExpectation] = (
    ("type", lambda jwt, _, __: _check_type(jwt.header, _LOGOUT_TOKEN_TYPES)),
    ("issuer", lambda jwt, expected, _: _check_issuer(jwt.claims, (expected.issuer,))),
    ("audience", _check_logout_audience),
    ("times", _check_times_of),
    ("events", lambda jwt, _, __: _check_event(jwt.claims)),
    ("nonce", _check_no_nonce),
    ("subject", _check_logout_subject),
)
