"""One request of a browser to a sign-in, and what its session tells about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from proxy.model.binding import Standing
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import Ended, EndReason, Live, Session, SessionLookup, SessionReference
from proxy.model.settings import TimeRules
from proxy.model.time import Instant
from proxy.policy.limits import ending
from proxy.policy.refresh import may_live_on
from proxy.sessions.cookie import CookieNames, cookie_names, read_cookies
from proxy.sessions.guard import BindingCookies, BindingGuard

_OWE = frozenset({EndReason.SESSION_TIMEOUT, EndReason.INACTIVITY_TIMEOUT, EndReason.REVOKED, EndReason.BINDING_BROKEN})


class LoadsSessions(Protocol):
    """What is needed of `sessions.service.Sessions` here."""

    async def load(self, cookie: str | None, organization: str, *, past_cache: bool = False) -> SessionLookup:
        """Whose cookie it is."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request to an organization's sign-in, with our cookies and whose session they name."""

    request: web.Request
    facts: RequestFacts
    organization: Organization
    names: CookieNames
    cookies: Mapping[str, str]
    lookup: SessionLookup
    standing: Standing

    @property
    def secure(self) -> bool:
        """Whether the browser speaks https."""
        return self.facts.scheme == "https"

    @property
    def replaces(self) -> SessionReference | None:
        """The session that this browser has and that a sign-in ends. One that may be another's is not ended so."""
        if not isinstance(self.lookup, Live) or self.standing is not Standing.HOLDS:
            return None
        return self.lookup.session.reference


class Doorman:
    """Looks at who comes: nobody signs in who is signed in, and who owes credentials is asked for them."""

    def __init__(
        self,
        sessions: LoadsSessions,
        rules_for: Callable[[Organization], TimeRules],
        clock: Callable[[], Instant],
        guard: BindingGuard,
    ) -> None:
        self._sessions = sessions
        self._rules_for = rules_for
        self._clock = clock
        self._guard = guard

    async def visit(self, request: web.Request, facts: RequestFacts, organization: Organization) -> Visit:
        """The request as a visit. Raises RequestRefused where one of our cookies comes twice."""
        secure = facts.scheme == "https"
        names = cookie_names(organization.cookie_suffix, secure=secure)
        cookies = read_cookies(request.headers.getall("Cookie", []), secure=secure)
        cookie = cookies.get(names.session)
        lookup = await self._sessions.load(cookie, organization.name)
        if isinstance(lookup, Live) and not lookup.from_store and self._seems_over(lookup.session, organization):
            lookup = await self._sessions.load(cookie, organization.name, past_cache=True)
        standing = Standing.HOLDS
        if isinstance(lookup, Live):
            shown = BindingCookies(cookies.get(names.nonce), cookies.get(names.device))
            rules = self._rules_for(organization)
            standing = self._guard.standing(lookup.session, shown, facts, rules, self._clock())
        return Visit(request, facts, organization, names, cookies, lookup, standing)

    def _seems_over(self, session: Session, organization: Organization) -> bool:
        reached = ending(session, self._rules_for(organization), self._clock())
        return reached is not None and may_live_on(session, reached)

    def is_good(self, visit: Visit) -> bool:
        """Whether a session is live; a limit that it has reached is the next request's to enforce.

        Who comes from another browser, or shows no proof of the device, has none here and signs in anew.
        """
        rules = self._rules_for(visit.organization)
        if visit.standing is not Standing.HOLDS:
            return False
        return isinstance(visit.lookup, Live) and ending(visit.lookup.session, rules, self._clock()) is None

    def owes(self, visit: Visit, *, again: bool = False) -> bool:
        """Whether this browser's last session ended so that credentials are owed; the store has the last word.

        `again`: the session is to be replaced while it lasts; a custom length is then bought with credentials alone.
        """
        rules = self._rules_for(visit.organization)
        match visit.lookup:
            case Ended(tombstone=tombstone):
                signed_out = tombstone.reason is EndReason.SIGNED_OUT and rules.sign_out_owes_credentials
                return signed_out or tombstone.reason in _OWE
            case Live(session=session):
                reached = ending(session, rules, self._clock())
                if visit.standing is Standing.BROKEN:
                    return True
                if reached is None:
                    return again and rules.session_length is not None
                return reached.owes_credentials
            case _:
                return False
