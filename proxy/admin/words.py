"""The rules in force in plain words, as administrators read them beside the settings."""

import json
from functools import cache
from importlib import resources
from typing import Any

from proxy.model.deployment import Deployment
from proxy.model.organization import Organization, ScriptPlacement
from proxy.model.settings import ActivityCounts, TimeRules
from proxy.model.switches import off_for_inactivity, off_for_session
from proxy.model.time import Seconds

_MINUTE = 60.0


def texts() -> dict[str, Any]:
    """The catalogue of all that administrators read; `rules` is what this module says."""
    found: dict[str, Any] = json.loads((resources.files("proxy.admin") / "texts" / "en.json").read_text("utf-8"))
    return found


@cache
def _text(name: str) -> str:
    return str(texts()["rules"][name])


def minutes(seconds: Seconds) -> str:
    """`90 minutes`."""
    count = round(seconds / _MINUTE)
    return _text("minutes_one" if count == 1 else "minutes").format(count=count)


def rule_in_words(rules: TimeRules, deployment: Deployment, organization: Organization) -> tuple[str, ...]:
    """When sessions of an organization end, and why so. `deployment`: with the values in force."""
    lines = [_session(rules, deployment, organization), _inactivity(rules, deployment, organization)]
    if not _is_shown(organization):
        lines.append(_without_script(rules))
    if rules.sign_out_owes_credentials:
        lines.append(_text("credentials"))
    lines += [
        _text("out_of_bounds").format(setting=f.setting, value=f.value, taken_as=f.taken_as) for f in rules.findings
    ]
    return tuple(lines)


def _session(rules: TimeRules, deployment: Deployment, organization: Organization) -> str:
    warned = "" if _is_shown(organization) else "_unwarned"
    reminder = minutes(rules.session_reminder)
    if rules.session_length is not None:
        return _text(f"session{warned}").format(length=minutes(rules.session_length), reminder=reminder)
    life = minutes(deployment.provider(organization.identity_provider).token_lifetime)
    off = off_for_session(organization, deployment.server_settings)
    why = _each(off or ("session_default",))
    return _text(f"token{warned}").format(life=life, reminder=reminder, why=why)


def _inactivity(rules: TimeRules, deployment: Deployment, organization: Organization) -> str:
    if rules.inactivity is not None:
        warned = "" if _is_shown(organization) else "_unwarned"
        length, reminder = minutes(rules.inactivity), minutes(rules.inactivity_reminder or 0)
        return _text(f"inactivity{warned}").format(length=length, reminder=reminder)
    off = off_for_inactivity(organization, deployment.server_settings, deployment.feature_control_bits)
    is_enabled = organization.system_settings.inactivitytimeoutenabled
    return _text("no_inactivity").format(why=_each(off if is_enabled else ("inactivity_not_enabled",)))


def _each(reasons: tuple[str, ...]) -> str:
    first, *rest = map(_text, reasons)
    return _text("both").format(one=first, other=rest[0]) if rest else first


def _is_shown(organization: Organization) -> bool:
    """Return True if pages of the organization get the script that shows warnings and reports input."""
    return organization.inject is not ScriptPlacement.NONE


def _without_script(rules: TimeRules) -> str:
    is_typing_lost = rules.inactivity is not None and rules.counts is not ActivityCounts.EVERY_REQUEST
    return _text("only_navigations" if is_typing_lost else "no_warning")
