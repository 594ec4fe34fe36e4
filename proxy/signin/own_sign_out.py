"""A sign-out from here: which sessions it ends, by whose browser asks for it, and what the audit is told of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from proxy.model.binding import Standing
from proxy.model.decision import Ending
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import Ended, EndReason, Live, Session, SessionLookup, SessionReference, Tombstone
from proxy.model.settings import SignOutScope, TimeRules
from proxy.model.time import Instant
from proxy.observability.audit import Audit, AuditEvent
from proxy.policy.limits import ending
from proxy.sessions.guard import BindingCookies, BindingGuard

# Whose session came to such an end may be signed in elsewhere still, and means to be so no more.
_RAN_OUT = frozenset({EndReason.SESSION_TIMEOUT, EndReason.TOKEN_LIFETIME, EndReason.INACTIVITY_TIMEOUT})


class EndsOwnSessions(Protocol):
    """What is needed of `sessions.service.Sessions`."""

    async def end(self, session: Session, ending: Ending) -> bool:
        """End it everywhere; whether this very call did. Raises StoreUnavailable."""

    async def end_everywhere(
        self,
        whose: str | SessionReference,
        organization: str | None,
        reason: EndReason,
        now: Instant,
        *,
        owes_credentials: bool,
    ) -> tuple[Tombstone, ...]:
        """End all of a principal's, of one organization or of all; which. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True, repr=False)
class Leave:
    """A browser's wish to be signed out. `shown`: what it shows of itself; `everywhere`: all sessions are meant."""

    facts: RequestFacts
    organization: Organization
    shown: BindingCookies
    everywhere: bool


class OwnSignOut:
    """Ends sessions at their users' wish. `scope`: how far one that means all of a principal's reaches."""

    def __init__(
        self,
        *,
        sessions: EndsOwnSessions,
        rules_for: Callable[[Organization], TimeRules],
        clock: Callable[[], Instant],
        audit: Audit,
        guard: BindingGuard,
        scope: SignOutScope,
    ) -> None:
        self._sessions = sessions
        self._rules_for = rules_for
        self._clock = clock
        self._audit = audit
        self._guard = guard
        self._scope = scope

    async def end(self, lookup: SessionLookup, leave: Leave) -> bool:
        """End what is meant; whether it was the session's own browser, on its own device, that asked.

        Nobody else is given anything of the session's. Raises StoreUnavailable.
        """
        rules, now = self._rules_for(leave.organization), self._clock()
        all_of_them = leave.everywhere or rules.sign_out_owes_credentials
        match lookup:
            case Live(session=session):
                standing = self._guard.standing(session, leave.shown, leave.facts, rules, now)
                if standing is Standing.BROKEN:
                    await self._end_broken(session, leave, now)
                elif all_of_them:
                    await self._end_all(leave, now, session=session)
                else:
                    await self._end_one(session, leave, rules, now)
                return standing is Standing.HOLDS
            case Ended(tombstone=tombstone) if all_of_them and tombstone.reason in _RAN_OUT:
                await self._end_all(leave, now, over=tombstone)
        return False

    async def _end_broken(self, session: Session, leave: Leave, now: Instant) -> None:
        """Another browser's: it ends the session, as each of its requests does, and no other one."""
        reference, binding, facts = session.reference, session.binding, leave.facts
        if not await self._sessions.end(session, Ending(EndReason.BINDING_BROKEN, now, owes_credentials=True)):
            return
        self._audit.record(
            AuditEvent.BINDING_BROKEN,
            organization=session.organization,
            principal=session.principal.user,
            reason=EndReason.BINDING_BROKEN,
            display_name=session.principal.display_name,
            client_address=facts.client_address,
            session=reference.id_hash if reference else None,
            broken=self._guard.broken_by(binding, leave.shown.nonce, facts.browser, facts.client_address)
            if binding
            else None,
        )

    async def _end_all(
        self, leave: Leave, now: Instant, *, session: Session | None = None, over: Tombstone | None = None
    ) -> None:
        """All of the principal's whose session this is, or was."""
        where = None if self._scope is SignOutScope.ALL else leave.organization.name
        whose = session.principal.key if session else over and over.reference
        if not whose:
            return
        # Credentials are owed in any case: other browsers have single sign-ons of their own at the provider.
        ended = await self._sessions.end_everywhere(whose, where, EndReason.SIGNED_OUT, now, owes_credentials=True)
        for each in ended:
            here = session is not None and each.reference == session.reference
            reason = EndReason.SIGNED_OUT if here else "signed_out_everywhere"
            self._tell(session, leave, each.organization, reason, each.reference.id_hash)

    async def _end_one(self, session: Session, leave: Leave, rules: TimeRules, now: Instant) -> None:
        reached = ending(session, rules, now)
        # Signing out after a limit was reached does not make it unreached.
        owes = reached is not None and reached.owes_credentials
        if await self._sessions.end(session, Ending(EndReason.SIGNED_OUT, now, owes_credentials=owes)):
            id_hash = session.reference.id_hash if session.reference else None
            self._tell(session, leave, session.organization, EndReason.SIGNED_OUT, id_hash)

    def _tell(self, session: Session | None, leave: Leave, organization: str, reason: str, id_hash: str | None) -> None:
        """Tell the audit of one ended session of this principal."""
        self._audit.record(
            AuditEvent.SIGNED_OUT,
            organization=organization,
            principal=session.principal.user if session else "",
            reason=reason,
            display_name=session.principal.display_name if session else None,
            client_address=leave.facts.client_address,
            session=id_hash,
        )
