"""The rules of time: how long a session lasts, how long it may idle, when to warn. Functions of settings and now alone.

Sources: Microsoft, «Manage user sessions and access with security enhancements»; the Organization table's reference.
"""

from dataclasses import dataclass, replace
from typing import Any

from proxy.model.decision import Ending
from proxy.model.organization import Organization
from proxy.model.session import EndReason, Timed
from proxy.model.settings import (
    ActivityCounts,
    FeatureControlBits,
    Finding,
    Limits,
    ServerSettings,
    SystemSettings,
    TimeRules,
)
from proxy.model.settings_bounds import Problem, bounds_problems
from proxy.model.switches import off_for_inactivity, off_for_session, switches_of
from proxy.model.time import Instant, Minutes, Seconds

_SESSION_LENGTH = "sessiontimeoutinmins"
_SESSION_REMINDER = "sessiontimeoutreminderinmins"
_INACTIVITY = "inactivitytimeoutinmins"
_INACTIVITY_REMINDER = "inactivitytimeoutreminderinmins"


@dataclass(frozen=True, slots=True)
class _Switches:
    """Which custom limits act, and whether a sign-out owes credentials."""

    session: bool
    inactivity: bool
    sign_out_owes_credentials: bool


def time_rules(
    organization: Organization,
    server_settings: ServerSettings,
    bits: FeatureControlBits,
    limits: Limits,
    counts: ActivityCounts,
) -> TimeRules:
    """What all settings come to for one organization.

    A setting out of its bounds counts as the strictest valid value, the least one; `findings` tells which, for the
    caller to log. A setting that does not act is not judged.
    """
    switches = _switches(organization, server_settings, bits)
    settings, findings = _within_bounds(organization.system_settings, limits, switches)
    return TimeRules(
        session_length=_seconds(settings.sessiontimeoutinmins) if switches.session else None,
        session_reminder=_seconds(settings.sessiontimeoutreminderinmins) or 0.0,
        inactivity=_seconds(settings.inactivitytimeoutinmins) if switches.inactivity else None,
        inactivity_reminder=_seconds(settings.inactivitytimeoutreminderinmins) if switches.inactivity else None,
        counts=counts,
        sign_out_owes_credentials=switches.sign_out_owes_credentials,
        # Access token management is one switch: credentials after a sign-out, and a session for its browser alone.
        binds_to_browser=switches.sign_out_owes_credentials,
        findings=findings,
    )


def _switches(organization: Organization, server_settings: ServerSettings, bits: FeatureControlBits) -> _Switches:
    wanted, owes = organization.system_settings, organization.wsfed_nonce_cookie_enabled
    switches = switches_of(organization, server_settings)
    return _Switches(
        session=wanted.sessiontimeoutenabled and not off_for_session(organization, server_settings),
        inactivity=wanted.inactivitytimeoutenabled and not off_for_inactivity(organization, server_settings, bits),
        sign_out_owes_credentials=switches.wsfed_nonce_cookie_enabled if owes is None else owes,
    )


def _within_bounds(
    settings: SystemSettings, limits: Limits, switches: _Switches
) -> tuple[SystemSettings, tuple[Finding, ...]]:
    """The settings with every acting value that is out of bounds taken as the least valid one.

    One after the other, because the bounds of an inactivity timeout and of reminders hang on what comes before them.
    """
    strictest = [(_SESSION_REMINDER, limits.reminder_minimum)]
    if switches.session:
        strictest.insert(0, (_SESSION_LENGTH, limits.session_minimum))
    if switches.inactivity:
        strictest += [(_INACTIVITY, limits.inactivity_minimum), (_INACTIVITY_REMINDER, limits.reminder_minimum)]
    acting = replace(settings, sessiontimeoutenabled=switches.session, inactivitytimeoutenabled=switches.inactivity)
    findings = []
    for setting, least in strictest:
        found = {problem.setting: problem for problem in problems(acting, limits, custom_session=switches.session)}
        if setting in found:
            findings.append(Finding(setting, getattr(acting, setting), least, found[setting].bound))
            taken: dict[str, Any] = {setting: least}
            acting = replace(acting, **taken)
    return acting, tuple(findings)


def problems(settings: SystemSettings, limits: Limits, *, custom_session: bool | None = None) -> tuple[Problem, ...]:
    """Every setting that is out of its bounds, with the bound in words; for validation before a value is taken."""
    return bounds_problems(settings, limits, custom_session=custom_session)


def _seconds(minutes: Minutes | None) -> Seconds | None:
    return None if minutes is None else minutes * 60.0


def session_end(session: Timed, rules: TimeRules) -> tuple[Instant, EndReason]:
    """When the session ends whatever its user does, and by which limit.

    Custom on: the length after the signed-in instant, whatever the token's life; off: the token's end. A session made
    from a bearer token ends at the nearer of both, for a custom length cannot lengthen a token that is sent each time.
    """
    if rules.session_length is None:
        return session.token_end, EndReason.TOKEN_LIFETIME
    end = session.signed_in_at + rules.session_length
    if session.is_bearer and session.token_end < end:
        return session.token_end, EndReason.TOKEN_LIFETIME
    return end, EndReason.SESSION_TIMEOUT


def inactivity_end(session: Timed, rules: TimeRules) -> Instant | None:
    """When the session ends if nobody does anything; None where inactivity is not enforced in it."""
    if rules.inactivity is None or session.is_bearer or session.client_kind in rules.exempt_kinds:
        return None
    return session.last_activity + rules.inactivity


def ending(session: Timed, rules: TimeRules, now: Instant) -> Ending | None:
    """The limit that the session has reached at `now`, or None while it lasts. It ends at the instant itself."""
    end, reason = _nearer_end(session, rules)
    if now < end:
        return None
    return Ending(reason, end, owes_credentials=reason is not EndReason.TOKEN_LIFETIME)


def ends_at(session: Timed, rules: TimeRules) -> Instant:
    """The instant of the nearer limit, if nobody does anything meanwhile."""
    return _nearer_end(session, rules)[0]


def _nearer_end(session: Timed, rules: TimeRules) -> tuple[Instant, EndReason]:
    """The nearer end. Of equal ones the session timeout wins; the token's end yields, as it owes no credentials."""
    end, reason = session_end(session, rules)
    idle_end = inactivity_end(session, rules)
    if idle_end is None or end < idle_end or (end == idle_end and reason is EndReason.SESSION_TIMEOUT):
        return end, reason
    return idle_end, EndReason.INACTIVITY_TIMEOUT


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Seconds from now to each end and to the warning before it; `reason` is the nearer end's.

    A warning that is due is negative by how long it has been due. Inactivity's are None where it is not enforced.
    """

    session_ends_in: Seconds
    session_warning_in: Seconds
    inactivity_ends_in: Seconds | None
    inactivity_warning_in: Seconds | None
    reason: EndReason


def time_left(session: Timed, rules: TimeRules, now: Instant) -> TimeLeft:
    """How long the session lasts at `now`, as durations: they stay right where the browser's clock is wrong."""
    end, _ = session_end(session, rules)
    idle_end = inactivity_end(session, rules)
    idle_left = None if idle_end is None else idle_end - now
    return TimeLeft(
        session_ends_in=end - now,
        session_warning_in=end - now - _session_reminder(session, rules),
        inactivity_ends_in=idle_left,
        inactivity_warning_in=None if idle_left is None else idle_left - (rules.inactivity_reminder or 0.0),
        reason=_nearer_end(session, rules)[1],
    )


def _session_reminder(session: Timed, rules: TimeRules) -> Seconds:
    """Seconds before the session's end to warn: where the token's life decides, no more than half of it."""
    if rules.session_length is not None:
        return rules.session_reminder
    return min(rules.session_reminder, max(0.0, session.token_end - session.signed_in_at) / 2)
