"""Which paths need no session, and whom an organization lets pass."""

from collections.abc import Sequence

from proxy.model.names import fold_ascii
from proxy.model.organization import AccessRule, Organization
from proxy.model.principal import Principal
from proxy.policy.paths import is_below, is_below_by_short_name, widest_reading


def is_anonymous(organization: Organization, path: str) -> bool:
    """Whether the raw `path` passes without a session. It opens, so it matches exactly: letter case, escapes, all."""
    for prefix in organization.anonymous:  # noqa: SIM110 - half the time of a generator, on every request's way
        if is_below(path, prefix):
            return True
    return False


def may_pass(organization: Organization, principal: Principal, path: str) -> bool:
    """Whether the principal meets every rule of the organization that is for this raw `path`.

    A rule with `paths` holds back, so it matches in the widest reading: `/%61dmin` and `/Admin` are `/admin` to IIS.
    """
    return all(_meets(rule, principal) for rule in organization.require if _is_for(rule, path))


def is_administrator(rules: Sequence[AccessRule], principal: Principal) -> bool:
    """Whether the principal meets any of the rules; without rules nobody does."""
    return any(_meets(rule, principal) for rule in rules)


def _is_for(rule: AccessRule, path: str) -> bool:
    if not rule.paths:
        return True
    widest = widest_reading(path)
    prefixes = [widest_reading(prefix) for prefix in rule.paths]
    return any(is_below(widest, prefix) or is_below_by_short_name(widest, prefix) for prefix in prefixes)


def _meets(rule: AccessRule, principal: Principal) -> bool:
    # Another provider may use the same claim, group or UPN for somebody else.
    if rule.provider != principal.provider:
        return False
    values: tuple[str, ...]
    match rule.claim:
        case "group":
            values = principal.groups
        case "role":
            values = principal.roles
        case "upn":
            return _meets_name(rule, principal.upn)
        case "email":
            return _meets_name(rule, principal.email)
        case claim_type:
            values = principal.values(claim_type)
    return any(value in rule.values for value in values) if rule.values else bool(values)


def _meets_name(rule: AccessRule, name: str | None) -> bool:
    """Return True if a UPN or address is one of the rule's values, or of a domain that one of them names."""
    if not name:
        return False
    if not rule.values:
        return True
    folded = fold_ascii(name)
    user, _, domain = folded.rpartition("@")
    return any(value == folded or (bool(user) and value == f"*@{domain}") for value in map(fold_ascii, rule.values))
