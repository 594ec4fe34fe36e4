"""Every setting by the name that administrators know it by.

Sources: Microsoft, «Manage user sessions and access with security enhancements» (SetAdvancedSettings.ps1, feature
control bits) and the Organization table's reference.
"""

import difflib
from dataclasses import dataclass
from enum import StrEnum

from proxy.errors import SettingUnknown
from proxy.model.organization import Organization, OrganizationKind


class Entity(StrEnum):
    """Where a setting belongs; SetAdvancedSettings' ConfigurationEntityName for the first and the last."""

    SERVER_SETTINGS = "ServerSettings"
    FEATURE_CONTROL_BITS = "FeatureControlBits"
    ORGANIZATION = "Organization"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    `attribute`: the field of the frozen values that holds it. `minutes`: a whole number of them, else a switch.
    `of_deployment`: it has one value for all organizations. `of_kinds`: organizations that have one each.
    """

    name: str
    entity: Entity
    attribute: str
    description: str
    minutes: bool = False
    of_deployment: bool = False
    of_kinds: frozenset[OrganizationKind] = frozenset()

    def is_of(self, organization: Organization | None) -> bool:
        """Whether this organization, or for None the deployment, has a value of it."""
        return self.of_deployment if organization is None else organization.kind in self.of_kinds


_EVERY = frozenset(OrganizationKind)
_PORTAL = frozenset({OrganizationKind.PORTAL})
_SWITCH = Entity.SERVER_SETTINGS


def _switch(name: str, attribute: str, description: str, kinds: frozenset[OrganizationKind]) -> Setting:
    return Setting(name, _SWITCH, attribute, description, of_deployment=True, of_kinds=kinds)


def _system(name: str, description: str, *, minutes: bool = True) -> Setting:
    return Setting(name, Entity.ORGANIZATION, name, description, minutes=minutes, of_kinds=_EVERY)


SETTINGS: tuple[Setting, ...] = (
    _switch(
        "AllowCustomSessionDuration", "allow_custom_session_duration", "Custom session timeouts act.", kinds=_PORTAL
    ),
    _switch(
        "AllowCustomInactivityDuration", "allow_custom_inactivity_duration", "Inactivity timeouts act.", kinds=_PORTAL
    ),
    _switch(
        "WSFedNonceCookieEnabled",
        "wsfed_nonce_cookie_enabled",
        "Access token management: who signed out types credentials to come back.",
        kinds=_EVERY,
    ),
    Setting(
        "FCB.UCIInactivityTimeout",
        Entity.FEATURE_CONTROL_BITS,
        "uci_inactivity_timeout",
        "Inactivity timeouts act only with this bit as well.",
        of_deployment=True,
    ),
    _system("sessiontimeoutenabled", "Set custom session timeout.", minutes=False),
    _system("sessiontimeoutinmins", "Maximum session length, minutes."),
    _system("sessiontimeoutreminderinmins", "Warn that many minutes before the session ends."),
    _system("inactivitytimeoutenabled", "Enable session timeout due to inactivity.", minutes=False),
    _system("inactivitytimeoutinmins", "Duration of inactivity before timing out, minutes."),
    _system("inactivitytimeoutreminderinmins", "Warn that many minutes before timing out."),
)
_BY_NAME = {setting.name.casefold(): setting for setting in SETTINGS}


def setting_named(name: str, organization: Organization | None) -> Setting:
    """The setting of this name, in any letter case, that an organization (None: the deployment) has.

    Raises SettingUnknown, which names the nearest one that it has.
    """
    found = _BY_NAME.get(name.casefold())
    if found is not None and found.is_of(organization):
        return found
    of = [setting.name for setting in SETTINGS if setting.is_of(organization)]
    whose = "all organizations" if organization is None else f"{organization.kind} {organization.name}"
    if found is not None:
        raise SettingUnknown(f"{found.name} is no setting of {whose}; {_belongs(found)}")
    raise SettingUnknown(f"{name}: {whose} have no such setting; {nearest(name, of)}")


def _belongs(setting: Setting) -> str:
    if not setting.of_kinds:
        return "it holds for all organizations: leave the organization out"
    if setting.of_kinds == _PORTAL:
        return "of a single organization only portals have it: leave the organization out"
    return "each organization has its own: name one"


def nearest(name: str, known: list[str]) -> str:
    """`did you mean X?` where something comes near, else what there is."""
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f"did you mean {folded[close[0]]}?" if close else f"known are {', '.join(known)}"


_TRUE = frozenset({"true", "$true", "yes", "on", "1"})
_FALSE = frozenset({"false", "$false", "no", "off", "0"})
_NONE = frozenset({"null", "$null", "default"})


def parse(setting: Setting, text: str) -> bool | int | None:
    """A value as people write it in commands; None for `default`, the configuration's. Raises SettingUnknown."""
    plain = text.strip().casefold()
    if plain in _NONE:
        return None
    if setting.minutes:
        if plain.isascii() and plain.isdigit():
            return int(plain[:9])
        raise SettingUnknown(
            f"{setting.name}: {text!r} is no number of minutes; write a whole one such as 60, or default"
        )
    if plain in _TRUE | _FALSE:
        return plain in _TRUE
    raise SettingUnknown(f"{setting.name}: {text!r} is neither true nor false; write true, false or default")
