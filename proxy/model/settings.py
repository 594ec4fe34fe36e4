"""Server settings, system settings, their bounds, and the rules of time that follow from them.

Names are Microsoft's: SetAdvancedSettings' server settings and the Organization table's attributes.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from proxy.model.session import ClientKind
from proxy.model.time import Minutes, Seconds


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`AllowCustomSessionDuration`, `AllowCustomInactivityDuration`, `WSFedNonceCookieEnabled`."""

    allow_custom_session_duration: bool = False
    allow_custom_inactivity_duration: bool = False
    wsfed_nonce_cookie_enabled: bool = False


@dataclass(frozen=True, slots=True)
class FeatureControlBits:
    """`FCB.UCIInactivityTimeout`, which gates inactivity alone."""

    uci_inactivity_timeout: bool = False


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """One organization's settings, by the attribute names of CRM's Organization table."""

    sessiontimeoutenabled: bool = False
    sessiontimeoutinmins: Minutes | None = 1440
    sessiontimeoutreminderinmins: Minutes | None = 20
    inactivitytimeoutenabled: bool = False
    inactivitytimeoutinmins: Minutes | None = None
    inactivitytimeoutreminderinmins: Minutes | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of system settings, in minutes. The 24-hour ceiling is not built in: the YAML moves it."""

    session_minimum: Minutes = 60
    session_maximum: Minutes = 1440
    inactivity_minimum: Minutes = 5
    reminder_minimum: Minutes = 1


class ActivityCounts(StrEnum):
    """What counts as activity; each includes the ones before it."""

    USER_INPUT = "user_input"
    NAVIGATION = "navigation"
    EVERY_REQUEST = "every_request"


class SignOutScope(StrEnum):
    """How far a sign-out everywhere reaches: the organization that it was asked of, or all of that provider."""

    ORGANIZATION = "organization"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Finding:
    """A setting that was found out of its bounds and taken as the strictest valid value; the caller logs it."""

    setting: str
    value: int | None
    taken_as: int
    bound: str


EXEMPT_KINDS = frozenset(
    {
        ClientKind.OUTLOOK,
        ClientKind.PHONE,
        ClientKind.TABLET,
        ClientKind.UNIFIED_SERVICE_DESK,
        ClientKind.LIVE_ASSIST,
    }
)
"""Client kinds in which Microsoft does not enforce inactivity («Manage user sessions and access»)."""


@dataclass(frozen=True, slots=True)
class TimeRules:
    """What the settings of one organization come to, ready to be applied to a session.

    `session_length`: seconds, or None where the token's end decides. `inactivity`: seconds, or None where inactivity
    is not enforced. Reminders are seconds before each end. `binds_to_browser`: a session is refused to another browser.
    """

    session_length: Seconds | None = None
    session_reminder: Seconds = 1200.0
    inactivity: Seconds | None = None
    inactivity_reminder: Seconds | None = None
    counts: ActivityCounts = ActivityCounts.USER_INPUT
    exempt_kinds: frozenset[ClientKind] = EXEMPT_KINDS
    sign_out_owes_credentials: bool = False
    binds_to_browser: bool = False
    findings: tuple[Finding, ...] = field(default=())


ADMINISTRATION_RULES: Final = TimeRules(
    session_length=60 * 60.0,
    session_reminder=10 * 60.0,
    inactivity=15 * 60.0,
    inactivity_reminder=2 * 60.0,
    exempt_kinds=frozenset(),
    sign_out_owes_credentials=True,
    binds_to_browser=True,
)
"""Rules of the administrators' own host: 60 minutes, 15 of inactivity, then credentials, and one browser only."""
