"""The rules of id tokens, of access tokens that are JWTs, and of logout tokens.

OpenID Connect Core, section 3.1.3.7; RFC 9068; OpenID Connect Back-Channel Logout 1.0, section 2.6.

PyJWT checks signatures for us; every rule about claims is here, because its own leave much open: no `exp`, no `iat`,
`exp` as a text or 1e300, a logout token in an id token's place.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from proxy.errors import TokenRefused
from proxy.model.time import Instant, Seconds
from proxy.tokens.jws import Jws, parse_part, take_apart, verify_jws
from proxy.tokens.keys import KeySet
from proxy.tokens.session_id import session_id
from proxy.tokens.strict import authentication_instant, encode_base64url, numeric_date

_ID_TOKEN_TYPES = (None, "jwt")
_ACCESS_TOKEN_TYPES = ("jwt", "at+jwt", "application/at+jwt")  # RFC 9068, section 4; AD FS says JWT
# What only an id token or a logout token carries. Id tokens travel in URLs (`id_token_hint`), and one whose audience is
# also that of an access token must not open anything.
_FOREIGN_TO_ACCESS_TOKENS = ("nonce", "at_hash", "c_hash", "s_hash", "events")
_LONGEST_SUBJECT = 255
# To ask for `logout+jwt` alone would break most providers (Back-Channel Logout, section 2.4); `events`, and that there
# is no `nonce`, tell a logout token from an id token.
_LOGOUT_TOKEN_TYPES = (None, "jwt", "logout+jwt", "application/logout+jwt")
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST_NAME = 1024

# at_hash uses the hash of the id token's own algorithm (OpenID Connect Core, section 3.1.3.8); Ed25519's is SHA-512.
_HASHES = MappingProxyType({"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512, "DSA": hashlib.sha512})


@dataclass(frozen=True, slots=True)
class IdTokenExpectation:
    """What an id token must say. `maximum_lifetime`: seconds from `iat` to `exp`.

    `nonce`: the one sent with this sign-in. `refreshed`: the token answers a refresh token; it should carry no nonce,
    and one that it carries is the sign-in's (OpenID Connect Core, 12.2), where that is known. `access_token`: the one
    that came with it; where both it and `at_hash` are there they must match.
    """

    issuer: str
    client_id: str
    nonce: str | None
    algorithms: tuple[str, ...] = ("RS256",)
    leeway: Seconds = 60.0
    maximum_lifetime: Seconds = 86400.0
    access_token: str | None = None
    refreshed: bool = False


@dataclass(frozen=True, slots=True)
class AccessTokenExpectation:
    """What an access token must say: any of the issuers, any of the audiences, compared exactly."""

    issuers: tuple[str, ...]
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...] = ("RS256",)
    leeway: Seconds = 60.0
    maximum_lifetime: Seconds = 86400.0


@dataclass(frozen=True, slots=True)
class LogoutTokenExpectation:
    """What a logout token must say; `maximum_lifetime`: seconds from `iat` to `exp`."""

    issuer: str
    client_id: str
    algorithms: tuple[str, ...] = ("RS256",)
    leeway: Seconds = 60.0
    maximum_lifetime: Seconds = 86400.0


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
    """The claims of an id token that keeps every rule.

    Raises UnknownKey where the keys are to be fetched anew, else TokenRefused with the word of the rule that is broken:
    those of `verify_jws`, and `type`, `claim_missing`, `claim_malformed`, `issuer`, `audience`, `authorized_party`,
    `expired`, `issued_in_future`, `not_yet_valid`, `lifetime`, `authenticated_in_future`, `nonce`, `at_hash`.
    """
    jws = verify_jws(token, keys, expected.algorithms)
    _check_type(jws.header, _ID_TOKEN_TYPES)
    claims = parse_part(jws.payload)
    _check_issuer(claims, (expected.issuer,))
    _check_authorized_party(claims, _check_audience(claims, (expected.client_id,)), expected.client_id)
    _check_subject(claims)
    _check_times(claims, expected.leeway, expected.maximum_lifetime, now)
    if "auth_time" in claims:
        _check_authenticated(_number(claims, "auth_time"), expected.leeway, now)
    _check_nonce(claims, expected.nonce, refreshed=expected.refreshed)
    _check_access_token_hash(claims, jws, expected.access_token)
    return claims


def verify_access_token(token: str, keys: KeySet, expected: AccessTokenExpectation, now: Instant) -> dict[str, object]:
    """The claims of an access token that keeps every rule.

    AD FS puts no `sub` into some of them and writes `auth_time` as ISO 8601 text; both are accepted. Raises as
    `verify_id_token` does; `type` also for an id token or a logout token in an access token's place.
    """
    jws = verify_jws(token, keys, expected.algorithms)
    _check_type(jws.header, _ACCESS_TOKEN_TYPES)
    claims = parse_part(jws.payload)
    for claim in _FOREIGN_TO_ACCESS_TOKENS:
        if claim in claims:
            raise TokenRefused("type", f"an access token carries no {claim}")
    _check_issuer(claims, expected.issuers)
    _check_audience(claims, expected.audiences)
    if "sub" in claims:
        _check_subject(claims)
    for claim in ("appid", "azp", "client_id"):
        if claim in claims:
            _text(claims, claim)
    _check_times(claims, expected.leeway, expected.maximum_lifetime, now)
    if "auth_time" in claims:
        authenticated = authentication_instant(claims["auth_time"])
        if authenticated is None:
            raise TokenRefused("claim_malformed", "auth_time is neither a number of seconds nor an ISO 8601 instant")
        _check_authenticated(authenticated, expected.leeway, now)
    return claims


def verify_logout_token(token: str, keys: KeySet, expected: LogoutTokenExpectation, now: Instant) -> LogoutToken:
    """What a logout token says that keeps every rule; whether it was used before is the caller's to ask.

    Raises as `verify_id_token` does, and TokenRefused(`events`, `nonce_present`).
    """
    jws = verify_jws(token, keys, expected.algorithms)
    _check_type(jws.header, _LOGOUT_TOKEN_TYPES)
    claims = parse_part(jws.payload)
    _check_issuer(claims, (expected.issuer,))
    _check_audience(claims, (expected.client_id,))
    _check_times(claims, expected.leeway, expected.maximum_lifetime, now)
    _check_event(claims)
    if "nonce" in claims:
        raise TokenRefused("nonce_present", "an id token in a logout token's place?")
    if "sub" in claims:
        _check_subject(claims)
    subject = _name(claims, "sub") if "sub" in claims else None
    # A Windows SID names a person, as `sub` does: no session is indexed by it, so `sub` decides.
    provider_session = session_id(_name(claims, "sid")) if "sid" in claims else None
    if subject is None and provider_session is None:
        raise TokenRefused("claim_missing", "neither sub nor a sid that names a session")
    return LogoutToken(_name(claims, "jti"), _number(claims, "exp"), provider_session, subject)


def _check_event(claims: Mapping[str, object]) -> None:
    if "events" not in claims:
        raise TokenRefused("claim_missing", "events")
    events = claims["events"]
    if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict):
        raise TokenRefused("events", f"an object with the member {_LOGOUT_EVENT}, an object, would be right")


def _name(claims: Mapping[str, object], name: str) -> str:
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


def _number(claims: Mapping[str, object], name: str) -> Instant:
    if name not in claims:
        raise TokenRefused("claim_missing", name)
    instant = numeric_date(claims[name])
    if instant is None:
        raise TokenRefused("claim_malformed", f"{name} must be a number of seconds since 1970")
    return instant


def _check_type(header: Mapping[str, object], types: Sequence[str | None]) -> None:
    """Explicit typing (RFC 8725, section 3.11); media types are compared without regard to case."""
    stated = header.get("typ")
    kind = stated.lower() if isinstance(stated, str) else stated
    if kind not in types or ("typ" in header and kind is None):
        raise TokenRefused("type", f"typ {str(stated)[:32]!r}")


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


def _check_authorized_party(claims: Mapping[str, object], audiences: Sequence[str], client_id: str) -> None:
    if "azp" not in claims:
        if len(audiences) > 1:
            raise TokenRefused("authorized_party", "several audiences and no azp")
    elif _text(claims, "azp") != client_id:
        raise TokenRefused("authorized_party", f"azp {str(claims['azp'])[:200]!r}")


def _check_subject(claims: Mapping[str, object]) -> None:
    if len(_text(claims, "sub")) > _LONGEST_SUBJECT:
        raise TokenRefused("claim_malformed", f"sub is longer than {_LONGEST_SUBJECT} characters")


def _check_times(claims: Mapping[str, object], leeway: Seconds, maximum_lifetime: Seconds, now: Instant) -> None:
    issued, expires = _number(claims, "iat"), _number(claims, "exp")
    if now >= expires + leeway:
        raise TokenRefused("expired", f"{now - expires:.0f} s ago")
    if issued > now + leeway:
        raise TokenRefused("issued_in_future", f"in {issued - now:.0f} s; is a clock wrong?")
    if "nbf" in claims and _number(claims, "nbf") > now + leeway:
        raise TokenRefused("not_yet_valid", f"in {_number(claims, 'nbf') - now:.0f} s; is a clock wrong?")
    if not 0 < expires - issued <= maximum_lifetime:
        raise TokenRefused("lifetime", f"{expires - issued:.0f} s, up to {maximum_lifetime:.0f} s are allowed")


def _check_authenticated(authenticated: Instant, leeway: Seconds, now: Instant) -> None:
    if authenticated > now + leeway:
        raise TokenRefused("authenticated_in_future", f"in {authenticated - now:.0f} s; is a clock wrong?")


def _check_nonce(claims: Mapping[str, object], nonce: str | None, *, refreshed: bool) -> None:
    if refreshed and (nonce is None or "nonce" not in claims):
        return
    if nonce is None:
        raise TokenRefused("nonce", "none was sent")
    if not hmac.compare_digest(_text(claims, "nonce").encode(), nonce.encode()):
        raise TokenRefused("nonce", "not the one of this sign-in")


def _check_access_token_hash(claims: Mapping[str, object], jws: Jws, access_token: str | None) -> None:
    if "at_hash" not in claims:
        return
    stated = _text(claims, "at_hash")
    if access_token is None:
        return
    digest = _HASHES[jws.algorithm[-3:]](access_token.encode()).digest()
    if not hmac.compare_digest(stated.encode(), encode_base64url(digest[: len(digest) // 2]).encode()):
        raise TokenRefused("at_hash", "the access token is not the one that the id token speaks of")


def checks_of(
    header: Mapping[str, object],
    claims: Mapping[str, object],
    expected: IdTokenExpectation | AccessTokenExpectation,
    now: Instant,
) -> tuple[tuple[str, Callable[[], object]], ...]:
    """Each rule by name, to be tried on its own by one who wants to see all that are broken.

    What only the sign-in knows (nonce, at_hash) is not among them. A check raises TokenRefused.
    """
    is_id_token = isinstance(expected, IdTokenExpectation)
    issuers = (expected.issuer,) if isinstance(expected, IdTokenExpectation) else expected.issuers
    audiences = (expected.client_id,) if isinstance(expected, IdTokenExpectation) else expected.audiences
    leeway, longest = expected.leeway, expected.maximum_lifetime
    return (
        ("type", lambda: _check_type(header, _ID_TOKEN_TYPES if is_id_token else _ACCESS_TOKEN_TYPES)),
        ("issuer", lambda: _check_issuer(claims, issuers)),
        ("audience", lambda: _check_audience(claims, audiences)),
        ("subject", lambda: _check_subject(claims) if is_id_token or "sub" in claims else None),
        ("times", lambda: _check_times(claims, leeway, longest, now)),
    )


def read_unverified(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """(header, claims) of a compact JWS as they stand there, believed by nobody. Raises TokenRefused."""
    header, payload = take_apart(token)
    return header, parse_part(payload)
