"""The bounds of system settings, in one place for the configuration and for policy.

Source: Microsoft, «Manage user sessions and access with security enhancements»; System Settings > General.
"""

from dataclasses import dataclass

from proxy.model.settings import Limits, SystemSettings
from proxy.model.time import Minutes


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting out of its bounds. `bound` says in words what would be right, naming the limit that says so."""

    setting: str
    value: Minutes | None
    bound: str


def bounds_problems(
    settings: SystemSettings, limits: Limits, *, custom_session: bool | None = None
) -> tuple[Problem, ...]:
    """Every setting that is out of its bounds. Values of a limit that is not enabled are not judged.

    `custom_session`: whether a custom session length acts; the setting's own switch where it is None. An inactivity
    timeout must stay below that length, or below the longest length allowed where none acts.
    """
    custom = settings.sessiontimeoutenabled if custom_session is None else custom_session
    found: list[Problem] = []
    length = settings.sessiontimeoutinmins
    if custom and (length is None or not limits.session_minimum <= length <= limits.session_maximum):
        bounds = f"from {limits.session_minimum} to {limits.session_maximum} minutes"
        bound = f"{bounds} (limits.session_minimum, limits.session_maximum)"
        found.append(Problem("sessiontimeoutinmins", length, bound))
    ceiling, ceiling_name = limits.session_maximum, "limits.session_maximum"
    if custom and length is not None:
        ceiling, ceiling_name = length, "sessiontimeoutinmins"
    _check(
        found,
        "sessiontimeoutreminderinmins",
        settings.sessiontimeoutreminderinmins,
        (limits.reminder_minimum, "limits.reminder_minimum"),
        (ceiling, ceiling_name),
    )
    if settings.inactivitytimeoutenabled:
        inactivity = settings.inactivitytimeoutinmins
        least = (limits.inactivity_minimum, "limits.inactivity_minimum")
        _check(found, "inactivitytimeoutinmins", inactivity, least, (ceiling, ceiling_name))
        _check(
            found,
            "inactivitytimeoutreminderinmins",
            settings.inactivitytimeoutreminderinmins,
            (limits.reminder_minimum, "limits.reminder_minimum"),
            (inactivity or ceiling, "inactivitytimeoutinmins"),
        )
    return tuple(found)


def _check(
    found: list[Problem],
    setting: str,
    value: Minutes | None,
    least: tuple[Minutes, str],
    below: tuple[Minutes, str],
) -> None:
    if value is None or not least[0] <= value < below[0]:
        bound = f"at least {least[0]} minutes ({least[1]}) and below {below[0]} ({below[1]})"
        found.append(Problem(setting, value, bound))
