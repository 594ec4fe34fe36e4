"""What administrators are shown, as plain values: by page, by the API and by commands alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.admin.words import rule_in_words
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization, OrganizationKind
from proxy.model.session import EndReason
from proxy.model.time import Instant
from proxy.policy.limits import inactivity_end, session_end
from proxy.sessions.record import Summary
from proxy.settings.catalogue import SETTINGS, Setting
from proxy.settings.current import rules_of
from proxy.settings.history import Entry
from proxy.settings.live import LiveSettings
from proxy.settings.values import EVERYWHERE, Name, effective, in_force, scope_name, scopes, value_of


@dataclass(frozen=True, slots=True)
class Standing:
    """The settings as they stand. `configured`: the file's; `in_force`: with the values of administrators in it."""

    configured: Deployment
    in_force: Deployment
    revision: int
    origins: Mapping[Name, Entry]
    changed: frozenset[Name]


async def standing_of(deployment: Deployment, settings: LiveSettings) -> Standing:
    """As the store has them now. Raises StoreUnavailable."""
    await settings.read()
    values = settings.values if deployment.settings_live else {}
    origins = await settings.origins() if values else {}
    return Standing(deployment, in_force(deployment, values), settings.revision, origins, frozenset(values))


def setting_rows(standing: Standing, only: str | None = None) -> list[dict[str, Any]]:
    """Every setting: `organization` (None: all), `setting`, `value` (None: left open), `origin`, `by`, `at`.

    `effective`: what acts, where a value left open is that of the server settings, or of a portal's own.
    """
    return [
        {
            "organization": each.name if each else None,
            "setting": setting.name,
            "value": value_of(standing.in_force, each, setting),
            "effective": effective(standing.in_force, each, setting),
            **_origin(standing, each, setting),
        }
        for each in scopes(standing.in_force)
        if only is None or (each is not None and each.name == only)
        for setting in SETTINGS
        if setting.is_of(each)
    ]


def _origin(standing: Standing, organization: Organization | None, setting: Setting) -> dict[str, Any]:
    """`live`: changed by an administrator; `configuration`: written in the file; `default`; `server_settings`."""
    name = Name(scope_name(organization), setting.name)
    if name in standing.changed:
        entry = standing.origins.get(name)
        return {"origin": "live", "by": entry.by if entry else None, "at": entry.at if entry else None}
    stated = organization.stated if organization else standing.configured.stated
    if setting.attribute in stated:
        return {"origin": "configuration", "by": None, "at": None}
    if organization is None or organization.kind is OrganizationKind.PORTAL or setting.minutes:
        return {"origin": "default", "by": None, "at": None}
    inherits = value_of(standing.in_force, organization, setting) is None
    return {"origin": "server_settings" if inherits else "default", "by": None, "at": None}


def organization_row(organization: Organization, sessions: int) -> dict[str, Any]:
    """One organization; `sessions`: how many it has now."""
    return {
        "id": organization.id,
        "name": organization.name,
        "friendly_name": organization.friendly_name or organization.name,
        "kind": str(organization.kind),
        "state": "Enabled",
        "hosts": list(organization.hosts),
        "path": organization.path,
        "identity_provider": organization.identity_provider,
        "sessions": sessions,
    }


def rules_by_organization(in_force: Deployment) -> dict[str, tuple[str, ...]]:
    """The effective rules in plain words, by organization, of a configuration with its values in it."""
    return {each.name: rule_in_words(rules_of(in_force, each), in_force, each) for each in in_force.organizations}


def entry_row(entry: Entry) -> dict[str, Any]:
    """One line of the history."""
    return {
        "act": entry.act,
        "at": entry.at,
        "by": entry.by,
        "why": entry.why,
        "revision": entry.revision,
        "subject": entry.subject,
        "ended": entry.ended,
        "items": [
            {
                "organization": None if item.organization == EVERYWHERE else item.organization,
                "setting": item.setting,
                "before": item.before,
                "after": item.after,
            }
            for item in entry.items
        ],
    }


def session_row(summary: Summary, deployment: Deployment, now: Instant) -> dict[str, Any]:
    """One session; instants in UTC seconds. `ends_at` and `ends_by`: what ends it next and why, None where unknown."""
    row: dict[str, Any] = {
        "id": f"{summary.reference.tag}:{summary.reference.id_hash}",
        "organization": summary.organization,
        "user": summary.user,
        "provider": summary.provider,
        "name": summary.name,
        "upn": summary.upn,
        "client": str(summary.client_kind),
        "signed_in_at": summary.signed_in_at,
        "last_activity": summary.last_activity,
        "ends_at": None,
        "ends_by": None,
        "over": False,
    }
    organization = next((each for each in deployment.sites if each.name == summary.organization), None)
    if organization is None:
        return row
    rules = rules_of(deployment, organization)
    ends, reason = session_end(summary, rules)
    idle = inactivity_end(summary, rules)
    if idle is not None and idle < ends:
        ends, reason = idle, EndReason.INACTIVITY_TIMEOUT
    return row | {"ends_at": ends, "ends_by": str(reason), "over": now >= ends}
