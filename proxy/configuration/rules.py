"""Rules that could never apply, that would apply to everybody, or that do not say whose users they are for."""

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from proxy.configuration.checks import Finding
from proxy.configuration.unsupported import find
from proxy.model.principal import PROTOCOL_CLAIMS

_ADDRESSES = ("upn", "email")
_SHORT_NAMES = (*_ADDRESSES, "group", "role")
_RULES = ("administrators.[]", "organizations.[].require.[]")
_OF_ORGANIZATIONS = "organizations.[]."
_CLAIM_ALONE = "leave values out if the claim alone is enough"
# `api_paths` are compared below the organization's own path, too, so none of them is outside it.
_FULL_PATHS = ("require.[].paths.[]", "anonymous.[]", "exempt_clients.[].path")


def rule_dangers(data: Any) -> Iterator[Finding]:
    """Yield (path, what is wrong, what would be right) for rules. `data` may be incomplete or wrong in parts."""
    for check in _CHECKS:
        yield from check(data)


def _paths_can_match(data: Any) -> Iterator[Finding]:
    for pattern in _FULL_PATHS:
        for path, value in find(data, _OF_ORGANIZATIONS + pattern):
            organization = data["organizations"][path[1]]
            own = str(organization.get("path") or "")
            if not isinstance(value, str) or not value.startswith("/"):
                continue
            if "%2f" in value.lower() and organization.get("allow_encoded_slash") is not True:
                wrong = "has an encoded slash, and this organization refuses such requests"
                yield path, wrong, "fix: write a path without %2F, or allow_encoded_slash: true"
            elif own and organization.get("root") is not True and not _overlap(value, own):
                wrong = f"is outside the organization's own path, {own}, so it never matches"
                yield path, wrong, f"fix: write {own}{value}"


def _exemptions_are_not_for_everybody(data: Any) -> Iterator[Finding]:
    for path, value in find(data, _OF_ORGANIZATIONS + "exempt_clients.[].path"):
        organization = data["organizations"][path[1]]
        own = "" if organization.get("root") is True else str(organization.get("path") or "")
        if isinstance(value, str) and _is_below(own, _prefix(value)):
            wrong = "covers the whole organization, so nobody would have an inactivity timeout"
            yield path, wrong, "fix: write the path that only this client opens, such as /liveassist"


def _prefix(path: str) -> str:
    return path.removesuffix("/*").rstrip("/")


def _is_below(path: str, prefix: str) -> bool:
    return f"{path}/".lower().startswith(f"{prefix}/".lower())


def _overlap(value: str, own: str) -> bool:
    return _is_below(_prefix(value), own) or _is_below(own, _prefix(value))


def _values_are_exact(data: Any) -> Iterator[Finding]:
    for pattern in _RULES:
        for path, rule in find(data, pattern):
            values = rule.get("values") if isinstance(rule, dict) else None
            for index, value in enumerate(values if isinstance(values, list) else [values]):
                found = _fault_of_value(str(rule.get("claim")), value) if isinstance(value, str) else None
                if found:
                    place = (index,) if isinstance(values, list) else ()
                    yield (*path, "values", *place), *found
            if values == []:
                wrong = "is an empty list, which would admit everybody who has the claim"
                yield (*path, "values"), wrong, f"fix: write the values; {_CLAIM_ALONE}"


def _claims_can_be_had(data: Any) -> Iterator[Finding]:
    for pattern in _RULES:
        for path, claim in find(data, f"{pattern}.claim"):
            short = claim.strip().lower() if isinstance(claim, str) else ""
            if short in _SHORT_NAMES and claim != short:
                yield path, "is no claim that anybody has; letter case counts", f"fix: write {short}"
            elif claim in PROTOCOL_CLAIMS:
                wrong = "is a claim about the token and not about its user, so nobody meets the rule"
                yield path, wrong, "fix: write group, role, upn, email or the type of a claim about the user"


def _fault_of_value(claim: str, value: str) -> tuple[str, str] | None:
    """Return what is wrong with one value and how to fix it, None where nothing is."""
    if not value.strip():
        return "is an empty text, and no value is empty", f"fix: write the value, or set its variable; {_CLAIM_ALONE}"
    user, at, domain = value.rpartition("@")
    if claim in _ADDRESSES and at and domain and "*" not in domain and user == "*":
        return None
    if value == "*":
        return "* is not a value", "fix: remove values, which means that the claim must be there"
    if claim in _ADDRESSES and at and (not user or "*" in value):
        return "is not a whole name", "fix: write a whole name, or *@contoso.com for everybody of exactly that domain"
    if "*" in value:
        return "has a *, and values are compared exactly", "fix: write each value in full"
    return None


def _administrators_name_their_provider(data: Any) -> Iterator[Finding]:
    top = [provider for _, provider in find(data, "identity_provider")]
    given = (*top, *(provider for _, provider in find(data, _OF_ORGANIZATIONS + "identity_provider")))
    known = [str(each.get("name", "default")) for each in given if isinstance(each, dict)]
    for path, rule in find(data, "administrators.[]"):
        name = rule.get("provider") if isinstance(rule, dict) else None
        if name is None and not top:
            wrong = "does not say whose users may administrate, and there is no identity_provider for all organizations"
            yield path, wrong, f"fix: add provider: {known[0] if known else 'NAME'}"
        elif isinstance(name, str) and name not in known:
            near = difflib.get_close_matches(name, known, n=1) or known
            wrong = "is not the name of an identity provider in this file"
            yield (*path, "provider"), wrong, f"fix: write {near[0]}" if near else "fix: add an identity_provider"


_CHECKS: tuple[Callable[[Any], Iterator[Finding]], ...] = (
    _paths_can_match,
    _exemptions_are_not_for_everybody,
    _values_are_exact,
    _claims_can_be_had,
    _administrators_name_their_provider,
)
