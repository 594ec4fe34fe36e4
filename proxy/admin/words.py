"""The rules in force in plain words, as administrators read them beside the settings."""

from proxy.model.deployment import Deployment
from proxy.model.organization import Organization, OrganizationKind
from proxy.model.settings import ServerSettings, TimeRules
from proxy.model.time import Seconds
from proxy.policy.limits import PORTAL_SWITCHES

_MINUTE = 60.0


def minutes(seconds: Seconds) -> str:
    """`90 minutes`."""
    count = round(seconds / _MINUTE)
    return f"{count} minute{'' if count == 1 else 's'}"


def rule_in_words(rules: TimeRules, deployment: Deployment, organization: Organization) -> tuple[str, ...]:
    """When sessions of an organization end, and why so. `deployment`: with the values in force."""
    lines = [_session(rules, deployment, organization), _inactivity(rules, deployment, organization)]
    if rules.sign_out_owes_credentials:
        lines.append("Whoever signs out must type credentials to come back.")
    lines += [f"{f.setting} is {f.value}, out of its bounds, and counts as {f.taken_as}." for f in rules.findings]
    return tuple(lines)


def _session(rules: TimeRules, deployment: Deployment, organization: Organization) -> str:
    warned = f"with a warning {minutes(rules.session_reminder)} before"
    if rules.session_length is not None:
        return f"Sessions end {minutes(rules.session_length)} after sign-in, {warned}."
    life = minutes(deployment.provider(organization.identity_provider).token_lifetime)
    ends = f"Sessions end with the provider's token (TokenLifetime; {life} where none is stated), {warned} at most"
    return f"{ends}, because {_why_not_session(deployment, organization)}."


def _why_not_session(deployment: Deployment, organization: Organization) -> str:
    switches = _switches(deployment, organization)
    if not switches.allow_custom_session_duration:
        return "AllowCustomSessionDuration is off"
    return "the organization uses the default session timeout"


def _inactivity(rules: TimeRules, deployment: Deployment, organization: Organization) -> str:
    if rules.inactivity is not None:
        warned = minutes(rules.inactivity_reminder or 0)
        return f"Whoever does nothing for {minutes(rules.inactivity)} is signed out, with a warning {warned} before."
    return f"Inactivity ends no session, because {_why_not_inactivity(deployment, organization)}."


def _why_not_inactivity(deployment: Deployment, organization: Organization) -> str:
    if not organization.system_settings.inactivitytimeoutenabled:
        return "the organization has not enabled it"
    if not _switches(deployment, organization).allow_custom_inactivity_duration:
        return "AllowCustomInactivityDuration is off"
    return "the feature control bit FCB.UCIInactivityTimeout is off"


def _switches(deployment: Deployment, organization: Organization) -> ServerSettings:
    if organization.kind is OrganizationKind.PORTAL:
        return organization.server_settings or PORTAL_SWITCHES
    return deployment.server_settings
