"""What a supervisor says to its workers, and what they answer."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from proxy.model.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Start:
    """Begin to serve by this; the first message, answered by Done or Failed."""

    deployment: Deployment


@dataclass(frozen=True, slots=True)
class Reload:
    """Go by this from now on; answered by Done, Failed or NeedsRestart."""

    deployment: Deployment


@dataclass(frozen=True, slots=True)
class TellCounts:
    """What was counted so far; answered by Done with a Snapshot."""


@dataclass(frozen=True, slots=True)
class TellChecks:
    """How everything is; answered by Done with Checks."""


Message: TypeAlias = Start | Reload | TellCounts | TellChecks


@dataclass(frozen=True, slots=True)
class Done:
    """It is so; `said` is the answer."""

    said: Any = None


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot be, and nothing has changed."""

    why: str


@dataclass(frozen=True, slots=True)
class NeedsRestart:
    """Another worker could, this one cannot."""

    why: str


Answer: TypeAlias = Done | Failed | NeedsRestart
