"""`session` and `activity`: durations instead of instants, so that a wrong clock in the browser does no harm."""

from typing import Protocol

from aiohttp import web

from proxy.browser.visits import Visit, Visits, as_json
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import Session
from proxy.model.time import Instant, Seconds
from proxy.policy.limits import time_left
from proxy.sealing import Sealer

_PURPOSE = "principal shown to pages"


class NotesActivity(Protocol):
    """What these endpoints need of `sessions.service.Sessions`."""

    def note_activity(self, session: Session, now: Instant, inactivity: Seconds | None) -> None:
        """The user was there at this instant."""

    def activity_resolution(self, inactivity: Seconds | None) -> Seconds:
        """Seconds within which further signs of activity change nothing."""


class BrowserEndpoints:
    """The endpoints a page's own script talks to."""

    def __init__(self, visits: Visits, sessions: NotesActivity, sealer: Sealer) -> None:
        self._visits = visits
        self._sealer = sealer
        self._sessions = sessions

    async def session(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """GET: seconds left until each end and each warning, the reason, opaque tags of the principal.

        `principal`: one tag under each configured secret, newest first, separated by spaces. Two responses are about
        the same principal if they share a tag, also while a secret is being rotated and nodes list different secrets.
        Also `activity_resolution` (seconds; to report activity more often changes nothing) and `dialogs`, whether the
        page is to warn at all.
        """
        if request.method not in {"GET", "HEAD"}:
            return as_json({"error": "method_not_allowed"}, status=405, headers={"Allow": "GET, HEAD"})
        return await self._answer(request, facts, organization, active=False)

    async def activity(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """POST from our own origin: the user is there; answers as `session` does."""
        if request.method != "POST":
            return as_json({"error": "method_not_allowed"}, status=405, headers={"Allow": "POST"})
        if request.headers.get("Origin") != facts.origin:
            return as_json({"error": "foreign_origin"}, status=403)
        return await self._answer(request, facts, organization, active=True)

    async def _answer(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None, *, active: bool
    ) -> web.StreamResponse:
        found = await self._visits.find(request, facts, organization)
        return self._live(found, active=active) if isinstance(found, Visit) else found

    def _live(self, visit: Visit, *, active: bool) -> web.Response:
        session, rules, now = visit.session, visit.rules, visit.now
        if active:
            self._sessions.note_activity(session, now, rules.inactivity)
        left = time_left(session, rules, now)
        inactivity: Seconds | None = left.inactivity_ends_in
        warning: Seconds | None = left.inactivity_warning_in
        if active and inactivity is not None and rules.inactivity is not None and warning is not None:
            inactivity, warning = rules.inactivity, warning + rules.inactivity - inactivity
        return as_json(
            {
                "state": "live",
                "session_ends_in": left.session_ends_in,
                "session_warning_in": left.session_warning_in,
                "inactivity_ends_in": inactivity,
                "inactivity_warning_in": warning,
                "reason": left.reason,
                "principal": " ".join(self._sealer.tags(session.principal.key, purpose=_PURPOSE)),
                "activity_resolution": self._sessions.activity_resolution(rules.inactivity),
                # An exempt client shows its own screens, or has nobody to show one to.
                "dialogs": session.client_kind not in rules.exempt_kinds,
            }
        )
