"""Contents of a token and the verdict of each check, for people: the proxy's own functions and rules, run one by one.

The checks are not repeated here. `Jwt` cases and SAML use the tables that sign-ins and API requests use, and the last
word has the very function that the proxy calls.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Generic, TypeAlias
from urllib.parse import urlsplit

from proxy.errors import TokenRefused
from proxy.model.bearer import BearerSettings
from proxy.model.provider import IdentityProvider, ProviderMetadata
from proxy.model.time import Instant
from proxy.tokens.assertion import ID_ATTRIBUTES, Assertion, read_assertion
from proxy.tokens.claims import verified_token
from proxy.tokens.expectations import (
    AccessTokenExpectation,
    IdTokenExpectation,
    LogoutTokenExpectation,
    bearer_token_of,
    id_token_of,
    logout_token_of,
)
from proxy.tokens.federation_metadata import FederationMetadata
from proxy.tokens.jws import verify_jws
from proxy.tokens.jwt import read_unverified, verify_bearer_token, verify_id_token, verify_logout_token
from proxy.tokens.jwt_rules import BEARER_RULES, ID_TOKEN_RULES, LOGOUT_TOKEN_RULES, Expected, Jwt, Rules
from proxy.tokens.keys import KeySet
from proxy.tokens.saml import CHECKS, SamlExpectation, verify_response
from proxy.tokens.strict import authentication_instant, numeric_date
from proxy.tokens.wstrust import token_of
from proxy.tokens.xml_signature import verify_signature

_INSTANTS = ("iat", "nbf", "exp", "auth_time")
_REPLAY = ("replay", "only the store knows which tokens were used before")
_LOGIN = ("login", "only the browser knows the sign-in that this answers")

Known: TypeAlias = tuple[ProviderMetadata, KeySet]
"""An OpenID provider's discovery document and keys."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check. `ok` is None if the check cannot be made from a file; `why` then says what it would need."""

    check: str
    ok: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that a token says and what the proxy would answer.

    Attributes:
        kind: The kind of token that it was checked as.
        facts: Facts of the token itself, in order, as texts.
        claims: Claims about its subject, likewise.
        verdicts: Checks in the order in which the proxy makes them.
        decided: False if the provider's keys or metadata are missing, so no check was made that depends on them.
    """

    kind: str
    facts: tuple[tuple[str, str], ...]
    claims: tuple[tuple[str, str], ...]
    verdicts: tuple[Verdict, ...]
    decided: bool = True

    @property
    def accepted(self) -> bool | None:
        """True if the proxy would accept the token, given that the checks marked as not made hold; None: undecided."""
        if any(verdict.ok is False for verdict in self.verdicts):
            return False
        return True if self.decided else None


@dataclass(frozen=True, slots=True)
class JwtCase(Generic[Expected]):
    """The place in which the proxy meets a JWT: a sign-in, an API request or a back-channel logout.

    Attributes:
        kind: Kind of token that is expected there.
        expected: Its required contents.
        rules: The rules of that place.
        accept: The function that the proxy calls there. Raises TokenRefused.
        unknown: Checks that a file alone does not allow, and why.
    """

    kind: str
    expected: Expected
    rules: Rules[Expected]
    accept: Callable[[str, KeySet, Instant], object]
    unknown: tuple[tuple[str, str], ...]


def as_id_token(text: str, settings: IdentityProvider, metadata: ProviderMetadata) -> JwtCase[IdTokenExpectation]:
    """Return the case of an id token that a sign-in receives. Its own nonce stands for the one that was sent."""
    nonce = _claim(text, "nonce")
    expected = id_token_of(settings, metadata, nonce if isinstance(nonce, str) else "")
    unknown = [("nonce", "only the browser's login knows the one that was sent")]
    if _claim(text, "at_hash") is not None:
        unknown.append(("at_hash", "needs the access token that came with it"))
    if settings.resource:
        unknown.append(("access token", "the proxy also checks the access token for the resource; inspect it as well"))

    def accept(token: str, keys: KeySet, now: Instant) -> None:
        claims = verify_id_token(token, keys, expected, now)
        if settings.resource is None:
            verified_token(claims, settings, vouches_for_addresses=metadata.vouches_for_addresses(settings))

    return JwtCase("id token", expected, ID_TOKEN_RULES, accept, (*unknown, _LOGIN))


def as_bearer_token(
    settings: IdentityProvider, metadata: ProviderMetadata, bearer: BearerSettings
) -> JwtCase[AccessTokenExpectation]:
    """Return the case of an access token in an Authorization header."""
    expected = bearer_token_of(settings, metadata, bearer)

    def accept(token: str, keys: KeySet, now: Instant) -> None:
        claims = verify_bearer_token(token, keys, expected, now)
        verified_token(claims, settings, vouches_for_addresses=metadata.vouches_for_addresses(settings))

    unknown = (("sign-outs", "only the store knows whether its user has signed out or was revoked since"),)
    return JwtCase("bearer token", expected, BEARER_RULES, accept, unknown)


def as_logout_token(settings: IdentityProvider, metadata: ProviderMetadata) -> JwtCase[LogoutTokenExpectation]:
    """Return the case of a logout token that the provider posts."""
    expected = logout_token_of(settings, metadata)

    def accept(token: str, keys: KeySet, now: Instant) -> None:
        verify_logout_token(token, keys, expected, now)

    return JwtCase("logout token", expected, LOGOUT_TOKEN_RULES, accept, (_REPLAY,))


def inspect_jwt(text: str, case: JwtCase[Expected], keys: KeySet, now: Instant) -> Inspection:
    """Check a JWT as the proxy does in this case. Raises nothing for a bad token."""
    read = _read_jwt(text)
    if isinstance(read, Verdict):
        return Inspection(case.kind, (), (), (read,))
    verdicts: list[Verdict] = [
        Verdict("read", ok=True),
        _tried("signature", lambda: verify_jws(text, keys, case.expected.algorithms)),
    ]
    verdicts += [_tried(name, partial(rule, read, case.expected, now)) for name, rule in case.rules]
    verdicts.extend(_decision(verdicts, lambda: case.accept(text, keys, now)))
    facts, claims = _said(read)
    return Inspection(case.kind, facts, claims, (*verdicts, *_not_made(case.unknown)))


def undecided_jwt(text: str, why: str) -> Inspection:
    """Return what a JWT says where the provider's discovery document or keys are missing."""
    read = _read_jwt(text)
    if isinstance(read, Verdict):
        return Inspection("JWT", (), (), (read,))
    facts, claims = _said(read)
    return Inspection("JWT", facts, claims, (Verdict("provider", ok=None, why=why),), decided=False)


def refused_jwt(text: str, reason: str, why: str) -> Inspection:
    """Return what a JWT says that the proxy refuses whatever it says."""
    return replace(undecided_jwt(text, why), verdicts=(Verdict(reason, ok=False, why=why),))


def kind_of(text: str) -> str:
    """Return the kind of JWT that this looks like: `id-token`, `bearer` or `logout-token`."""
    if _claim(text, "events") is not None:
        return "logout-token"
    return "id-token" if _claim(text, "nonce") is not None else "bearer"


def inspect_saml(
    text: str, metadata: FederationMetadata | str, expected: SamlExpectation, hosts: Sequence[str], now: Instant
) -> Inspection:
    """Check a wresult or an assertion as a sign-in does. Raises nothing for a bad token.

    `metadata`: a text says why they are missing. `hosts`: the proxy's names that responses may come to. A response for
    one of them is taken to have come there, because a file does not say where it was received.
    """
    try:
        root = token_of(text, expected.decryption_keys)
        assertion = read_assertion(root)
    except TokenRefused as refused:
        return Inspection("SAML", (), (), (Verdict(refused.reason, ok=False, why=str(refused)),))
    kind, facts = "SAML 2.0" if "2.0" in str(root.tag) else "SAML 1.1", tuple(_facts_of(assertion))
    if isinstance(metadata, str):
        missing = Verdict("provider", ok=None, why=metadata)
        return Inspection(kind, facts, assertion.attributes, (Verdict("read", ok=True), missing), decided=False)
    unknown = [_LOGIN, _REPLAY]
    if expected.reply_to is None:
        expected = replace(expected, reply_to=_reply_to(assertion, hosts))
        if assertion.recipients:
            unknown.append(("scheme and port of the recipient", "only the request knows the address that it came to"))
    name, sha1 = ID_ATTRIBUTES[str(root.tag)], expected.provider.allow_sha1
    verdicts = [
        Verdict("read", ok=True),
        _tried("signature", lambda: verify_signature(root, name, metadata.keys, allow_sha1=sha1)),
        *(_tried(check, partial(rule, assertion, expected, now)) for check, rule in CHECKS),
    ]
    verdicts.extend(_decision(verdicts, lambda: verify_response(text, metadata.keys, expected, now)))
    return Inspection(kind, facts, assertion.attributes, (*verdicts, *_not_made(unknown)))


def _reply_to(assertion: Assertion, hosts: Sequence[str]) -> str:
    ours = {host.lower().strip("[]") for host in hosts}
    return next((each for each in assertion.recipients if _host_of(each) in ours), f"https://{hosts[0]}/")


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _facts_of(assertion: Assertion) -> Iterable[tuple[str, str]]:
    yield "id", assertion.identifier
    yield "issuer", assertion.issuer
    yield "issued", readable(assertion.issued_at)
    yield "not before", readable(assertion.not_before)
    yield "not on or after", readable(assertion.not_on_or_after)
    yield "audience", ", ".join(name for each in assertion.audiences for name in each)
    if assertion.name_id:
        yield "subject", assertion.name_id
    for at, method in assertion.statements:
        yield "authenticated", f"{readable(at)} by {method}"
    for recipient in assertion.recipients:
        yield "recipient", recipient


def _read_jwt(text: str) -> Jwt | Verdict:
    try:
        header, claims = read_unverified(text)
    except TokenRefused as refused:
        return Verdict(refused.reason, ok=False, why=str(refused))
    return Jwt(header, claims, str(header.get("alg")))


def _claim(text: str, name: str) -> object:
    read = _read_jwt(text)
    return read.claims.get(name) if isinstance(read, Jwt) else None


def _said(read: Jwt) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """Return (facts, claims) of a JWT."""
    facts = [(f"header {name}", str(value)) for name, value in read.header.items()]
    facts += [(name, _moment(read.claims[name])) for name in _INSTANTS if name in read.claims]
    return tuple(facts), tuple((name, str(value)) for name, value in read.claims.items() if name not in _INSTANTS)


def readable(at: Instant | None) -> str:
    """An instant for people: UTC, to the second."""
    return "not stated" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _moment(value: object) -> str:
    instant = numeric_date(value)
    instant = authentication_instant(value) if instant is None else instant
    return str(value) if instant is None else readable(instant)


def _decision(verdicts: Iterable[Verdict], accept: Callable[[], object]) -> Iterator[Verdict]:
    """Yield what the proxy's own function refuses although every rule by itself has passed."""
    decided = _tried("acceptance", accept)
    if decided.ok is False and all(verdict.ok for verdict in verdicts):
        yield decided


def _not_made(unknown: Iterable[tuple[str, str]]) -> Iterator[Verdict]:
    return (Verdict(check, ok=None, why=why) for check, why in unknown)


def _tried(name: str, check: Callable[[], object]) -> Verdict:
    try:
        check()
    except TokenRefused as refused:
        return Verdict(name, ok=False, why=str(refused))
    return Verdict(name, ok=True)
