"""Audit events: what an auditor asks for, one line each, with names and fields that stay.

`docs/audit.md` says what each event and field means, `docs/audit.schema.json` says it to programs. Every event has
`at`, `event`, `audit` (the schema's version), `organization`, `principal` (`Principal.user`), `reason`,
`client_address` and `reference` (what the person was shown and the log's lines carry); a text that does not apply is
empty. Further facts by name. No event carries a token, a code or a cookie.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

import structlog

from proxy.observability.audit_file import AuditFile, Facts, to_log
from proxy.observability.redaction import redact

SCHEMA_VERSION = 1


class AuditEvent(StrEnum):
    """Every event there is. The words are public."""

    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGNED_OUT = "signed_out"
    SESSION_EXPIRED = "session_expired"
    SESSION_REVOKED = "session_revoked"
    USER_REVOKED = "user_revoked"
    SETTING_CHANGED = "setting_changed"
    BINDING_BROKEN = "binding_broken"
    REFRESH_REFUSED = "refresh_refused"
    REFUSED = "refused"


OnEvent: TypeAlias = Callable[[AuditEvent, str, str], None]
"""Told of each event once: which, whose organization, its reason."""

# The instants of the log, so that the two can be laid side by side.
_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")


class Audit:
    """Writes audit events to `file`, or to the log `audit` where there is none."""

    def __init__(self, file: AuditFile | None = None, *, on_event: OnEvent | None = None) -> None:
        self._file = file
        self._on_event = on_event

    def record(
        self,
        event: str,
        *,
        organization: str,
        principal: str = "",
        reason: str = "",
        client_address: str = "",
        **facts: str | float | None,
    ) -> None:
        """Write one event; the request's reference is added. A fact of None is left out.

        Raises ValueError for an event that `AuditEvent` does not list.
        """
        known = AuditEvent(event)
        line: Facts = {
            "at": str(_stamp(None, "info", {})["at"]),
            "event": known.value,
            "audit": SCHEMA_VERSION,
            "organization": organization,
            "principal": principal,
            "reason": str(reason),
            "client_address": client_address,
            "reference": str(structlog.contextvars.get_contextvars().get("reference", "")),
        }
        line |= {name: value for name, value in facts.items() if value is not None}
        if self._file is None:
            to_log([line])
        else:
            redact(None, "info", line)
            self._file.write(line)
        if self._on_event is not None:
            self._on_event(known, organization, str(reason))
