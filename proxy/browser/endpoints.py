"""`session` and `activity`: durations instead of instants, so that a wrong clock in the browser does no harm."""

import hashlib
from collections.abc import Callable
from typing import Protocol, assert_never

from aiohttp import web

from proxy.model.binding import Standing
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import BearerRefused, CannotTell, Ended, EndReason, Live, NoSession, Session, SessionLookup
from proxy.model.settings import TimeRules
from proxy.model.time import Instant, Seconds
from proxy.policy.limits import ending, time_left
from proxy.sessions.cookie import cookie_names, read_cookies
from proxy.sessions.guard import BindingCookies, BindingGuard

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class SessionsOfBrowser(Protocol):
    """What these endpoints need of `sessions.service.Sessions`."""

    async def load(self, cookie: str | None, organization: str, *, past_cache: bool = False) -> SessionLookup:
        """The four answers to «whose cookie is this?»."""

    def note_activity(self, session: Session, now: Instant, inactivity: Seconds | None) -> None:
        """The user was there at this instant."""


class BrowserEndpoints:
    """The endpoints a page's own script talks to. Neither ends a session: the next request does, with its audit."""

    def __init__(
        self,
        sessions: SessionsOfBrowser,
        rules_for: Callable[[Organization], TimeRules],
        clock: Callable[[], Instant],
        guard: BindingGuard,
    ) -> None:
        self._sessions = sessions
        self._rules_for = rules_for
        self._clock = clock
        self._guard = guard

    async def session(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """GET: seconds left until each end and each warning, the reason, an opaque tag of the principal."""
        if request.method not in {"GET", "HEAD"}:
            return _json({"error": "method_not_allowed"}, status=405, headers={"Allow": "GET, HEAD"})
        return await self._answer(request, facts, organization, active=False)

    async def activity(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """POST from our own origin: the user is there; answers as `session` does."""
        if request.method != "POST":
            return _json({"error": "method_not_allowed"}, status=405, headers={"Allow": "POST"})
        if request.headers.get("Origin") != facts.origin:
            return _json({"error": "foreign_origin"}, status=403)
        return await self._answer(request, facts, organization, active=True)

    async def _answer(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None, *, active: bool
    ) -> web.StreamResponse:
        if organization is None:
            return _json({"error": "unknown_path"}, status=404)
        names = cookie_names(organization.cookie_suffix, secure=facts.scheme == "https")
        cookies = read_cookies(request.headers.getall("Cookie", []))
        cookie = cookies.get(names.session)
        lookup = await self._sessions.load(cookie, organization.name)
        now = self._clock()
        rules = self._rules_for(organization)
        if isinstance(lookup, Live) and not lookup.from_store and ending(lookup.session, rules, now):
            lookup = await self._sessions.load(cookie, organization.name, past_cache=True)
        match lookup:
            case Live(session=session):
                shown = BindingCookies(cookies.get(names.nonce), cookies.get(names.device))
                standing = self._guard.standing(session, shown, facts, rules, now)
                return self._live(session, rules, now, standing, active=active)
            case Ended(tombstone=tombstone):
                return _json({"state": "ended", "reason": tombstone.reason}, status=401)
            case NoSession() | BearerRefused():
                return _json({"state": "none", "reason": "no_session"}, status=401)
            case CannotTell():
                headers = {"Retry-After": "5"}
                return _json({"state": "unknown", "reason": "store_unreachable"}, status=503, headers=headers)
            case _:
                assert_never(lookup)

    def _live(
        self, session: Session, rules: TimeRules, now: Instant, standing: Standing, *, active: bool
    ) -> web.Response:
        ended = ending(session, rules, now)
        if ended:
            return _json({"state": "ended", "reason": ended.reason}, status=401)
        if standing is Standing.BROKEN:
            return _json({"state": "ended", "reason": EndReason.BINDING_BROKEN}, status=401)
        if standing is not Standing.HOLDS:
            return _json({"state": "none", "reason": standing}, status=401)
        if active:
            self._sessions.note_activity(session, now, rules.inactivity)
        left = time_left(session, rules, now)
        inactivity: Seconds | None = left.inactivity_ends_in
        warning: Seconds | None = left.inactivity_warning_in
        if active and inactivity is not None and rules.inactivity is not None and warning is not None:
            inactivity, warning = rules.inactivity, warning + rules.inactivity - inactivity
        return _json(
            {
                "state": "live",
                "session_ends_in": left.session_ends_in,
                "session_warning_in": left.session_warning_in,
                "inactivity_ends_in": inactivity,
                "inactivity_warning_in": warning,
                "reason": left.reason,
                "principal": hashlib.sha256(session.principal.key.encode()).hexdigest()[:16],
            }
        )


def _json(body: dict[str, object], *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers={**_HEADERS, **(headers or {})})
