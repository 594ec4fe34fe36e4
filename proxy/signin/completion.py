"""From a provider's answer to a session, whichever protocol brought it."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias

import structlog
from aiohttp import web

from proxy.errors import ProviderError, SignInRefused, StoreUnavailable, TokenRefused
from proxy.model.confirmation import Confirmation
from proxy.model.organization import Organization, SameSite
from proxy.model.principal import VerifiedToken
from proxy.model.session import CannotTell, Session, SessionLookup
from proxy.model.settings import TimeRules
from proxy.model.time import Instant, Seconds
from proxy.observability.audit import Audit, AuditEvent
from proxy.policy.binding import bind, is_nonce
from proxy.policy.client import client_kind
from proxy.sealing import Sealer
from proxy.sessions.cookie import expire_cookie, set_cookie
from proxy.sessions.service import Created, CredentialsOwed, NewSession
from proxy.signin import login_state as login
from proxy.signin import loop
from proxy.signin.answers import SignInFault, reason_of, redirect, with_cookies
from proxy.signin.cleanup import seal_cleanup
from proxy.signin.departure import nonce_cookie
from proxy.signin.desk import Desk
from proxy.signin.device import DeviceRoutes
from proxy.signin.protocol import Proof, SignInProtocol
from proxy.signin.visit import Doorman, Visit

log = structlog.get_logger("signin")


Confirm: TypeAlias = Callable[[web.Request, Confirmation], Awaitable[web.Response]]
"""Carries out the change that a sign-in was started for, if the sign-in confirms it, and shows what became of it."""


class SignInSessions(Protocol):
    """What a sign-in needs of `sessions.service.Sessions`."""

    async def load(self, cookie: str | None, organization: str, *, past_cache: bool = False) -> SessionLookup:
        """Whose cookie it is."""

    async def create(self, new: NewSession) -> Created | CredentialsOwed:
        """Write a session. Raises StoreUnavailable."""

    async def use_once(self, name: str, seconds: Seconds) -> bool:
        """True the first time. Raises StoreUnavailable."""


class Completion:
    """Completes sign-ins."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        sessions: SignInSessions,
        providers: Mapping[str, SignInProtocol],
        rules_for: Callable[[Organization], TimeRules],
        doorman: Doorman,
        desk: Desk,
        clock: Callable[[], Instant],
        audit: Audit,
        devices: DeviceRoutes,
        confirm: Confirm,
    ) -> None:
        self._sealer = sealer
        self._sessions = sessions
        self._providers = providers
        self._rules_for = rules_for
        self._doorman = doorman
        self._desk = desk
        self._clock = clock
        self._audit = audit
        self._devices = devices
        self._confirm = confirm

    async def complete(
        self, visit: Visit, state: login.LoginState, answer: Mapping[str, str], *, look_again: str | None = None
    ) -> web.StreamResponse:
        """The session and the way to where the person wanted to go, or a page that says what went wrong.

        `look_again`: where a POST of another site, which brought no SameSite=Lax cookie, is sent to be seen with them.
        """
        try:
            return await self._complete(visit, state, answer, look_again)
        except (SignInRefused, TokenRefused, ProviderError, StoreUnavailable) as error:
            return self._gave_up(visit, state, error)

    async def look(self, visit: Visit, state: login.LoginState) -> web.StreamResponse:
        """What `look_again` comes to: whoever is signed in goes on; a second answer is no second sign-in."""
        if self._doorman.is_good(visit):
            return redirect(302, state.return_to)
        if self._held(visit, state) is not None:
            return self._gave_up(visit, state, SignInRefused("replayed", "this sign-in was completed before"))
        try:
            return await self._without_cookie(visit, state)
        except (SignInRefused, StoreUnavailable) as error:
            return self._gave_up(visit, state, error)

    def _held(self, visit: Visit, state: login.LoginState) -> login.LoginSecrets | None:
        held = login.open_secrets(self._sealer, visit.cookies.get(visit.names.logins()[state.slot]))
        return held if held is not None and held.login_id == state.login_id else None

    async def _complete(
        self, visit: Visit, state: login.LoginState, answer: Mapping[str, str], look_again: str | None
    ) -> web.StreamResponse:
        held = self._held(visit, state)
        if held is None:
            return redirect(303, look_again) if look_again else await self._without_cookie(visit, state)
        if state.is_over(self._clock()):
            raise SignInRefused("state_expired")
        if state.provider != visit.organization.identity_provider:
            # The configuration changed meanwhile, or the state is of an earlier version: whose response it is nobody
            # can tell, so no provider gets to see it.
            asks = state.asked_at is not None
            return await self._desk.leave(visit, state.return_to, ask_for_credentials=asks, restarted=True)
        provider = self._providers[visit.organization.identity_provider]
        await provider.judge(answer)
        if not await self._sessions.use_once(f"login:{state.login_id}", login.LOGIN_SECONDS):
            if look_again:
                return redirect(303, look_again)
            if self._doorman.is_good(visit):
                return redirect(302, state.return_to)
            raise SignInRefused("replayed", "this sign-in was completed before")
        question = self._desk.departures.question(visit, held, ask_for_credentials=state.asked_at is not None)
        proof = await provider.prove(answer, question, self._clock())
        await self._use_up(proof, provider)
        nonce = _browser(visit, held)
        new = self._new_session(visit, state, held, proof, nonce)
        made = await self._sessions.create(new)
        if isinstance(made, CredentialsOwed):
            return await self._ask_once_more(visit, state, proof.token)
        return await self._arrive(visit, state, new, made, nonce)

    async def _use_up(self, proof: Proof, provider: SignInProtocol) -> None:
        """A token that a browser brings is taken once; what cannot be told is refused, for the store is not asked."""
        if proof.once is None:
            return
        lives = proof.token.ends_at + provider.settings.leeway - self._clock()
        if not await self._sessions.use_once(f"token:{provider.settings.name}:{proof.once}", max(lives, 1.0)):
            user = proof.token.principal.user
            raise SignInRefused("replayed", "this token was used before", principal=user)

    def _new_session(
        self, visit: Visit, state: login.LoginState, held: login.LoginSecrets, proof: Proof, nonce: str
    ) -> NewSession:
        organization, token = visit.organization, proof.token
        settings = self._providers[organization.identity_provider].settings
        # Our own identifier says nothing of the client: every browser's token carries it.
        client = token.client_id if token.client_id != settings.client_id else None
        facts, now = visit.facts, self._clock()
        return NewSession(
            organization=organization.name,
            principal=token.principal,
            now=now,
            token_end=token.ends_at,
            authenticated_at=token.authenticated_at,
            counts_as_credentials=proof.by_credentials,
            asked_for_credentials_at=state.asked_at,
            leeway=settings.leeway,
            client_kind=client_kind(
                organization.exempt_clients, client, state.return_to.partition("?")[0], visit.facts.user_agent
            ),
            rules=self._rules_for(organization),
            provider_session=token.provider_session,
            subject=token.subject,
            id_token=proof.id_token,
            refresh_token=proof.refresh_token,
            replaces=visit.replaces or held.replaces,
            binding=bind(nonce, facts.browser, facts.client_address, self._devices.settings, now),
            provider=settings.name,
            started_at=state.started_at,
        )

    async def _ask_once_more(self, visit: Visit, state: login.LoginState, token: VerifiedToken) -> web.StreamResponse:
        """Credentials are owed: ask for them once; whoever comes back without them gets a page."""
        if state.retried or state.asked_at is not None:
            reason = "no_authentication_instant" if token.authenticated_at is None else "credentials_owed"
            detail = "asked for credentials, and none newer than the mark came"
            raise SignInRefused(reason, detail, principal=token.principal.user)
        return await self._desk.leave(visit, state.return_to, ask_for_credentials=True, again=state)

    async def _arrive(
        self, visit: Visit, state: login.LoginState, new: NewSession, made: Created, nonce: str
    ) -> web.StreamResponse:
        session = made.session
        self._audit.record(
            AuditEvent.SIGNED_IN,
            organization=session.organization,
            principal=session.principal.user,
            display_name=session.principal.display_name,
            client_address=visit.facts.client_address,
            client_kind=str(session.client_kind),
            session=session.reference.id_hash if session.reference else None,
        )
        loops = self._desk.loop_after(visit, loop.LoopEvent.COMPLETED)
        same_site = visit.organization.same_site
        cookies = [
            set_cookie(visit.names.session, made.cookie, secure=visit.secure, same_site=same_site),
            nonce_cookie(visit, nonce),
            self._desk.expired_login(visit, state),
            self._desk.loop_cookie(visit, loops),
            *self._cleanup(visit, session),
        ]
        if state.change:
            response = with_cookies(await self._confirmed(visit, state, new, made), cookies)
        else:
            response = redirect(303 if visit.request.method == "POST" else 302, state.return_to, cookies)
        response.headers.update(self._devices.invitation(visit, session))
        return response

    async def _confirmed(self, visit: Visit, state: login.LoginState, new: NewSession, made: Created) -> web.Response:
        """Show what became of the change that waited for this sign-in."""
        confirmation = Confirmation(
            facts=visit.facts,
            organization=visit.organization,
            session=made.session,
            digest=state.change,
            waiting=visit.cookies.get(visit.names.change),
            asked_at=state.asked_at,
            leeway=new.leeway,
            return_to=state.return_to,
        )
        response = await self._confirm(visit.request, confirmation)
        gone = expire_cookie(visit.names.change, secure=visit.secure, same_site=SameSite.NONE)
        return with_cookies(response, [gone])

    def _cleanup(self, visit: Visit, session: Session) -> list[str]:
        """What names the session where the provider has it ended from a frame of its own that names nobody."""
        if session.reference is None:
            return []
        value = seal_cleanup(self._sealer, visit.organization.name, session.reference)
        return [set_cookie(visit.names.cleanup, value, secure=visit.secure, same_site=SameSite.NONE)]

    async def _without_cookie(self, visit: Visit, state: login.LoginState) -> web.StreamResponse:
        """A second answer to one sign-in (the back button, a reload), or one that another browser was given.

        A browser that is signing in in another tab, which has overwritten the cookie, starts once more by itself: what
        came is not used, and the provider answers from its own session.
        """
        if self._doorman.is_good(visit):
            return redirect(302, state.return_to)
        if isinstance(visit.lookup, CannotTell):
            raise StoreUnavailable("whether this browser is signed in is not known")
        fresh = not state.restarted and not state.is_over(self._clock())
        if fresh and login.is_signing_in(visit.cookies, visit.names, self._sealer):
            asks = state.asked_at is not None
            return await self._desk.leave(
                visit, state.return_to, ask_for_credentials=asks, restarted=True, change=state.change
            )
        if state.is_over(self._clock()):
            # The login cookie lives as long as the state does, so a browser that comes late has none to show.
            raise SignInRefused("state_expired")
        raise SignInRefused("other_browser", "no login cookie for this state")

    def _gave_up(self, visit: Visit, state: login.LoginState, error: SignInFault) -> web.StreamResponse:
        reason = reason_of(error)
        log.warning("sign_in_failed", reason=reason, detail=str(error), organization=visit.organization.name)
        principal = error.principal if isinstance(error, SignInRefused) else ""
        self._desk.refused(visit.facts, visit.organization, reason, principal)
        response = self._desk.failed(visit, reason, state.return_to)
        kept = reason in ("store_unreachable", "other_browser")
        return response if kept else with_cookies(response, [self._desk.expired_login(visit, state)])


def _browser(visit: Visit, held: login.LoginSecrets) -> str:
    """The nonce of the browser that signs in: the one it shows, else the one that it left with.

    Tabs that left at once each made one, and the cookie is the last one's; what a session records is set once more with
    its own cookie, so that the two go together. A cookie of before has none: then it is made here.
    """
    shown = visit.cookies.get(visit.names.nonce)
    if shown is not None and is_nonce(shown):
        return shown
    return held.browser if is_nonce(held.browser) else secrets.token_urlsafe(32)
