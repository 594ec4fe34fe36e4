"""What a token says, and each check with pass or fail: for people, offline. No sign-in believes anything of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from proxy.errors import TokenRefused
from proxy.model.time import Instant
from proxy.tokens.assertion import ID_ATTRIBUTES, Assertion, read_assertion
from proxy.tokens.jws import verify_jws
from proxy.tokens.jwt import AccessTokenExpectation, IdTokenExpectation, checks_of, read_unverified
from proxy.tokens.keys import KeySet
from proxy.tokens.saml import CHECKS, SamlExpectation
from proxy.tokens.strict import authentication_instant, numeric_date
from proxy.tokens.wstrust import token_of
from proxy.tokens.xml_signature import PinnedCertificate, verify_signature

_INSTANTS = ("iat", "nbf", "exp", "auth_time")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check. `ok` None: it could not be made; `why` then says what it would need."""

    check: str
    ok: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """`facts` of the token itself and `claims` about its subject, in order, as texts; `verdicts` as checks are made."""

    kind: str
    facts: tuple[tuple[str, str], ...]
    claims: tuple[tuple[str, str], ...]
    verdicts: tuple[Verdict, ...]

    @property
    def accepted(self) -> bool:
        """Whether every check that could be made has passed."""
        return all(verdict.ok is not False for verdict in self.verdicts)


def inspect_saml(
    text: str, pinned: Sequence[PinnedCertificate] | None, expected: SamlExpectation, now: Instant
) -> Inspection:
    """A wresult or an assertion. `pinned` None: no metadata are at hand. Nothing is raised for a bad token."""
    try:
        root = token_of(text, expected.decryption_keys)
        assertion = read_assertion(root)
    except TokenRefused as refused:
        return Inspection("SAML", (), (), (Verdict(refused.reason, ok=False, why=str(refused)),))
    verdicts = [Verdict("read", ok=True)]
    if pinned is None:
        verdicts.append(Verdict("signature", ok=None, why="needs the provider's metadata: a file, or --metadata FILE"))
    else:
        name, sha1 = ID_ATTRIBUTES[str(root.tag)], expected.provider.allow_sha1
        verdicts.append(_tried("signature", lambda: verify_signature(root, name, pinned, allow_sha1=sha1)))
    for check, rule in CHECKS:
        if check == "issuer" and pinned is None:
            verdicts.append(Verdict(check, ok=None, why="needs the provider's metadata"))
        else:
            verdicts.append(_tried(check, partial(rule, assertion, expected, now)))
    kind = "SAML 2.0" if "2.0" in str(root.tag) else "SAML 1.1"
    return Inspection(kind, tuple(_facts_of(assertion)), assertion.attributes, tuple(verdicts))


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


def inspect_jwt(
    text: str, keys: KeySet | None, expected: IdTokenExpectation | AccessTokenExpectation, now: Instant
) -> Inspection:
    """An id token or an access token, likewise. `keys` None: no key set is at hand."""
    try:
        header, claims = read_unverified(text)
    except TokenRefused as refused:
        return Inspection("JWT", (), (), (Verdict(refused.reason, ok=False, why=str(refused)),))
    verdicts = [Verdict("read", ok=True)]
    if keys is None:
        verdicts.append(Verdict("signature", ok=None, why="needs the provider's keys: --jwks FILE"))
    else:
        verdicts.append(_tried("signature", lambda: verify_jws(text, keys, expected.algorithms)))
    verdicts += [_tried(name, check) for name, check in checks_of(header, claims, expected, now)]
    if isinstance(expected, IdTokenExpectation):
        verdicts.append(Verdict("nonce", ok=None, why="only the sign-in that asked for the token knows it"))
    facts = [(f"header {name}", str(value)) for name, value in header.items()]
    facts += [(name, _moment(claims[name])) for name in _INSTANTS if name in claims]
    said = tuple((name, str(value)) for name, value in claims.items() if name not in _INSTANTS)
    kind = "id token" if isinstance(expected, IdTokenExpectation) else "access token"
    return Inspection(kind, tuple(facts), said, tuple(verdicts))


def is_id_token(text: str) -> bool:
    """Whether a JWT looks like an answer to a sign-in. Raises TokenRefused where it is no JWT."""
    header, claims = read_unverified(text)
    return "nonce" in claims and str(header.get("typ", "JWT")).upper() == "JWT"


def readable(at: Instant | None) -> str:
    """An instant for people: UTC, to the second."""
    return "not stated" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _moment(value: object) -> str:
    instant = numeric_date(value)
    instant = authentication_instant(value) if instant is None else instant
    return str(value) if instant is None else readable(instant)


def _tried(name: str, check: Callable[[], object]) -> Verdict:
    try:
        check()
    except TokenRefused as refused:
        return Verdict(name, ok=False, why=str(refused))
    return Verdict(name, ok=True)
