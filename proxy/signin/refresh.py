"""Silent renewal: begun by a session's own request, beside it, because only its cookie opens the refresh token.

What a provider says of its user ends the session; that it says nothing ends nobody. A refused refresh token, another
subject or another principal is the former, all else (down, slow, 5xx, an answer that breaks the rules) the latter: the
session goes on to its token's own end, and is tried again with growing pauses.
"""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from proxy.errors import ProviderError, ProviderMisconfigured, RefreshRefused, StoreUnavailable, TokenRefused
from proxy.model.organization import Organization
from proxy.model.principal import VerifiedToken
from proxy.model.provider import IdentityProvider
from proxy.model.session import Session
from proxy.model.settings import TimeRules
from proxy.model.time import Instant, Seconds
from proxy.observability.audit import Audit, AuditEvent
from proxy.policy.refresh import is_due, refresh_at, try_again_in
from proxy.sessions.refresh import Lease, Tokens
from proxy.signin.provider import Provider
from proxy.signin.token_endpoint import TokenResponse
from proxy.store.tasks import end_tasks
from proxy.tokens.jwt import read_unverified

log = structlog.get_logger("signin")

_MOST_REMEMBERED = 10_000
_WRITE_AGAIN_AFTER: tuple[Seconds, ...] = (0.25, 0.5)
_AND_THEN_EVERY: Seconds = 1.0
_FINISH_WITHIN: Seconds = 20.0


class RenewsSessions(Protocol):
    """What a renewal needs of `sessions.refresh.Renewals`."""

    async def begin(self, cookie: str, organization: str, provider: str) -> Lease | None:
        """The right to renew, for one caller among all nodes. Raises StoreUnavailable."""

    async def finish(self, lease: Lease, session: Session, tokens: Tokens, inactivity: Seconds | None) -> bool:
        """Write what came of it; False where the session ended meanwhile. Raises StoreUnavailable."""

    async def put_off(self, lease: Lease, seconds: Seconds) -> None:
        """Nobody tries again for so long. Raises StoreUnavailable."""

    async def refuse(self, lease: Lease) -> bool:
        """End it; whether this very call did. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True, repr=False)
class _Attempt:
    organization: Organization
    provider: Provider
    cookie: str
    client_address: str


class Refresher:
    """Renews sessions. `providers`: those whose refresh tokens are to be used, by name."""

    def __init__(
        self,
        *,
        sessions: RenewsSessions,
        providers: Mapping[str, Provider],
        rules_for: Callable[[Organization], TimeRules],
        clock: Callable[[], Instant],
        audit: Audit,
    ) -> None:
        self._sessions = sessions
        self._providers = {name: each for name, each in providers.items() if each.settings.refresh}
        self._rules_for = rules_for
        self._clock = clock
        self._audit = audit
        self._tasks: set[asyncio.Task[None]] = set()
        # By id hash: not again before then, by this worker; nor beside one that is still under way, whatever became of
        # its lease: a provider that sees a spent refresh token twice takes all of that user's back.
        self._not_before: OrderedDict[str, Instant] = OrderedDict()
        self._under_way: set[str] = set()

    def wanted(self, session: Session, organization: Organization, cookie: str | None, client_address: str) -> None:
        """A request came whose session has reached its `refresh_at`: begin, unless it is not to be, or has been."""
        now, provider = self._clock(), self._providers.get(organization.identity_provider)
        if session.reference is None or cookie is None or provider is None:
            return
        name = session.reference.id_hash
        if name in self._under_way or now < self._not_before.get(name, now):
            return
        if not is_due(session, self._rules_for(organization), now):
            return
        self._not_before[name] = now + try_again_in(session, now)
        self._not_before.move_to_end(name)
        if len(self._not_before) > _MOST_REMEMBERED:
            self._not_before.popitem(last=False)
        self._under_way.add(name)
        self._spawn(self._renew(name, _Attempt(organization, provider, cookie, client_address)))

    def drop(self, organization: Organization, tokens: Tokens) -> None:
        """A session was signed out: give its refresh token back, where the provider takes it. Best effort."""
        provider = self._providers.get(organization.identity_provider)
        if provider is not None and tokens.refresh_token and _is_of(provider.settings, tokens.id_token):
            self._spawn(self._revoke(provider, tokens.refresh_token))

    async def close(self) -> None:
        """Let renewals under way finish: one that is cut short may lose the only refresh token that is still good."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_FINISH_WITHIN)
        await end_tasks(self._tasks)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _renew(self, name: str, attempt: _Attempt) -> None:
        organization = attempt.organization
        try:
            # What can be fetched before is: between the provider's answer and its writing nothing should wait.
            await attempt.provider.keys()
            lease = await self._sessions.begin(attempt.cookie, organization.name, attempt.provider.settings.name)
            if lease is not None:
                await self._renew_under(lease, attempt)
        except (ProviderError, StoreUnavailable) as error:
            log.warning("session_not_refreshed", organization=organization.name, detail=str(error))
        finally:
            self._under_way.discard(name)

    async def _renew_under(self, lease: Lease, attempt: _Attempt) -> None:
        name = attempt.organization.name
        response: TokenResponse | None = None
        try:
            if not _is_of(attempt.provider.settings, lease.tokens.id_token):
                # A configuration gave the organization another provider since: what this one gave is not for that one.
                raise ProviderMisconfigured("the session was signed in at another provider, or as another client")
            response = await attempt.provider.tokens.refresh(lease.tokens.refresh_token or "")
            renewed = await self._renewed(lease, attempt.provider, response)
        except RefreshRefused as refused:
            await self._refuse(lease, attempt, refused)
            if response is not None:
                self._spawn(self._revoke(attempt.provider, _latest(lease, response)))
            return
        except (ProviderError, TokenRefused) as error:
            log.warning("session_not_refreshed", organization=name, detail=str(error))
            await self._try_later(lease, attempt, response)
            return
        tokens = Tokens(response.id_token, response.refresh_token)
        if await self._write(lease, attempt, renewed, tokens):
            log.info("session_refreshed", organization=name, session=lease.key.place.id_hash)

    async def _renewed(self, lease: Lease, provider: Provider, response: TokenResponse) -> Session:
        """The session with what the new tokens say (OpenID Connect Core, section 12.2).

        Raises RefreshRefused where they speak of somebody else, TokenRefused, ProviderError.
        """
        before, now = lease.session, self._clock()
        token = await provider.verify(response, _nonce_of(lease.tokens.id_token), now, refreshed=True)
        _check_same_person(before, token)
        if token.ends_at <= before.token_end:
            raise TokenRefused("expired", "the refreshed token ends no later than the one before it")
        # The sign-in's own facts stay: when, how and in which session of the provider's the user authenticated.
        return replace(
            before,
            principal=token.principal,
            token_end=token.ends_at,
            refresh_at=refresh_at(token.ends_at, now),
        )

    async def _write(self, lease: Lease, attempt: _Attempt, session: Session, tokens: Tokens) -> bool:
        """Whether it was written. A store that is away is tried again: the earlier refresh token may be spent.

        So it is until the session's end as the store has it, after which nothing could be written any more. A session
        that has ended meanwhile stays ended, and the token that came for it is given back.
        """
        inactivity = self._rules_for(attempt.organization).inactivity
        doubtful = False
        for pause in itertools.chain(_WRITE_AGAIN_AFTER, itertools.repeat(_AND_THEN_EVERY)):
            try:
                written = await self._sessions.finish(lease, session, tokens, inactivity)
            except StoreUnavailable as error:
                if self._clock() >= lease.session.token_end:
                    log.warning("session_not_refreshed", organization=session.organization, detail=str(error))
                    return False
                doubtful = True
                await asyncio.sleep(pause)
                continue
            # A write whose answer was lost may have been done: then the token is the session's, and not to be revoked.
            if not written and tokens.refresh_token and not doubtful:
                self._spawn(self._revoke(attempt.provider, tokens.refresh_token))
            return written
        raise AssertionError("the pauses never end")

    async def _try_later(self, lease: Lease, attempt: _Attempt, response: TokenResponse | None) -> None:
        """Keep a refresh token that came with an answer of no use, and leave the provider alone for a while."""
        if response is not None and response.refresh_token:
            await self._write(lease, attempt, lease.session, Tokens(refresh_token=response.refresh_token))
        await self._sessions.put_off(lease, try_again_in(lease.session, self._clock()))

    async def _refuse(self, lease: Lease, attempt: _Attempt, refused: RefreshRefused) -> None:
        session = lease.session
        if not await self._sessions.refuse(lease):
            return
        log.info("session_refresh_refused", organization=session.organization, rule=refused.rule, detail=str(refused))
        self._audit.record(
            AuditEvent.REFRESH_REFUSED,
            organization=session.organization,
            principal=session.principal.user,
            reason="refresh_refused",
            display_name=session.principal.display_name,
            client_address=attempt.client_address,
            session=lease.key.place.id_hash,
            rule=refused.rule,
        )

    async def _revoke(self, provider: Provider, refresh_token: str) -> None:
        try:
            await provider.tokens.revoke(refresh_token)
        except ProviderError as error:
            log.warning("refresh_token_not_revoked", provider=provider.settings.name, detail=str(error))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("session_refresh_failed", exc_info=error)


def _check_same_person(before: Session, token: VerifiedToken) -> None:
    if token.subject != before.subject:
        raise RefreshRefused("subject", "the refreshed id token is of another subject")
    if token.principal.key != before.principal.key:
        raise RefreshRefused("principal", "the refreshed tokens name another principal")


def _latest(lease: Lease, response: TokenResponse) -> str:
    return response.refresh_token or lease.tokens.refresh_token or ""


def _is_of(settings: IdentityProvider, id_token: str | None) -> bool:
    """Whether the id token that was verified at the sign-in, or since, is this provider's and for this client."""
    if id_token is None:
        return False
    claims = read_unverified(id_token)[1]
    audience = claims.get("aud")
    return claims.get("iss") == settings.issuer and settings.client_id in (
        audience if isinstance(audience, list) else [audience]
    )


def _nonce_of(id_token: str | None) -> str | None:
    """The sign-in's nonce, from the id token that was verified then and sealed since."""
    if id_token is None:
        return None
    nonce = read_unverified(id_token)[1].get("nonce")
    return nonce if isinstance(nonce, str) else None
