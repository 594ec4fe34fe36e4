"""`sign-in` and `callback`: from a click to a session, in as few questions as the rules allow."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

import structlog
from aiohttp import web
from multidict import MultiMapping

from proxy.errors import (
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
    SignInRefused,
    StoreUnavailable,
    TokenRefused,
)
from proxy.model.organization import Organization, SameSite
from proxy.model.principal import VerifiedToken
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import CannotTell, SessionLookup
from proxy.model.settings import TimeRules
from proxy.model.time import Instant, Seconds
from proxy.observability.audit import Audit, AuditEvent
from proxy.pages.render import Page, Pages
from proxy.policy.client import client_kind
from proxy.policy.return_url import safe_return
from proxy.sealing import Sealer
from proxy.sessions.cookie import expire_cookie, set_cookie
from proxy.sessions.service import Created, CredentialsOwed, NewSession
from proxy.signin import login_state as login
from proxy.signin import loop, oidc
from proxy.signin.answers import SignInFault, failed, reason_of, redirect, sign_in_path, with_cookies
from proxy.signin.departure import Departures
from proxy.signin.provider import Provider, TokenResponse
from proxy.signin.visit import Doorman, Visit

log = structlog.get_logger("signin")

# Of the provider's answer, what we read. Each may stand once (attacks: two `state`, two `code`).
_ANSWER = ("state", "code", "iss", "error")
_LONGEST = 8192
# Integrated Windows Authentication answers a question for credentials silently (AD FS: authmethod; RFC 8176: amr wia).
_WINDOWS = frozenset({"urn:federation:authentication:windows", "wia"})


class SignInSessions(Protocol):
    """What a sign-in needs of `sessions.service.Sessions`."""

    async def load(self, cookie: str | None, organization: str, *, past_cache: bool = False) -> SessionLookup:
        """Whose cookie it is."""

    async def create(self, new: NewSession) -> Created | CredentialsOwed:
        """Write a session. Raises StoreUnavailable."""

    async def use_once(self, name: str, seconds: Seconds) -> bool:
        """True the first time. Raises StoreUnavailable."""


class SignInRoutes:
    """The endpoints of a sign-in. `mount` gives an organization's path of endpoints, `prefix` the host's."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        sessions: SignInSessions,
        providers: Mapping[str, Provider],
        organizations: Mapping[str, Organization],
        rules_for: Callable[[Organization], TimeRules],
        pages: Pages,
        clock: Callable[[], Instant],
        audit: Audit,
        prefix: str,
        mount: Callable[[Organization], str],
    ) -> None:
        self._sealer = sealer
        self._sessions = sessions
        self._providers = providers
        self._organizations = organizations
        self._rules_for = rules_for
        self._doorman = Doorman(sessions, rules_for, clock)
        self._departures = Departures(sealer, providers, clock, prefix)
        self._pages = pages
        self._clock = clock
        self._audit = audit
        self._prefix = prefix
        self._mount = mount

    async def sign_in(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """GET `sign-in?return=/path`: to the provider, or straight back where a session is live."""
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        wanted = request.query.getall("return", [])
        if organization is None or len(wanted) > 1:
            return self._nowhere(request, facts, organization, "bad_request")
        return_to = _return_to(wanted, organization)
        visit = await self._doorman.visit(request, facts, organization)
        if self._doorman.is_good(visit):
            return redirect(302, return_to)
        if isinstance(visit.lookup, CannotTell):
            return self._failed(visit, "store_unreachable", return_to)
        if facts.kind is RequestKind.FRAMED_NAVIGATION:
            path = sign_in_path(self._mount(organization), return_to)
            return self._pages.respond(request, Page.FRAMED, status=200, sign_in=path)
        return await self._set_out(visit, return_to)

    async def _set_out(self, visit: Visit, return_to: str) -> web.StreamResponse:
        state = loop.next_loop_state(self._loop(visit), loop.LoopEvent.STARTED, self._clock())
        if state.is_loop:
            self._refused(visit.facts, visit.organization, "loop")
            return self._failed(visit, "loop", return_to)
        answer = await self._leave(visit, return_to, ask_for_credentials=self._doorman.owes(visit))
        return with_cookies(answer, [self._loop_cookie(visit, state)] if state.challenged else [])

    async def callback(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """The OIDC redirect URI. A form_post goes on as a GET: a cross-site POST carries no Lax cookie."""
        if request.method == "POST":
            return await self._posted(request, facts)
        if request.method != "GET":
            return web.Response(status=405, headers={"Allow": "GET, POST"})
        try:
            answer = _once_each(request.query)
            state, known = self._opened(answer.get("state"), facts, organization)
        except SignInRefused as refused:
            home = await self._home(request, facts, organization) if refused.reason == "state_unknown" else None
            return self._nowhere(request, facts, organization, refused.reason) if home is None else home
        visit = await self._doorman.visit(request, facts, known)
        try:
            return await self._complete(visit, state, answer)
        except (SignInRefused, TokenRefused, ProviderError, StoreUnavailable) as error:
            return self._gave_up(visit, state, error)

    def _opened(
        self, sealed: str | None, facts: RequestFacts, organization: Organization | None
    ) -> tuple[login.LoginState, Organization]:
        """The state of the sign-in that this answers, begun on this very host, and whose it is."""
        state = login.open_state(self._sealer, sealed)
        known = self._organizations.get(state.organization) if state else None
        if state is None or known is None or state.authority != facts.authority or organization not in (None, known):
            raise SignInRefused("state_unknown")
        return state, known

    async def _home(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.Response | None:
        """Whoever is signed in is not stopped by an answer to nothing of ours; at a host of many it names nobody."""
        if organization is None:
            return None
        visit = await self._doorman.visit(request, facts, organization)
        return redirect(302, f"{organization.path}/") if self._doorman.is_good(visit) else None

    def _nowhere(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None, reason: str
    ) -> web.Response:
        """An answer that belongs to no sign-in of ours: where the person wanted to go is not known."""
        log.info("sign_in_failed", reason=reason)
        self._refused(facts, organization, reason)
        if organization is None:
            return failed(self._pages, request, reason, sign_in=None, organization=None)
        path = sign_in_path(self._mount(organization), f"{organization.path}/")
        return failed(self._pages, request, reason, sign_in=path, organization=organization.friendly_name)

    async def _posted(self, request: web.Request, facts: RequestFacts) -> web.StreamResponse:
        form = await request.post()
        try:
            given = _once_each(form)
        except SignInRefused as refused:
            return self._nowhere(request, facts, None, refused.reason)
        return redirect(303, f"{request.path}?{urlencode(given)}")

    async def _complete(self, visit: Visit, state: login.LoginState, answer: Mapping[str, str]) -> web.StreamResponse:
        held = login.open_secrets(self._sealer, visit.cookies.get(visit.names.logins()[state.slot]))
        if held is None or held.login_id != state.login_id:
            return await self._without_cookie(visit, state)
        if state.is_over(self._clock()):
            raise SignInRefused("state_expired")
        provider = self._providers[visit.organization.identity_provider]
        oidc.check_issuer(await provider.metadata(), answer.get("iss"))
        if "error" in answer:
            raise oidc.refusal(answer["error"])
        if "code" not in answer:
            raise SignInRefused("provider_refused", "neither code nor error in the answer")
        if not await self._sessions.use_once(f"login:{state.login_id}", login.LOGIN_SECONDS):
            if self._doorman.is_good(visit):
                return redirect(302, state.return_to)
            raise SignInRefused("replayed", "this sign-in was completed before")
        response = await provider.exchange(answer["code"], held.verifier, self._departures.redirect_uri(visit.facts))
        token = await provider.verify(response, held.nonce, self._clock())
        made = await self._sessions.create(self._new_session(visit, state, held, token, response))
        if isinstance(made, CredentialsOwed):
            return await self._ask_once_more(visit, state, token)
        return self._arrive(visit, state, made)

    def _new_session(
        self,
        visit: Visit,
        state: login.LoginState,
        held: login.LoginSecrets,
        token: VerifiedToken,
        response: TokenResponse,
    ) -> NewSession:
        organization = visit.organization
        settings = self._providers[organization.identity_provider].settings
        windows = not _WINDOWS.isdisjoint(method.casefold() for method in token.methods)
        # Our own identifier says nothing of the client: every browser's token carries it.
        client = token.client_id if token.client_id != settings.client_id else None
        return NewSession(
            organization=organization.name,
            principal=token.principal,
            now=self._clock(),
            token_end=token.ends_at,
            authenticated_at=token.authenticated_at,
            counts_as_credentials=settings.windows_counts_as_credentials or not windows,
            asked_for_credentials_at=state.asked_at,
            leeway=settings.leeway,
            client_kind=client_kind(
                organization.exempt_clients, client, state.return_to.partition("?")[0], visit.facts.user_agent
            ),
            rules=self._rules_for(organization),
            provider_session=token.provider_session,
            subject=token.subject,
            id_token=response.id_token,
            refresh_token=None,
            replaces=visit.replaces or held.replaces,
        )

    async def _ask_once_more(self, visit: Visit, state: login.LoginState, token: VerifiedToken) -> web.StreamResponse:
        """Credentials are owed: ask for them once; whoever comes back without them gets a page."""
        if state.retried or state.asked_at is not None:
            reason = "no_authentication_instant" if token.authenticated_at is None else "credentials_owed"
            detail = "asked for credentials, and none newer than the mark came"
            raise SignInRefused(reason, detail, principal=token.principal.upn or token.principal.name)
        return await self._leave(visit, state.return_to, ask_for_credentials=True, again=state)

    def _arrive(self, visit: Visit, state: login.LoginState, made: Created) -> web.StreamResponse:
        session = made.session
        self._audit.record(
            AuditEvent.SIGNED_IN,
            organization=session.organization,
            principal=session.principal.upn or session.principal.name,
            client_address=visit.facts.client_address,
            client_kind=str(session.client_kind),
            session=session.reference.id_hash if session.reference else None,
        )
        loops = loop.next_loop_state(self._loop(visit), loop.LoopEvent.COMPLETED, self._clock())
        same_site = visit.organization.same_site
        cookies = [
            set_cookie(visit.names.session, made.cookie, secure=visit.secure, same_site=same_site),
            self._expired_login(visit, state),
            self._loop_cookie(visit, loops),
        ]
        return redirect(302, state.return_to, cookies)

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
            return await self._leave(visit, state.return_to, ask_for_credentials=asks, restarted=True)
        if state.is_over(self._clock()):
            # The login cookie lives as long as the state does, so a browser that comes late has none to show.
            raise SignInRefused("state_expired")
        raise SignInRefused("other_browser", "no login cookie for this state")

    def _gave_up(self, visit: Visit, state: login.LoginState, error: SignInFault) -> web.StreamResponse:
        reason = reason_of(error)
        log.warning("sign_in_failed", reason=reason, detail=str(error), organization=visit.organization.name)
        principal = error.principal if isinstance(error, SignInRefused) else ""
        self._refused(visit.facts, visit.organization, reason, principal)
        response = self._failed(visit, reason, state.return_to)
        kept = reason in ("store_unreachable", "other_browser")
        return response if kept else with_cookies(response, [self._expired_login(visit, state)])

    def _refused(
        self, facts: RequestFacts, organization: Organization | None, reason: str, principal: str = ""
    ) -> None:
        self._audit.record(
            AuditEvent.SIGN_IN_REFUSED,
            organization=organization.name if organization else "",
            principal=principal,
            reason=reason,
            client_address=facts.client_address,
        )

    def _failed(self, visit: Visit, reason: str, return_to: str) -> web.Response:
        path = sign_in_path(self._mount(visit.organization), return_to)
        return failed(self._pages, visit.request, reason, sign_in=path, organization=visit.organization.friendly_name)

    async def _leave(
        self,
        visit: Visit,
        return_to: str,
        *,
        ask_for_credentials: bool,
        again: login.LoginState | None = None,
        restarted: bool = False,
    ) -> web.Response:
        try:
            return await self._departures.leave(
                visit, return_to, ask_for_credentials=ask_for_credentials, again=again, restarted=restarted
            )
        except (ProviderUnavailable, ProviderMisconfigured) as error:
            reason = "provider_unavailable" if isinstance(error, ProviderUnavailable) else "provider_misconfigured"
            log.warning("sign_in_not_started", reason=reason, detail=str(error), organization=visit.organization.name)
            return self._failed(visit, reason, return_to)

    def _expired_login(self, visit: Visit, state: login.LoginState) -> str:
        return expire_cookie(visit.names.logins()[state.slot], secure=visit.secure, same_site=SameSite.LAX)

    def _loop(self, visit: Visit) -> loop.LoopState:
        return loop.open_loop(self._sealer, visit.cookies.get(visit.names.loop))

    def _loop_cookie(self, visit: Visit, state: loop.LoopState) -> str:
        value = loop.seal_loop(self._sealer, state)
        return set_cookie(
            visit.names.loop, value, secure=visit.secure, same_site=SameSite.LAX, max_age=int(loop.LOOP_SECONDS)
        )


def _return_to(wanted: Sequence[str], organization: Organization) -> str:
    """Where a sign-in leads: the path asked for, else the organization's own beginning."""
    home = f"{organization.path}/"
    asked = safe_return(wanted[0]) if wanted else home
    return home if asked == "/" and not organization.root else asked


def _once_each(given: MultiMapping[Any]) -> dict[str, str]:
    """What we read of an answer, each part at most once. Raises SignInRefused("bad_request")."""
    answer = {}
    for name in _ANSWER:
        values = given.getall(name, [])
        if len(values) > 1 or not all(isinstance(value, str) and len(value) <= _LONGEST for value in values):
            raise SignInRefused("bad_request", f"{name} stands more than once, or is too long")
        if values:
            answer[name] = str(values[0])
    return answer
