"""`sign-out` and `signed-out`: the session ends here first, then at the provider."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog
from aiohttp import web

from proxy.errors import ProviderError, StoreUnavailable
from proxy.model.organization import Organization, SameSite
from proxy.model.request import RequestFacts
from proxy.model.session import CannotTell, Ended, Live, SessionLookup
from proxy.model.settings import SignOutScope, TimeRules
from proxy.model.time import Instant
from proxy.observability.audit import Audit
from proxy.pages.render import Page, Pages
from proxy.sessions.cookie import cookie_names, expire_cookie, read_cookies
from proxy.sessions.guard import BindingCookies, BindingGuard
from proxy.sessions.refresh import Tokens
from proxy.signin.answers import failed, redirect, sign_in_path
from proxy.signin.own_sign_out import EndsOwnSessions, Leave, OwnSignOut
from proxy.signin.protocol import SignInProtocol

log = structlog.get_logger("signin")

# Not "cookies": that would also take the cookies of other organizations on this host and, by registrable domain, of its
# neighbours; ours are expired by name. Cached pages and stored data of the application go.
_CLEARED = '"cache", "storage"'
_EVERYWHERE = "everywhere"


class SignOutSessions(EndsOwnSessions, Protocol):
    """What signing out needs of `sessions.service.Sessions`."""

    async def load(self, cookie: str | None, organization: str, *, past_cache: bool = False) -> SessionLookup:
        """Whose cookie it is."""

    async def tokens(self, cookie: str, organization: str) -> Tokens:
        """The tokens beside the session. Raises StoreUnavailable."""


class SignOutRoutes:
    """The endpoints of a sign-out.

    `scope`: how far one that ends all of a principal's sessions reaches. `drop`: gives a session's refresh token back
    to the provider, beside the request. `guard`: whose browser asks.
    """

    def __init__(
        self,
        *,
        sessions: SignOutSessions,
        providers: Mapping[str, SignInProtocol],
        rules_for: Callable[[Organization], TimeRules],
        pages: Pages,
        clock: Callable[[], Instant],
        audit: Audit,
        mount: Callable[[Organization], str],
        guard: BindingGuard,
        scope: SignOutScope = SignOutScope.ORGANIZATION,
        drop: Callable[[Organization, Tokens], None] = lambda *_: None,
    ) -> None:
        self._drop = drop
        self._sessions = sessions
        self._providers = providers
        self._rules_for = rules_for
        self._pages = pages
        self._mount = mount
        self._ends = OwnSignOut(
            sessions=sessions, rules_for=rules_for, clock=clock, audit=audit, guard=guard, scope=scope
        )

    async def sign_out(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """GET asks; POST from our own origin does it. No other site can sign anybody out.

        `?everywhere`: all sessions of the principal, whether or not the organization's settings say so anyway.
        """
        if organization is None:
            return self._pages.respond(request, Page.NOT_FOUND, status=404)
        match request.method:
            case "GET" | "HEAD":
                return await self._ask(request, organization)
            case "POST":
                if request.headers.getall("Origin", []) != [facts.origin]:
                    return self._pages.respond(request, Page.FORBIDDEN, status=403)
                return await self._end(request, facts, organization)
            case _:
                return web.Response(status=405, headers={"Allow": "GET, HEAD, POST"})

    async def signed_out(
        self, request: web.Request, _facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """The page afterwards."""
        if organization is None:
            return self._pages.respond(request, Page.NOT_FOUND, status=404)
        path = sign_in_path(self._mount(organization), f"{organization.path}/")
        return self._pages.respond(
            request, Page.SIGNED_OUT, status=200, sign_in=path, organization=organization.friendly_name
        )

    async def _ask(self, request: web.Request, organization: Organization) -> web.StreamResponse:
        provider = self._providers[organization.identity_provider]
        endpoint = await self._of_provider(organization, provider.sign_out_endpoint())
        path = f"{self._mount(organization)}/sign-out"
        always = self._rules_for(organization).sign_out_owes_credentials
        asked = _EVERYWHERE in request.query
        return self._pages.respond(
            request,
            Page.SIGN_OUT_EVERYWHERE if always or asked else Page.SIGN_OUT,
            status=200,
            action=f"{path}?{_EVERYWHERE}" if asked else path,
            everywhere=None if always or asked else f"{path}?{_EVERYWHERE}",
            cancel=f"{organization.path}/",
            form_action=[endpoint] if endpoint else [],
            organization=organization.friendly_name,
        )

    async def _end(self, request: web.Request, facts: RequestFacts, organization: Organization) -> web.StreamResponse:
        secure = facts.scheme == "https"
        names = cookie_names(organization.cookie_suffix, secure=secure)
        cookies = read_cookies(request.headers.getall("Cookie", []), secure=secure)
        cookie = cookies.get(names.session)
        # Past the cache: an idle limit that was reached owes credentials, and only the store knows whether it was.
        lookup = await self._sessions.load(cookie, organization.name, past_cache=True)
        tokens, is_own, ended = Tokens(), False, not isinstance(lookup, CannotTell)
        if ended and cookie is not None:
            shown = BindingCookies(cookies.get(names.nonce), cookies.get(names.device))
            leave = Leave(facts, organization, shown, everywhere=_EVERYWHERE in request.query)
            try:
                if isinstance(lookup, Live):
                    tokens = await self._sessions.tokens(cookie, organization.name)
                is_own = await self._ends.end(lookup, leave)
            except StoreUnavailable as error:
                log.warning("sign_out_failed", reason="store_unreachable", detail=str(error))
                ended = False
        if not ended:
            # The cookie stays: without it the browser could not end the session later, and the session would live on.
            path = f"{self._mount(organization)}/sign-out"
            return failed(
                self._pages, request, "store_unreachable", sign_in=path, organization=organization.friendly_name
            )
        if tokens.refresh_token is not None:
            self._drop(organization, tokens)
        gone = [expire_cookie(names.session, secure=secure, same_site=organization.same_site)]
        if names.device in cookies:
            gone += [expire_cookie(names.device, secure=secure, same_site=organization.same_site)]
        gone += [expire_cookie(name, secure=secure, same_site=organization.same_site) for name in names.logins()]
        gone += [expire_cookie(names.cleanup, secure=secure, same_site=SameSite.NONE)]
        known = isinstance(lookup, Live | Ended)
        # The id token names the person, and goes through the browser: whose session it is not must not read it there.
        hint = tokens.id_token if is_own else None
        response = redirect(303, await self._next_stop(facts, organization, hint, known=known), gone)
        response.headers["Clear-Site-Data"] = _CLEARED
        return response

    async def _next_stop(
        self, facts: RequestFacts, organization: Organization, id_token: str | None, *, known: bool
    ) -> str:
        """The provider's end-session endpoint, or our own page where there is none or nobody was signed in."""
        after = f"{facts.origin}{self._mount(organization)}/signed-out"
        if not known:
            return after
        provider = self._providers[organization.identity_provider]
        realm = organization.realm or provider.settings.realm
        there = await self._of_provider(organization, provider.sign_out_url(id_token, after, realm))
        return there or after

    async def _of_provider(self, organization: Organization, asked: Awaitable[str | None]) -> str | None:
        try:
            return await asked
        except ProviderError as error:
            log.warning("provider_not_told", detail=str(error), organization=organization.name)
            return None
