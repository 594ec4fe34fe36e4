"""The rules in force in plain words, as administrators read them beside the settings."""

import json
from functools import cache
from importlib import resources
from typing import Any

from proxy.model.deployment import Deployment
from proxy.model.organization import Organization, OrganizationKind
from proxy.model.settings import ServerSettings, TimeRules
from proxy.model.time import Seconds
from proxy.policy.limits import PORTAL_SWITCHES

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
    if rules.sign_out_owes_credentials:
        lines.append(_text("credentials"))
    lines += [
        _text("out_of_bounds").format(setting=f.setting, value=f.value, taken_as=f.taken_as) for f in rules.findings
    ]
    return tuple(lines)


def _session(rules: TimeRules, deployment: Deployment, organization: Organization) -> str:
    reminder = minutes(rules.session_reminder)
    if rules.session_length is not None:
        return _text("session").format(length=minutes(rules.session_length), reminder=reminder)
    life = minutes(deployment.provider(organization.identity_provider).token_lifetime)
    why = _text(_why_not_session(deployment, organization))
    return _text("token").format(life=life, reminder=reminder, why=why)


def _why_not_session(deployment: Deployment, organization: Organization) -> str:
    switches = _switches(deployment, organization)
    if not switches.allow_custom_session_duration:
        return "session_switch_off"
    return "session_default"


def _inactivity(rules: TimeRules, deployment: Deployment, organization: Organization) -> str:
    if rules.inactivity is not None:
        length, reminder = minutes(rules.inactivity), minutes(rules.inactivity_reminder or 0)
        return _text("inactivity").format(length=length, reminder=reminder)
    return _text("no_inactivity").format(why=_text(_why_not_inactivity(deployment, organization)))


def _why_not_inactivity(deployment: Deployment, organization: Organization) -> str:
    if not organization.system_settings.inactivitytimeoutenabled:
        return "inactivity_not_enabled"
    if not _switches(deployment, organization).allow_custom_inactivity_duration:
        return "inactivity_switch_off"
    return "bit_off"


def _switches(deployment: Deployment, organization: Organization) -> ServerSettings:
    if organization.kind is OrganizationKind.PORTAL:
        return organization.server_settings or PORTAL_SWITCHES
    return deployment.server_settings
