"""Values over a configuration. Pure: a configuration and what was changed in, the configuration in force out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from proxy.model.deployment import Deployment
from proxy.model.organization import Organization, OrganizationKind
from proxy.model.switches import PORTAL_SWITCHES, switches_of
from proxy.settings.catalogue import SETTINGS, Entity, Setting

Value: TypeAlias = bool | int | None

EVERYWHERE = "*"
"""Where the settings of the deployment are kept; no organization can have this name."""


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A setting of an organization, or of all: `organization` is then EVERYWHERE."""

    organization: str
    setting: str

    @property
    def text(self) -> str:
        """As it is kept."""
        return f"{self.organization} {self.setting}"

    @classmethod
    def of(cls, text: str) -> "Name":
        """The name that `text` keeps."""
        organization, _, setting = text.partition(" ")
        return cls(organization, setting)


Values: TypeAlias = Mapping[Name, bool | int]
"""What differs from the configuration."""


def understood(kept: Mapping[str, str]) -> dict[Name, bool | int]:
    """Values as they are kept. What is no switch or number where one must be was written by another hand: left out."""
    shapes = {setting.name: int if setting.minutes else bool for setting in SETTINGS}
    values: dict[Name, bool | int] = {}
    for text, value in kept.items():
        name = Name.of(text)
        try:
            read: Any = json.loads(value)
        except ValueError:
            continue
        if type(read) is shapes.get(name.setting):
            values[name] = read
    return values


def in_force(deployment: Deployment, values: Values) -> Deployment:
    """The configuration with these values in place of its own."""
    if not values:
        return deployment
    server = {s.attribute: value for s, value in _those(values, EVERYWHERE) if s.entity is Entity.SERVER_SETTINGS}
    bits = {s.attribute: value for s, value in _those(values, EVERYWHERE) if s.entity is Entity.FEATURE_CONTROL_BITS}
    return replace(
        deployment,
        server_settings=_with(deployment.server_settings, server),
        feature_control_bits=_with(deployment.feature_control_bits, bits),
        organizations=tuple(_organization(each, values) for each in deployment.organizations),
    )


def _with(frozen: Any, changes: Mapping[str, Any]) -> Any:
    return replace(frozen, **changes) if changes else frozen


def _those(values: Values, organization: str) -> list[tuple[Setting, bool | int]]:
    named = ((setting, Name(organization, setting.name)) for setting in SETTINGS)
    return [(setting, values[name]) for setting, name in named if name in values]


def _organization(organization: Organization, values: Values) -> Organization:
    own = [(setting, value) for setting, value in _those(values, organization.name) if setting.is_of(organization)]
    if not own:
        return organization
    system = {s.attribute: value for s, value in own if s.entity is Entity.ORGANIZATION}
    switches = {s.attribute: value for s, value in own if s.entity is Entity.SERVER_SETTINGS}
    nonce: Any = switches.pop("wsfed_nonce_cookie_enabled", organization.wsfed_nonce_cookie_enabled)
    server = organization.server_settings
    if organization.kind is OrganizationKind.PORTAL and switches:
        server = _with(server or PORTAL_SWITCHES, switches)
    return replace(
        organization,
        system_settings=_with(organization.system_settings, system),
        server_settings=server,
        wsfed_nonce_cookie_enabled=nonce,
    )


def value_of(deployment: Deployment, organization: Organization | None, setting: Setting) -> Value:
    """The value that a configuration gives a setting; None where it leaves it open."""
    found: Value
    if organization is None:
        holder: Any = deployment.server_settings
        if setting.entity is Entity.FEATURE_CONTROL_BITS:
            holder = deployment.feature_control_bits
        found = getattr(holder, setting.attribute)
        return found
    if setting.attribute == "wsfed_nonce_cookie_enabled":
        return organization.wsfed_nonce_cookie_enabled
    own: Any = organization.system_settings
    if setting.entity is Entity.SERVER_SETTINGS:
        own = organization.server_settings or PORTAL_SWITCHES
    found = getattr(own, setting.attribute)
    return found


def effective(deployment: Deployment, organization: Organization | None, setting: Setting) -> Value:
    """The value that acts: what is left open comes from the server settings, or from a portal's own."""
    own = value_of(deployment, organization, setting)
    if own is not None or organization is None or setting.entity is not Entity.SERVER_SETTINGS:
        return own
    switches: Any = switches_of(organization, deployment.server_settings)
    found: Value = getattr(switches, setting.attribute)
    return found


def scopes(deployment: Deployment) -> tuple[Organization | None, ...]:
    """Whose settings there are: all organizations' first, as None."""
    return (None, *deployment.organizations)


def scope_name(organization: Organization | None) -> str:
    """What an organization's settings are kept under."""
    return EVERYWHERE if organization is None else organization.name
