"""Sessions made from bearer tokens: never stored, ended by the token's own end, kept while they are asked for."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol as Port

import structlog

from proxy.errors import ProviderError, StoreUnavailable, TokenRefused
from proxy.model.bearer import BearerSettings
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol, SecretText
from proxy.model.session import BearerRefused, CannotTell, Live, Session, SessionLookup
from proxy.model.time import Instant, Seconds
from proxy.policy.client import client_kind
from proxy.signin.provider import Provider

log = structlog.get_logger("signin")

_KEPT = 20_000
_MARK_SECONDS = 5.0
"""How often a sign-out mark is looked at again, so that a signed-out user's token opens nothing for longer."""


class MarksOfSessions(Port):
    """What bearer tokens need of `sessions.service.Sessions`."""

    async def signed_out_after(self, principal_key: str, organization: str) -> Instant | None:
        """The principal's sign-out mark. Raises StoreUnavailable."""


@dataclass(slots=True)
class _Kept:
    """A token that kept every rule, and when the principal's mark was last looked at."""

    session: Session
    marked_at: Instant


class BearerSessions:
    """Bearer tokens of all organizations, by organization and SHA-256 of the token, the least used forgotten first.

    `providers`: OpenID providers by name, for the organizations that sign in there. `issuers`: by organization, the
    provider that verifies bearer tokens in its place. `outage_grace`: seconds that a token whose principal's mark was
    seen goes on while the store does not answer.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        sessions: MarksOfSessions,
        *,
        issuers: Mapping[str, Provider] = MappingProxyType({}),
        outage_grace: Seconds = 0.0,
    ) -> None:
        self._providers = providers
        self._issuers = issuers
        self._sessions = sessions
        self._grace = outage_grace
        self._kept: OrderedDict[tuple[str, bytes], _Kept] = OrderedDict()

    async def lookup(self, token: str, organization: Organization, now: Instant) -> SessionLookup:
        """Whose token it is. CannotTell where provider or store must be asked and do not answer."""
        key = (organization.name, hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest())
        kept = self._kept.get(key)
        try:
            if kept is None:
                kept = _Kept(await self._verified(token, organization, now), float("-inf"))
            # Also where the clock was put back, or a mark would not be seen until it has caught up.
            if abs(now - kept.marked_at) >= _MARK_SECONDS:
                await self._check_mark(kept, now)
        except TokenRefused as refused:
            self._kept.pop(key, None)
            log.info("bearer_refused", reason=refused.reason, organization=organization.name)
            return BearerRefused(refused.reason)
        except (ProviderError, StoreUnavailable) as error:
            log.warning("bearer_unknown", detail=str(error), organization=organization.name)
            return CannotTell()
        if now >= kept.session.token_end:
            self._kept.pop(key, None)
            return BearerRefused("expired")
        self._remember(key, kept)
        return Live(kept.session, from_store=True)

    async def _verified(self, token: str, organization: Organization, now: Instant) -> Session:
        provider = self._provider(organization)
        if provider is None:
            raise TokenRefused("no_bearer_here", "sign-in is WS-Federation, and bearer.issuer is not set")
        verified = await provider.bearer_token(token, organization.bearer, now)
        kind = client_kind(organization.exempt_clients, verified.client_id, "", "", bearer=True)
        return Session(
            reference=None,
            organization=organization.name,
            principal=verified.principal,
            signed_in_at=verified.issued_at if verified.issued_at is not None else now,
            token_end=verified.ends_at,
            last_activity=now,
            client_kind=kind,
            provider_session=verified.provider_session,
            subject=verified.subject,
        )

    def _provider(self, organization: Organization) -> Provider | None:
        return self._issuers.get(organization.name) or self._providers.get(organization.identity_provider)

    async def _check_mark(self, kept: _Kept, now: Instant) -> None:
        session, marked_at = kept.session, kept.marked_at
        # Set before the answer is there: of many requests at once one asks.
        kept.marked_at = now
        try:
            mark = await self._sessions.signed_out_after(session.principal.key, session.organization)
        except BaseException as error:
            kept.marked_at = marked_at
            if isinstance(error, StoreUnavailable) and abs(now - marked_at) < self._grace:
                return
            raise
        # A token issued in the mark's own second may be older than the mark: `iat` has whole seconds.
        if mark is not None and session.signed_in_at <= mark:
            raise TokenRefused("signed_out", "issued before the principal signed out")

    def _remember(self, key: tuple[str, bytes], kept: _Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def challenge_address(self, organization: Organization) -> tuple[str, str] | None:
        """Return (authorization_uri, resource_id): where an API client gets a token, and for what; None if nowhere."""
        provider = self._provider(organization)
        if provider is None:
            return None
        settings, metadata = provider.settings, provider.known_metadata
        address = metadata.authorization_endpoint if metadata else f"{settings.issuer.rstrip('/')}/oauth2/authorize"
        return address, next(iter(organization.bearer.audiences), settings.resource or settings.client_id)


def bearer_provider(settings: IdentityProvider, bearer: BearerSettings) -> IdentityProvider | None:
    """Return the provider that verifies an organization's bearer tokens; None if there is none.

    A `bearer.issuer` other than the sign-in's keeps the provider's name and claims, so that the same user is the same
    principal either way. The proxy is not a client there.
    """
    if bearer.issuer is None or bearer.issuer == settings.issuer:
        return settings if settings.protocol is Protocol.OIDC else None
    return replace(
        settings,
        protocol=Protocol.OIDC,
        issuer=bearer.issuer,
        client_id="",
        client_secret=SecretText(""),
        resource=None,
    )
