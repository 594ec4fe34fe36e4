"""Whose request it is, and what becomes of it: loads the session, asks policy, carries out what the decision owes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import structlog

from proxy.errors import RequestRefused, StoreUnavailable
from proxy.gateway.ports import BearerLookup, Refresh, RulesFor, SessionsPort, no_refresh
from proxy.model.binding import Standing
from proxy.model.decision import Challenge, Decision, Ending, Forward, Reason, Refuse, SignIn
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import (
    BearerRefused,
    CannotTell,
    Ended,
    EndReason,
    Live,
    NoSession,
    Session,
    SessionLookup,
    SessionReference,
)
from proxy.model.settings import TimeRules
from proxy.model.time import Instant
from proxy.observability.audit import Audit, AuditEvent
from proxy.policy.access import is_anonymous
from proxy.policy.binding import Broken
from proxy.policy.decide import decide
from proxy.policy.limits import ending, ends_at
from proxy.policy.refresh import may_live_on
from proxy.sessions.cookie import cookie_names, read_cookies
from proxy.sessions.guard import BindingGuard

log = structlog.get_logger("gateway")

_NOBODY = NoSession()
# Somebody showed who he is, and may not. That nobody is signed in is no refusal.
_REFUSALS = frozenset({Reason.NO_ACCESS, Reason.BEARER_REFUSED, Reason.DEVICE_UNPROVEN, Reason.DEVICE_UNREGISTERED})


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a request shows: a bearer token, which outranks any cookie, or a session cookie's value, or neither.

    `nonce`, `device`: the cookies that tell for whom a session is.
    """

    bearer: str | None = None
    cookie: str | None = None
    nonce: str | None = None
    device: str | None = None


class Judged(NamedTuple):
    """The decision, the session it speaks of if one is live, and the instant it was taken at.

    `over`: the session that ended, now or before, where that is why. One is made for each request, and a frozen
    dataclass takes four times as long to make.
    """

    decision: Decision
    session: Session | None
    at: Instant
    over: SessionReference | None = None


class Passing(NamedTuple):
    """A decision to forward, by the worker's own `copy` of a session (None on an anonymous path) and these rules.

    Rules, sessions and what is known of a request never change, others take their place: so for the same ones it is the
    same decision `until` the nearer limit.
    """

    decision: Forward
    copy: Session | None
    rules: TimeRules
    until: Instant

    @property
    def session(self) -> Session | None:
        """Whose request it is."""
        return self.copy if self.decision.reason is Reason.SIGNED_IN else None


class HeaderLines(Protocol):
    """A request's headers, by names in lower case."""

    def getall(self, key: str, default: Any) -> Sequence[str]:
        """The value of every line of that name."""


def credentials_of(headers: HeaderLines, scheme: str, organization: Organization) -> Credentials:
    """Read them from the headers of a request that the client made by `scheme`.

    Raises RequestRefused(400, "duplicate_cookie" | "duplicate_authorization").
    """
    authorizations = headers.getall("authorization", ())
    if len(authorizations) > 1:
        raise RequestRefused(400, "duplicate_authorization")
    secure = scheme == "https"
    cookies = read_cookies(headers.getall("cookie", ()), secure=secure)
    means, _, token = authorizations[0].partition(" ") if authorizations else ("", "", "")
    if means.lower() == "bearer":
        return Credentials(bearer=token.strip(" \t"))
    names = cookie_names(organization.cookie_suffix, secure=secure)
    return Credentials(
        cookie=cookies.get(names.session), nonce=cookies.get(names.nonce), device=cookies.get(names.device)
    )


class Judge:
    """Takes decisions. `clock` gives UTC seconds."""

    def __init__(
        self,
        *,
        sessions: SessionsPort,
        bearer: BearerLookup,
        rules_for: RulesFor,
        clock: Callable[[], Instant],
        audit: Audit,
        guard: BindingGuard,
        refresh: Refresh = no_refresh,
    ) -> None:
        self._refresh = refresh
        self._sessions = sessions
        self._bearer = bearer
        self._rules_for = rules_for
        self._clock = clock
        self._audit = audit
        self._guard = guard

    async def judge(self, facts: RequestFacts, organization: Organization, credentials: Credentials) -> Judged:
        """Decide, end what has reached a limit, note activity. A store that cannot tell makes it a Refuse(503)."""
        rules = self._rules_for(organization)
        lookup: SessionLookup = NoSession()
        if not is_anonymous(organization, facts.path):
            lookup = await self._load(credentials, organization)
        now = self._clock()
        standing = self._standing(lookup, facts, credentials, rules, now)
        decision = decide(facts, organization, lookup, rules, now, standing=standing)
        if isinstance(lookup, Live) and not lookup.from_store and _is_unsure(decision, standing, lookup.session):
            # Another worker may have seen the user a moment ago, or renewed the session; only the store knows of all.
            # And where it is away no device can refresh its proof: that is an outage, and signs nobody out.
            lookup = await self._load(credentials, organization, past_cache=True)
            now = self._clock()
            standing = self._standing(lookup, facts, credentials, rules, now)
            decision = decide(facts, organization, lookup, rules, now, standing=standing)
        session = lookup.session if isinstance(lookup, Live) else None
        if decision.reason in _REFUSALS:
            rule = lookup.reason if isinstance(lookup, BearerRefused) else None
            self.record_refusal(decision, facts, organization, session, rule)
        if isinstance(decision, SignIn | Challenge) and decision.ending and session:
            broken = self._broken(decision.ending, session, facts, credentials)
            ended = await self._end(session, decision.ending, facts.client_address, broken)
            if not ended:
                return Judged(Refuse(503, Reason.STORE_UNREACHABLE), None, now)
            return Judged(decision, None, now, _over(decision.ending.reason, session.reference))
        if isinstance(decision, Forward) and session:
            self._go_on(decision, session, organization, credentials, facts.client_address, rules=rules, now=now)
        over = _over(lookup.tombstone.reason, lookup.tombstone.reference) if isinstance(lookup, Ended) else None
        return Judged(decision, session if decision.reason is Reason.SIGNED_IN else None, now, over)

    def judge_at_once(
        self,
        facts: RequestFacts,
        organization: Organization,
        session: Session | None,
        credentials: Credentials,
        before: Passing | None = None,
    ) -> Passing | None:
        """As `judge`, where the worker's own copy of the session, or an anonymous path, is enough to forward.

        None where it is not: a session is to be loaded or ended, or somebody is to be refused. `before`: what it was
        for a request with the very same facts and credentials.
        """
        rules = self._rules_for(organization)
        now = self._clock()
        passing = before
        if passing is None or passing.copy is not session or passing.rules is not rules or now >= passing.until:
            passing = self._pass(facts, organization, session, credentials, rules=rules, now=now)
            if passing is None:
                return None
        if session is not None:
            self._go_on(
                passing.decision, session, organization, credentials, facts.client_address, rules=rules, now=now
            )
        return passing

    def _go_on(
        self,
        decision: Forward,
        session: Session,
        organization: Organization,
        credentials: Credentials,
        client_address: str,
        *,
        rules: TimeRules,
        now: Instant,
    ) -> None:
        """What a request that is forwarded does for its session: a sign of activity, a renewal when it is time."""
        if decision.counts_as_activity:
            self._sessions.note_activity(session, now, rules.inactivity)
        if now >= session.refresh_at:
            self._refresh(session, organization, credentials.cookie, client_address)

    def _pass(
        self,
        facts: RequestFacts,
        organization: Organization,
        session: Session | None,
        credentials: Credentials,
        *,
        rules: TimeRules,
        now: Instant,
    ) -> Passing | None:
        lookup: SessionLookup = _NOBODY
        standing, until = Standing.HOLDS, math.inf
        if session is not None:
            lookup = Live(session, from_store=False)
            standing = self._guard.standing(session, credentials, facts, rules, now)
            until = ends_at(session, rules) if self._guard.is_constant(session) else -math.inf
        decision = decide(facts, organization, lookup, rules, now, standing=standing)
        if not isinstance(decision, Forward):
            return None
        return Passing(decision, session, rules, until)

    def _standing(
        self, lookup: SessionLookup, facts: RequestFacts, credentials: Credentials, rules: TimeRules, now: Instant
    ) -> Standing:
        if not isinstance(lookup, Live):
            return Standing.HOLDS
        return self._guard.standing(lookup.session, credentials, facts, rules, now)

    def _broken(self, ended: Ending, session: Session, facts: RequestFacts, credentials: Credentials) -> Broken | None:
        """What of its binding did not fit, where that is why a session ends."""
        if ended.reason is not EndReason.BINDING_BROKEN or session.binding is None:
            return None
        return self._guard.broken_by(session.binding, credentials.nonce, facts.browser, facts.client_address)

    def seems_over(self, session: Session, organization: Organization) -> bool:
        """Whether a session of a connection that stays open has reached a limit, as far as its copy here tells."""
        return ending(session, self._rules_for(organization), self._clock()) is not None

    def record_refusal(
        self,
        decision: Decision,
        facts: RequestFacts,
        organization: Organization,
        session: Session | None,
        rule: str | None = None,
    ) -> None:
        """Audit that a request was refused for whose it is; `rule`: which one a bearer token broke."""
        self._audit.record(
            AuditEvent.REFUSED,
            organization=organization.name,
            principal=session.principal.user if session else "",
            display_name=session.principal.display_name if session else None,
            reason=decision.reason,
            client_address=facts.client_address,
            method=facts.method,
            path=facts.path,
            rule=rule,
        )

    async def still_live(
        self, session: Session, organization: Organization, credentials: Credentials, client_address: str = ""
    ) -> Session | None:
        """The session of a connection that stays open, as it is now; None where it must not carry anything further.

        Where a limit seems reached and the store cannot tell, that is None too: nobody is signed out by it, and the
        client's next attempt gets the answer of its own.
        """
        lookup = await self._load(credentials, organization, past_cache=True)
        if isinstance(lookup, CannotTell) and not self.seems_over(session, organization):
            return session
        if not isinstance(lookup, Live):
            return None
        reached = ending(lookup.session, self._rules_for(organization), self._clock())
        if reached is None:
            return lookup.session
        await self._end(lookup.session, reached, client_address)
        return None

    async def _load(
        self, credentials: Credentials, organization: Organization, *, past_cache: bool = False
    ) -> SessionLookup:
        if credentials.bearer is not None:
            return await self._bearer(credentials.bearer, organization, self._clock())
        if credentials.cookie is None:
            return NoSession()
        return await self._sessions.load(credentials.cookie, organization.name, past_cache=past_cache)

    async def _end(self, session: Session, ended: Ending, client_address: str, broken: Broken | None = None) -> bool:
        """Whether the session is ended in the store; a bearer's was never there."""
        if session.reference is None:
            return True
        try:
            by_us = await self._sessions.end(session, ended)
        except StoreUnavailable as error:
            log.warning("session_not_ended", organization=session.organization, reason=ended.reason, error=str(error))
            return False
        if by_us:
            self._audit.record(
                AuditEvent.BINDING_BROKEN if broken else AuditEvent.SESSION_EXPIRED,
                organization=session.organization,
                principal=session.principal.user,
                reason=ended.reason,
                display_name=session.principal.display_name,
                client_address=client_address,
                session=session.reference.id_hash,
                limit_at=None if broken else ended.at,
                broken=broken,
            )
        return True


def _over(reason: EndReason, reference: SessionReference | None) -> SessionReference | None:
    """The session that is over, if its cookie came from its own browser."""
    return None if reason is EndReason.BINDING_BROKEN else reference


def _is_unsure(decision: Decision, standing: Standing, session: Session) -> bool:
    return standing is Standing.DEVICE_UNPROVEN or (
        isinstance(decision, SignIn | Challenge)
        and decision.ending is not None
        and may_live_on(session, decision.ending)
    )
