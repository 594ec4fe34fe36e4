"""The audit trail as a test reads it: each line valid by the schema."""

import json
import re
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "audit.schema.json").read_text())
REFERENCE = re.compile(r"[0-9A-HJKMNP-TV-Z]{12}")


class Trail:
    """The audit events among captured log lines, each valid by the schema."""

    def __init__(self, lines: list[dict[str, object]]) -> None:
        self._lines = lines

    @property
    def events(self) -> list[dict[str, object]]:
        found = [{name: line[name] for name in line if name != "log_level"} for line in self._lines if "audit" in line]
        for event in found:
            Draft202012Validator(SCHEMA).validate(event)
        return found

    def of(self, event: str) -> list[dict[str, object]]:
        return [each for each in self.events if each["event"] == event]

    def only(self, event: str) -> dict[str, object]:
        (found,) = self.of(event)
        return found


def by_alice(event, reason: str) -> bool:
    """Whether a request of alice's from here caused it, at this organization, for this reason."""
    return bool(REFERENCE.fullmatch(event["reference"])) and (
        event["organization"],
        event["principal"],
        event["reason"],
        event["client_address"],
    ) == ("contoso", "alice@contoso.com", reason, "127.0.0.1")
