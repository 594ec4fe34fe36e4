"""What a SAML assertion says, 1.1 or 2.0, as plain values: read from one element, its own children and no others."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from lxml import etree

from proxy.errors import TokenRefused
from proxy.model.time import Instant
from proxy.tokens.wstrust import SAML11, SAML20
from proxy.tokens.xml import children, only, text_of

ID_ATTRIBUTES: Mapping[str, str] = MappingProxyType({f"{SAML11}Assertion": "AssertionID", f"{SAML20}Assertion": "ID"})
"""By the assertion's name, the attribute that a signature refers to."""

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,12})?Z", re.ASCII)
_BEARER = {
    SAML11: "urn:oasis:names:tc:SAML:1.0:cm:bearer",
    SAML20: "urn:oasis:names:tc:SAML:2.0:cm:bearer",
}
# Conditions that bind nobody who keeps nothing of the token. Any other that is not known must not be ignored
# (SAML 1.1, section 2.3.2.1.3; SAML 2.0, section 2.5.1).
_HARMLESS = frozenset({f"{SAML11}DoNotCacheCondition", f"{SAML20}OneTimeUse"})


@dataclass(frozen=True, slots=True)
class Assertion:
    """One assertion. Instants in UTC seconds, None where it states none.

    `audiences`: one tuple for each restriction; each must have us. `confirmed_from`, `confirmed_until` and
    `recipients`: what the bearer confirmations state (2.0). `statements`: of each authentication, its instant and
    method. `attributes`: (claim type, value) in order.
    """

    identifier: str
    issuer: str
    issued_at: Instant
    not_before: Instant | None
    not_on_or_after: Instant | None
    audiences: tuple[tuple[str, ...], ...]
    is_bearer: bool
    confirmed_from: tuple[Instant, ...]
    confirmed_until: tuple[Instant, ...]
    recipients: tuple[str, ...]
    statements: tuple[tuple[Instant, str], ...]
    name_id: str | None
    session_index: str | None
    attributes: tuple[tuple[str, str], ...]


def read_assertion(root: etree._Element) -> Assertion:
    """What this element says; nothing of it is judged but its form. Raises TokenRefused."""
    if root.tag == f"{SAML11}Assertion":
        if (root.get("MajorVersion"), root.get("MinorVersion")) != ("1", "1"):
            raise TokenRefused("version", "SAML 1.1 or 2.0 would be right")
        return _read_11(root)
    if root.tag != f"{SAML20}Assertion" or root.get("Version") != "2.0":
        raise TokenRefused("version", "SAML 1.1 or 2.0 would be right")
    return _read_20(root)


def _read_11(root: etree._Element) -> Assertion:
    authentications = children(root, f"{SAML11}AuthenticationStatement")
    told = children(root, f"{SAML11}AttributeStatement")
    subjects = [only(statement, f"{SAML11}Subject") for statement in (*authentications, *told)]
    names = {text_of(name) for subject in subjects for name in children(subject, f"{SAML11}NameIdentifier")}
    if len(names) > 1:
        raise TokenRefused("several_subjects")
    before, end, audiences = _conditions(root, SAML11, f"{SAML11}AudienceRestrictionCondition")
    return Assertion(
        identifier=_needed(root, "AssertionID"),
        issuer=_needed(root, "Issuer"),
        issued_at=_instant(_needed(root, "IssueInstant")),
        not_before=before,
        not_on_or_after=end,
        audiences=audiences,
        is_bearer=bool(subjects) and all(_is_bearer_11(subject) for subject in subjects),
        confirmed_from=(),
        confirmed_until=(),
        recipients=(),
        statements=tuple(
            (_instant(_needed(each, "AuthenticationInstant")), each.get("AuthenticationMethod", ""))
            for each in authentications
        ),
        name_id=next(iter(names), None),
        session_index=None,
        attributes=tuple(_attributes(told, SAML11)),
    )


def _is_bearer_11(subject: etree._Element) -> bool:
    methods = [
        text_of(method).strip()
        for confirmation in children(subject, f"{SAML11}SubjectConfirmation")
        for method in children(confirmation, f"{SAML11}ConfirmationMethod")
    ]
    return set(methods) == {_BEARER[SAML11]}


def _read_20(root: etree._Element) -> Assertion:
    subject = only(root, f"{SAML20}Subject")
    names = [text_of(name) for name in children(subject, f"{SAML20}NameID")]
    if len(names) > 1:
        raise TokenRefused("several_subjects")
    bearers = [
        confirmation
        for confirmation in children(subject, f"{SAML20}SubjectConfirmation")
        if confirmation.get("Method") == _BEARER[SAML20]
    ]
    stated = [data for each in bearers for data in children(each, f"{SAML20}SubjectConfirmationData")]
    statements = children(root, f"{SAML20}AuthnStatement")
    before, end, audiences = _conditions(root, SAML20, f"{SAML20}AudienceRestriction")
    return Assertion(
        identifier=_needed(root, "ID"),
        issuer=text_of(only(root, f"{SAML20}Issuer")),
        issued_at=_instant(_needed(root, "IssueInstant")),
        not_before=before,
        not_on_or_after=end,
        audiences=audiences,
        is_bearer=bool(bearers),
        confirmed_from=tuple(_instant(text) for data in stated if (text := data.get("NotBefore"))),
        confirmed_until=tuple(_instant(text) for data in stated if (text := data.get("NotOnOrAfter"))),
        recipients=tuple(text for data in stated if (text := data.get("Recipient"))),
        statements=tuple((_instant(_needed(each, "AuthnInstant")), _method_20(each)) for each in statements),
        name_id=names[0] if names else None,
        session_index=next((each.get("SessionIndex") for each in statements if each.get("SessionIndex")), None),
        attributes=tuple(_attributes(children(root, f"{SAML20}AttributeStatement"), SAML20)),
    )


def _method_20(statement: etree._Element) -> str:
    context = only(statement, f"{SAML20}AuthnContext")
    return next((text_of(each).strip() for each in children(context, f"{SAML20}AuthnContextClassRef")), "")


def _conditions(
    root: etree._Element, namespace: str, restriction: str
) -> tuple[Instant | None, Instant | None, tuple[tuple[str, ...], ...]]:
    found = only(root, f"{namespace}Conditions", "conditions")
    audiences = []
    for condition in found:
        if condition.tag == restriction:
            audiences.append(tuple(text_of(each) for each in children(condition, f"{namespace}Audience")))
        elif condition.tag not in _HARMLESS:
            raise TokenRefused("conditions", "a condition that is not known here")
    before, end = found.get("NotBefore"), found.get("NotOnOrAfter")
    return _instant(before) if before else None, _instant(end) if end else None, tuple(audiences)


def _attributes(statements: list[etree._Element], namespace: str) -> Iterator[tuple[str, str]]:
    for attribute in (each for statement in statements for each in children(statement, f"{namespace}Attribute")):
        if namespace == SAML11:
            above, name = attribute.get("AttributeNamespace", ""), _needed(attribute, "AttributeName")
            claim_type = f"{above}/{name}" if above else name
        else:
            claim_type = _needed(attribute, "Name")
        for value in children(attribute, f"{namespace}AttributeValue"):
            # A value with elements in it is no text; which of its texts would count, readers do not agree on.
            if not len(value) and value.text:
                yield claim_type, value.text


def _needed(element: etree._Element, name: str) -> str:
    value = element.get(name)
    if not value:
        raise TokenRefused("structure", f"no {name}")
    return str(value)


def _instant(text: str) -> Instant:
    """An xs:dateTime in UTC, as SAML has it (SAML 1.1, section 1.2.2; 2.0 core, section 1.3.3)."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise TokenRefused("structure", "an instant that is no UTC date-time")
    try:
        whole = datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise TokenRefused("structure", "an instant that is no UTC date-time") from None
    return whole + float(found[2] or 0)
