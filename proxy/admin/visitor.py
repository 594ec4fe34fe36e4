"""Who comes to the administrators' station, and what shows that a change is theirs."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from proxy.admin.problem import Problem
from proxy.model.organization import AccessRule, Organization
from proxy.model.request import RequestFacts
from proxy.model.session import Session
from proxy.model.time import Instant, Seconds
from proxy.policy.access import is_administrator
from proxy.sealing import Sealer

FRESH_SECONDS: Seconds = 15 * 60.0
"""A change needs credentials that are no older."""

TOKEN_HEADER = "X-Claims-Token"  # noqa: S105 - the name of a header


@dataclass(frozen=True, slots=True)
class Visitor:
    """An administrator, at one organization's host. `token`: what a change must show, beside its origin."""

    request: web.Request
    facts: RequestFacts
    organization: Organization
    session: Session
    token: str
    fresh_for: Seconds

    @property
    def name(self) -> str:
        """Who it is, in audit events and the history."""
        return self.session.principal.user


class Reception:
    """Admits administrators, and no one else."""

    def __init__(self, rules: Sequence[AccessRule], sealer: Sealer, clock: Callable[[], Instant]) -> None:
        self._rules = rules
        self._sealer = sealer
        self._clock = clock

    def admit(
        self, request: web.Request, facts: RequestFacts, organization: Organization, session: Session
    ) -> Visitor | None:
        """The administrator; None for somebody else, and for a bearer token: pages are for people."""
        if session.reference is None or not is_administrator(self._rules, session.principal):
            return None
        token = self._sealer.tag(session.reference.id_hash, purpose="administrator")
        made = session.credentials_at
        age = FRESH_SECONDS if made is None else self._clock() - made
        return Visitor(request, facts, organization, session, token, max(0.0, FRESH_SECONDS - max(0.0, age)))

    def is_own_will(self, visitor: Visitor) -> None:
        """Raises Problem where a request does not show that a page of ours sent it, at its reader's will."""
        headers, facts = visitor.request.headers, visitor.facts
        if headers.getall("Origin", []) != [facts.origin]:
            raise Problem(403, "foreign_origin", f"the Origin header must be {facts.origin}")
        shown = headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), visitor.token.encode()):
            raise Problem(403, "bad_token", f"{TOKEN_HEADER} must be the token that api/me tells")

    def may_change(self, visitor: Visitor) -> None:
        """Raises Problem where the credentials are too old for a change."""
        if visitor.fresh_for <= 0:
            needed = f"a change needs credentials of the last {round(FRESH_SECONDS / 60)} minutes"
            raise Problem(403, "credentials_too_old", f"sign in again: {needed}")
