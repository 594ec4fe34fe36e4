"""When a session is renewed by its refresh token. Functions of session, rules and now alone.

A renewal moves the token's end and nothing else: where a custom length acts it would change nothing, so there is none.
It is no activity: an idle session ends as idle, whatever its token's end.
"""

import math

from proxy.model.decision import Ending
from proxy.model.session import EndReason, Session
from proxy.model.settings import TimeRules
from proxy.model.time import Instant, Seconds
from proxy.policy.limits import ending

_WINDOW: Seconds = 300.0
_PART_OF_LIFE = 4
_FIRST_PAUSE: Seconds = 5.0
_LONGEST_PAUSE: Seconds = 60.0


def refresh_at(token_end: Instant, now: Instant) -> Instant:
    """From when a token that begins `now` is to be renewed: 5 minutes before its end, or the last quarter of it."""
    return token_end - min(_WINDOW, max(token_end - now, 0.0) / _PART_OF_LIFE)


def is_due(session: Session, rules: TimeRules, now: Instant) -> bool:
    """Whether the session may be renewed now: in the last part of its token's life, and not over by any limit."""
    return now >= session.refresh_at and rules.session_length is None and ending(session, rules, now) is None


def may_live_on(session: Session, ended: Ending) -> bool:
    """Whether a limit that a worker's own copy has reached may be moved: by activity or a renewal seen elsewhere.

    Only the store knows of all.
    """
    renewable = session.refresh_at < math.inf
    return ended.reason is EndReason.INACTIVITY_TIMEOUT or (ended.reason is EndReason.TOKEN_LIFETIME and renewable)


def try_again_in(session: Session, now: Instant) -> Seconds:
    """How long to leave a provider alone that did not answer.

    As long as it has been tried for, so the pauses double; that follows from the session alone, so all nodes agree.
    """
    return min(max(now - session.refresh_at, _FIRST_PAUSE), _LONGEST_PAUSE)
