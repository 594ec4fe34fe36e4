"""Audit events: what an auditor asks for, one line each, with names and fields that stay.

Schema, version 1: `audit` (1), `event`, `organization`, `principal` (UPN, else name), `reason`, `client_address`, and
`reference` where a request caused it; further facts by name. No event carries a token, a code or a cookie.
"""

from enum import StrEnum

import structlog

SCHEMA_VERSION = 1


class AuditEvent(StrEnum):
    """Every event there is. The words are public."""

    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGNED_OUT = "signed_out"
    SESSION_EXPIRED = "session_expired"
    SESSION_REVOKED = "session_revoked"
    REFUSED = "refused"


class Audit:
    """Writes audit events to the log `audit`."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("audit")

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
        """Write one event. Raises ValueError for an event that `AuditEvent` does not list."""
        self._log.info(
            AuditEvent(event).value,
            audit=SCHEMA_VERSION,
            organization=organization,
            principal=principal,
            reason=reason,
            client_address=client_address,
            **facts,
        )
