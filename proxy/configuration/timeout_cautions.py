"""Warnings about timeouts that take no effect, and about warnings that no user sees."""

from collections.abc import Iterator

from proxy.configuration.document import KeyPath
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization, OrganizationKind, ScriptPlacement
from proxy.model.settings import ActivityCounts
from proxy.model.switches import INACTIVITY_BIT, off_for_inactivity, off_for_session


def timeout_cautions(deployment: Deployment) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield (path, what is misleading, what to write instead). `deployment`: with the values in force, where known."""
    for index, organization in enumerate(deployment.organizations):
        path: KeyPath = ("organizations", index)
        wanted, missing = organization.system_settings, _missing(deployment, organization)
        yield from _without_effect(deployment, organization, path, missing)
        if organization.inject is ScriptPlacement.NONE:
            acts = wanted.inactivitytimeoutenabled and not missing["inactivitytimeout"]
            yield (*path, "browser", "inject"), _unseen(deployment, acts=acts), _SHOW


_SHOW = "fix: write browser: {inject: documents} for this organization; global-context covers pages that include it"


def _missing(deployment: Deployment, organization: Organization) -> dict[str, tuple[str, ...]]:
    """The switches that are off, by the beginning of the settings that need them."""
    server, bits = deployment.server_settings, deployment.feature_control_bits
    return {
        "sessiontimeout": off_for_session(organization, server),
        "inactivitytimeout": off_for_inactivity(organization, server, bits),
    }


def _without_effect(
    deployment: Deployment, organization: Organization, path: KeyPath, missing: dict[str, tuple[str, ...]]
) -> Iterator[tuple[KeyPath, str, str]]:
    wanted = organization.system_settings
    for setting, off in missing.items():
        enabled, length = f"{setting}enabled", f"{setting}inmins"
        if not getattr(wanted, enabled):
            if length in organization.stated and getattr(wanted, length) is not None:
                wrong = f"takes no effect, because {enabled} is false"
                yield (*path, "system_settings", length), wrong, f"fix: write {enabled}: true, or leave {length} out"
        elif off:
            are = "is off" if len(off) == 1 else "are off"
            wrong = f"takes no effect, because {' and '.join(off)} {are}"
            yield (*path, "system_settings", enabled), wrong, _how_to_switch_on(deployment, organization, off)


def _how_to_switch_on(deployment: Deployment, organization: Organization, off: tuple[str, ...]) -> str:
    own = organization.kind is OrganizationKind.PORTAL
    whose = f"server_settings of {organization.name}" if own else "server_settings"
    places = {name: "feature_control_bits" if name == INACTIVITY_BIT else whose for name in off}
    written = " and ".join(f"{name}: true below {place}" for name, place in places.items())
    if not deployment.settings_live:
        return f"fix: write {written}"
    only = f" -o {organization.name}" if own else ""
    command = f"claims-proxy settings set{only} {' '.join(f'{name}=true' for name in off)}"
    return f"fix: write {written}, or run {command}"


def _unseen(deployment: Deployment, *, acts: bool) -> str:
    wrong = "is none, so no user sees a warning before a session ends"
    if acts and deployment.counts is not ActivityCounts.EVERY_REQUEST:
        return f"{wrong}, and only navigations count as activity: typing does not"
    return wrong
