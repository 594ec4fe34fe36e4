"""Whose request one of our own endpoints has before it: the session of this very browser, or the answer it gets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

from aiohttp import web

from proxy.model.binding import Standing
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import BearerRefused, CannotTell, Ended, EndReason, Live, NoSession, Session, SessionLookup
from proxy.model.settings import TimeRules
from proxy.model.time import Instant
from proxy.policy.limits import ending
from proxy.sessions.cookie import cookie_names, read_cookies
from proxy.sessions.guard import BindingCookies, BindingGuard

Refresh: TypeAlias = Callable[[Session, Organization, str | None, str], None]
"""(session, organization, cookie, client address): a session that is to be renewed soon was asked about."""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class LoadsSessions(Protocol):
    """What is needed of `sessions.service.Sessions`."""

    async def load(self, cookie: str | None, organization: str, *, past_cache: bool = False) -> SessionLookup:
        """The four answers to «whose cookie is this?»."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A session that is live, and the browser's own. `now`: when that was found."""

    session: Session
    organization: Organization
    rules: TimeRules
    now: Instant


class Visits:
    """Finds them, and ends none: the next request does, with its audit."""

    def __init__(
        self,
        sessions: LoadsSessions,
        rules_for: Callable[[Organization], TimeRules],
        clock: Callable[[], Instant],
        guard: BindingGuard,
        refresh: Refresh = lambda *_: None,
    ) -> None:
        self._sessions = sessions
        self._rules_for = rules_for
        self._clock = clock
        self._guard = guard
        self._refresh = refresh

    async def find(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> Visit | web.Response:
        """The visit, else the answer that says why there is none."""
        if organization is None:
            return as_json({"error": "unknown_path"}, status=404)
        secure = facts.scheme == "https"
        names = cookie_names(organization.cookie_suffix, secure=secure)
        cookies = read_cookies(request.headers.getall("Cookie", []), secure=secure)
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
                if standing is Standing.HOLDS and now >= session.refresh_at:
                    self._refresh(session, organization, cookie, facts.client_address)
                return _over(session, rules, now, standing) or Visit(session, organization, rules, now)
            case Ended(tombstone=tombstone):
                return as_json({"state": "ended", "reason": tombstone.reason}, status=401)
            case NoSession() | BearerRefused():
                return as_json({"state": "none", "reason": "no_session"}, status=401)
            case CannotTell():
                headers = {"Retry-After": "5"}
                return as_json({"state": "unknown", "reason": "store_unreachable"}, status=503, headers=headers)
            case _:
                assert_never(lookup)


def as_json(body: dict[str, object], *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """An answer for a script, which nobody keeps."""
    return web.json_response(body, status=status, headers={**_HEADERS, **(headers or {})})


def _over(session: Session, rules: TimeRules, now: Instant, standing: Standing) -> web.Response | None:
    if ended := ending(session, rules, now):
        return as_json({"state": "ended", "reason": ended.reason}, status=401)
    if standing is Standing.BROKEN:
        return as_json({"state": "ended", "reason": EndReason.BINDING_BROKEN}, status=401)
    if standing is not Standing.HOLDS:
        return as_json({"state": "none", "reason": standing}, status=401)
    return None
