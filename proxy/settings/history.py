"""Entries of the history: settings that were changed, and what else administrators did."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from proxy.model.time import Instant
from proxy.settings.values import Name, Value

log = structlog.get_logger("settings")


@dataclass(frozen=True, slots=True)
class Item:
    """One setting that was changed; None stands for the configuration's value."""

    organization: str
    setting: str
    before: Value
    after: Value

    @property
    def name(self) -> Name:
        """Which."""
        return Name(self.organization, self.setting)


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody did.

    `revision`: what the change made it, None for an act that changed no setting. `act`: `changed`, `rolled_back`,
    `restored`, `session_revoked`, `user_revoked`. `subject`: whom an act was about.
    `ended`: how many sessions it ended.
    """

    act: str
    at: Instant
    by: str
    why: str
    revision: int | None = None
    items: tuple[Item, ...] = ()
    subject: str = ""
    ended: int | None = None

    @property
    def text(self) -> str:
        """As it is kept."""
        return json.dumps({name: value for name, value in asdict(self).items() if value not in (None, "", ())})


def entry_of(text: str) -> Entry | None:
    """The entry that was kept as `text`; None for what we did not write."""
    try:
        kept: dict[str, Any] = json.loads(text)
        items = tuple(
            Item(i["organization"], i["setting"], i.get("before"), i.get("after")) for i in kept.pop("items", ())
        )
        return Entry(**{"by": "", "why": "", **kept}, items=items)
    except (ValueError, TypeError, KeyError, AttributeError):
        log.warning("history_entry_not_understood", length=len(text))
        return None


def entries_of(texts: Sequence[str]) -> tuple[Entry, ...]:
    """Those that are ours."""
    return tuple(entry for entry in map(entry_of, texts) if entry is not None)
