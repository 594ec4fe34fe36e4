"""Sign-out from the provider, whichever channel it comes by: whose it may be, and the sessions that it ends."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import EndReason, Vouched
from proxy.model.settings import TimeRules
from proxy.model.time import Instant
from proxy.observability.audit import Audit, AuditEvent
from proxy.sessions.service import Summary
from proxy.signin.oidc_sign_in import OidcSignIn
from proxy.signin.protocol import SignInProtocol


class NamedSessions(Protocol):
    """What is needed of `sessions.service.Sessions`."""

    async def signed_out_by_provider(
        self, provider: str, *, provider_session: str | None, subject: str | None, now: Instant, vouched: Vouched
    ) -> tuple[Summary, ...]:
        """The sessions that a provider's sign-out means. Raises StoreUnavailable."""

    async def end_listed(self, summary: Summary, reason: EndReason, now: Instant, *, owes_credentials: bool) -> bool:
        """End one; whether this very call did. Raises StoreUnavailable."""


class ProviderSignOut:
    """Ends sessions in every organization of a provider, wherever the provider's message came in."""

    def __init__(
        self,
        *,
        sessions: NamedSessions,
        providers: Mapping[str, SignInProtocol],
        organizations: Sequence[Organization],
        rules_for: Callable[[Organization], TimeRules],
        clock: Callable[[], Instant],
        audit: Audit,
    ) -> None:
        self._sessions = sessions
        self._openid = {name: each for name, each in providers.items() if isinstance(each, OidcSignIn)}
        self._organizations = {each.name: each for each in organizations}
        self._rules_for = rules_for
        self._clock = clock
        self._audit = audit

    def may_speak(self, facts: RequestFacts, organization: Organization | None) -> tuple[OidcSignIn, ...]:
        """The OpenID providers whose messages this address takes.

        The organization's own; at the root of a host, or where answers are taken for all, those of everybody there.
        """
        if organization is not None:
            names = {organization.identity_provider}
        else:
            names = {each.identity_provider for each in self._organizations.values() if facts.host in each.hosts}
            names |= {
                name for name, each in self._openid.items() if each.settings.sign_in_host == facts.authority.lower()
            }
        return tuple(each for name, each in self._openid.items() if name in names)

    async def end(
        self,
        provider: str,
        facts: RequestFacts,
        *,
        provider_session: str | None,
        vouched: Vouched,
        subject: str | None = None,
    ) -> int:
        """End the sessions of the provider's `sid`, else all of its `sub`; how many. Raises StoreUnavailable."""
        now, count = self._clock(), 0
        meant = await self._sessions.signed_out_by_provider(
            provider, provider_session=provider_session, subject=subject, now=now, vouched=vouched
        )
        for summary in meant:
            organization = self._organizations.get(summary.organization)
            if organization is None or organization.identity_provider != provider:
                continue
            owes = self._rules_for(organization).sign_out_owes_credentials
            if not await self._sessions.end_listed(summary, EndReason.SIGNED_OUT, now, owes_credentials=owes):
                continue
            count += 1
            self._audit.record(
                AuditEvent.SIGNED_OUT,
                organization=summary.organization,
                principal=summary.user,
                reason="by_provider",
                display_name=summary.display_name,
                client_address=facts.client_address,
                session=summary.reference.id_hash,
            )
        return count
