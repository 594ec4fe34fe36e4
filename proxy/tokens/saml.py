"""SAML tokens of WS-Federation: what makes one acceptable, and what it then says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from proxy.errors import TokenRefused
from proxy.model.principal import PROTOCOL_CLAIMS, VerifiedToken
from proxy.model.provider import IdentityProvider
from proxy.model.time import Instant
from proxy.tokens.assertion import ID_ATTRIBUTES, Assertion, read_assertion
from proxy.tokens.claims import verified_token
from proxy.tokens.wstrust import token_of
from proxy.tokens.xml_encryption import DecryptionKey
from proxy.tokens.xml_signature import PinnedCertificate, verify_signature

# Names by which `claims` learns of the token itself; an attribute of such a name is nobody's claim.
_OF_THE_TOKEN = PROTOCOL_CLAIMS | {"sub", "amr", "authmethod"}


@dataclass(frozen=True, slots=True)
class SamlExpectation:
    """What a token must be. `issuer`: the provider's entity id. `audience`: our realm, exactly.

    `reply_to`: our address that answers come to; a token that names its recipient must name that host. None: any.
    """

    provider: IdentityProvider
    issuer: str
    audience: str
    decryption_keys: tuple[DecryptionKey, ...] = ()
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """What a token says. `token_id`: its own name, to be used once."""

    token: VerifiedToken
    token_id: str


def verify_response(
    wresult: str, pinned: Sequence[PinnedCertificate], expected: SamlExpectation, now: Instant
) -> VerifiedAssertion:
    """What a WS-Federation response says, once it keeps every rule.

    Signatures and encryption cost some milliseconds: call it in a thread. Raises TokenRefused, whose reason names the
    rule; UnknownKey where the metadata are worth fetching anew.
    """
    root = token_of(wresult, expected.decryption_keys)
    verify_signature(root, ID_ATTRIBUTES[str(root.tag)], pinned, allow_sha1=expected.provider.allow_sha1)
    # Read from the very element that was verified.
    assertion = read_assertion(root)
    for _, check in CHECKS:
        check(assertion, expected, now)
    return VerifiedAssertion(_token(assertion, expected.provider, now), assertion.identifier)


def _check_issuer(assertion: Assertion, expected: SamlExpectation, _: Instant) -> None:
    if assertion.issuer != expected.issuer:
        raise TokenRefused("issuer", f"{assertion.issuer[:200]!r}; {expected.issuer!r} would be right")


def _check_audience(assertion: Assertion, expected: SamlExpectation, _: Instant) -> None:
    if not assertion.audiences or not all(expected.audience in each for each in assertion.audiences):
        stated = ", ".join(name[:200] for each in assertion.audiences for name in each) or "nobody"
        raise TokenRefused("audience", f"for {stated}; {expected.audience!r} would be right, to the letter")


def _check_begins(assertion: Assertion, expected: SamlExpectation, now: Instant) -> None:
    latest = now + expected.provider.leeway
    begins = [assertion.issued_at, assertion.not_before or 0.0, *assertion.confirmed_from]
    if max(begins) > latest:
        raise TokenRefused("not_yet_valid", "issued or valid only later; check the clocks")


def _check_ends(assertion: Assertion, expected: SamlExpectation, now: Instant) -> None:
    ends = (_end(assertion, expected.provider), *assertion.confirmed_until)
    if now >= min(ends) + expected.provider.leeway:
        raise TokenRefused("expired")


def _check_lifetime(assertion: Assertion, expected: SamlExpectation, _: Instant) -> None:
    begins = assertion.issued_at if assertion.not_before is None else min(assertion.not_before, assertion.issued_at)
    longest = expected.provider.maximum_token_lifetime
    lives = _end(assertion, expected.provider) - begins
    if lives <= 0:
        raise TokenRefused("lifetime", "it ends before it begins")
    if lives > longest:
        raise TokenRefused("lifetime", f"lives longer than maximum_token_lifetime, {longest / 60:g} minutes")


def _check_confirmation(assertion: Assertion, expected: SamlExpectation, _: Instant) -> None:
    if not assertion.is_bearer:
        raise TokenRefused("confirmation", "the subject is not confirmed as a bearer")
    if expected.reply_to is None:
        return
    ours = urlsplit(expected.reply_to)[:2]
    if any(urlsplit(recipient)[:2] != ours for recipient in assertion.recipients):
        raise TokenRefused("recipient", f"confirmed for another address; one of {ours[1]} would be right")


def _check_authentication(assertion: Assertion, _: SamlExpectation, __: Instant) -> None:
    if not assertion.statements:
        raise TokenRefused("no_authentication_statement")


CHECKS: tuple[tuple[str, Callable[[Assertion, SamlExpectation, Instant], None]], ...] = (
    ("issuer", _check_issuer),
    ("audience", _check_audience),
    ("begins", _check_begins),
    ("ends", _check_ends),
    ("lifetime", _check_lifetime),
    ("confirmation", _check_confirmation),
    ("authentication", _check_authentication),
)
"""Every check of what a verified assertion says, by name, in the order in which they are made."""


def _end(assertion: Assertion, provider: IdentityProvider) -> Instant:
    """What the signed Conditions say, never the response's unsigned Lifetime; else as long as is configured."""
    stated = assertion.not_on_or_after
    return assertion.issued_at + provider.token_lifetime if stated is None else stated


def _token(assertion: Assertion, provider: IdentityProvider, now: Instant) -> VerifiedToken:
    claims: dict[str, object] = dict(_by_type(assertion))
    claims["exp"], claims["iat"] = _end(assertion, provider), assertion.issued_at
    instants = [at for at, _ in assertion.statements]
    # Of several statements the earliest is what all of them vouch for. One that has not come yet (npm wsfed states
    # the token's end) is none: it must not count as the newest credentials there could be.
    if max(instants) <= now + provider.leeway:
        claims["auth_time"] = min(instants)
    claims["authmethod"] = [method for _, method in assertion.statements]
    if assertion.name_id:
        claims["sub"] = assertion.name_id
    return verified_token(claims, provider)


def _by_type(assertion: Assertion) -> Mapping[str, list[str]]:
    """Return the values of each claim type, in order."""
    found: dict[str, list[str]] = {}
    for name, value in assertion.attributes:
        if name not in _OF_THE_TOKEN:
            found.setdefault(name, []).append(value)
    return found
