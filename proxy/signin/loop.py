"""The loop breaker: a sign-in that is completed and challenged again and again ends on a page that explains.

Starts alone never count: restored tabs and dashboards start many at once. AD FS itself stops a browser that comes back
5 times in 20 seconds (MSIS7042), with a page that helps nobody; so we do not send it a sixth time.
"""

import json
from dataclasses import dataclass, replace
from enum import StrEnum

from proxy.errors import SealBroken
from proxy.model.time import Instant, Seconds
from proxy.sealing import Sealer

LOOP_SECONDS: Seconds = 20.0
LOOP_TIMES = 5
_PURPOSE = "loop"


class LoopEvent(StrEnum):
    """What happened."""

    STARTED = "started"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class LoopState:
    """`completed`: a sign-in was completed and none was started since. `challenged`: when completed ones were."""

    completed: bool = False
    challenged: tuple[Instant, ...] = ()

    @property
    def is_loop(self) -> bool:
        """Whether the next redirect would only go round once more."""
        return len(self.challenged) >= LOOP_TIMES


def next_loop_state(state: LoopState, event: LoopEvent, now: Instant) -> LoopState:
    """The state after an event at `now`."""
    recent = tuple(instant for instant in state.challenged if now - LOOP_SECONDS < instant <= now)
    match event:
        case LoopEvent.COMPLETED:
            return LoopState(completed=True, challenged=recent)
        case LoopEvent.STARTED:
            if state.completed:
                recent = (*recent, now)
            return replace(state, completed=False, challenged=recent)


def seal_loop(sealer: Sealer, state: LoopState) -> str:
    """The loop cookie's value."""
    return sealer.seal_text(json.dumps([state.completed, state.challenged]).encode(), purpose=_PURPOSE)


def open_loop(sealer: Sealer, value: str | None) -> LoopState:
    """What the loop cookie says; a fresh state where there is none."""
    if not value:
        return LoopState()
    try:
        completed, challenged = json.loads(sealer.open_text(value, purpose=_PURPOSE))
    except (SealBroken, ValueError):
        return LoopState()
    return LoopState(completed, tuple(challenged))
