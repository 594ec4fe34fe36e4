"""`sign-in`, `callback` and `wsfed`: from a click to a session, in as few questions as the rules allow."""

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlencode

from aiohttp import web

from proxy.errors import SignInRefused
from proxy.model.organization import Organization
from proxy.model.redirect_uri import CALLBACK, Redirects, canonical_callback
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import CannotTell
from proxy.model.settings import TimeRules
from proxy.model.time import Instant
from proxy.observability.audit import Audit
from proxy.pages.render import Page, Pages
from proxy.policy.return_url import safe_return
from proxy.sealing import Sealer
from proxy.sessions.guard import BindingGuard
from proxy.signin import login_state as login
from proxy.signin import loop
from proxy.signin.answers import redirect, sign_in_path, with_cookies
from proxy.signin.completion import Completion, Confirm, SignInSessions
from proxy.signin.departure import Departures
from proxy.signin.desk import Desk
from proxy.signin.device import DeviceRoutes
from proxy.signin.parameters import once_each, read_form
from proxy.signin.protocol import SignInProtocol
from proxy.signin.visit import Doorman, Visit

# Of a provider's answer, what we read. Each may stand once (attacks: two `state`, two `code`, two `wresult`).
_OIDC = {"state": 8192, "code": 8192, "iss": 8192, "error": 8192}
_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_WSFED = {"wa": 64, "wctx": 8192, "wresult": 1024 * 1024}


class SignInRoutes:
    """The endpoints of a sign-in. `mount` gives an organization's path of endpoints, `prefix` the host's."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        sessions: SignInSessions,
        providers: Mapping[str, SignInProtocol],
        organizations: Mapping[str, Organization],
        rules_for: Callable[[Organization], TimeRules],
        pages: Pages,
        clock: Callable[[], Instant],
        audit: Audit,
        prefix: str,
        mount: Callable[[Organization], str],
        guard: BindingGuard,
        devices: DeviceRoutes,
        confirm: Confirm,
    ) -> None:
        self._sealer = sealer
        self._providers = providers
        self._organizations = organizations
        self._pages = pages
        self._prefix = prefix
        self._doorman = Doorman(sessions, rules_for, clock, guard)
        redirects = Redirects.among(organizations.values(), (each.settings for each in providers.values()))
        departures = Departures(sealer, providers, clock, prefix, redirects)
        self._desk = Desk(sealer=sealer, departures=departures, pages=pages, clock=clock, audit=audit, mount=mount)
        self._completion = Completion(
            sealer=sealer,
            sessions=sessions,
            providers=providers,
            rules_for=rules_for,
            doorman=self._doorman,
            desk=self._desk,
            clock=clock,
            audit=audit,
            devices=devices,
            confirm=confirm,
        )

    async def sign_in(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """GET `sign-in?return=/path`: to the provider, or straight back where a session is live.

        With `again` also where one is live, which the new one then replaces; with `credentials` they are asked for in
        any case. With `change`, the digest of an administrator's change, that change waits for this sign-in.
        """
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        wanted, changes = request.query.getall("return", []), request.query.getall("change", [])
        if organization is None or len(wanted) > 1 or len(changes) > 1 or not all(map(_DIGEST.match, changes)):
            return self._desk.nowhere(request, facts, organization, "bad_request")
        return_to = _return_to(wanted, organization)
        again = "again" in request.query
        visit = await self._doorman.visit(request, facts, organization)
        confirms = "credentials" in request.query or bool(changes)
        if self._doorman.is_good(visit) and not (again or confirms):
            return redirect(302, return_to)
        if isinstance(visit.lookup, CannotTell):
            return self._desk.failed(visit, "store_unreachable", return_to)
        if facts.kind is RequestKind.FRAMED_NAVIGATION:
            path = sign_in_path(self._desk.mount(organization), return_to)
            return self._pages.respond(request, Page.FRAMED, status=200, sign_in=path)
        ask = confirms or self._doorman.owes(visit, again=again)
        return await self._set_out(visit, return_to, ask=ask, change=changes[0] if changes else "")

    async def _set_out(self, visit: Visit, return_to: str, *, ask: bool, change: str) -> web.StreamResponse:
        state = self._desk.loop_after(visit, loop.LoopEvent.STARTED)
        if state.is_loop:
            self._desk.refused(visit.facts, visit.organization, "loop")
            return self._desk.failed(visit, "loop", return_to)
        answer = await self._desk.leave(visit, return_to, ask_for_credentials=ask, change=change)
        return with_cookies(answer, [self._desk.loop_cookie(visit, state)] if state.challenged else [])

    async def callback(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """The redirect URI of the only OpenID provider that answers at this host."""
        return await self._called_back(request, facts, organization, CALLBACK)

    async def callback_of_provider(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """The redirect URI of one of several OpenID providers that answer at this host, named by the path."""
        endpoint = canonical_callback(facts.path.rpartition("/")[2])
        if endpoint is None:
            return self._desk.nowhere(request, facts, organization, "bad_request")
        return await self._called_back(request, facts, organization, endpoint)

    async def _called_back(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None, endpoint: str
    ) -> web.StreamResponse:
        """Complete a sign-in. A form_post goes on as a GET: a cross-site POST carries no Lax cookie."""
        if request.method == "POST":
            return await self._posted(request, facts)
        if request.method != "GET":
            return web.Response(status=405, headers={"Allow": "GET, POST"})
        try:
            answer = once_each(request.query, _OIDC)
            state, known = self._opened(answer.get("state"), endpoint, facts, organization)
        except SignInRefused as refused:
            home = await self._home(request, facts, organization) if refused.reason == "state_unknown" else None
            return self._desk.nowhere(request, facts, organization, refused.reason) if home is None else home
        if state.authority != facts.authority:
            there = f"{facts.scheme}://{state.authority}{self._prefix}/{endpoint}"
            return redirect(302, f"{there}?{urlencode(answer)}")
        visit = await self._doorman.visit(request, facts, known)
        return await self._completion.complete(visit, state, answer)

    async def _posted(self, request: web.Request, facts: RequestFacts) -> web.StreamResponse:
        try:
            given = once_each(await read_form(request), _OIDC)
        except SignInRefused as refused:
            return self._desk.nowhere(request, facts, None, refused.reason)
        return redirect(303, f"{facts.path}?{urlencode(given)}")

    async def wsfed(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """WS-Federation's answer, a POST; a GET with `wctx` alone looks whether it has been taken."""
        try:
            answer = once_each(await read_form(request) if request.method == "POST" else request.query, _WSFED)
            state, known = self._opened(answer.get("wctx"), "wsfed", facts, organization)
        except SignInRefused as refused:
            # Whoever is signed in shows it on the way back alone: this POST brought no SameSite=Lax cookie.
            return self._desk.nowhere(request, facts, organization, refused.reason)
        again = f"{self._prefix}/wsfed?wctx={quote(answer['wctx'], safe='')}"
        if state.authority != facts.authority:
            there = f"{facts.scheme}://{state.authority}"
            if request.method != "POST":
                return redirect(302, f"{there}{again}")
            # 307 keeps method and body (RFC 9110, section 15.4.8): the token goes on as it came, and rests nowhere.
            return redirect(307, f"{there}{self._prefix}/wsfed")
        visit = await self._doorman.visit(request, facts, known)
        if request.method != "POST":
            return await self._completion.look(visit, state)
        return await self._completion.complete(visit, state, answer, look_again=again)

    def knows(self, wctx: str | None, facts: RequestFacts, organization: Organization) -> bool:
        """Whether a WS-Federation answer at the application's own address belongs to a sign-in of ours."""
        try:
            self._opened(wctx, "wsfed", facts, organization)
        except SignInRefused:
            return False
        return True

    def _opened(
        self, sealed: str | None, endpoint: str, facts: RequestFacts, organization: Organization | None
    ) -> tuple[login.LoginState, Organization]:
        """The state of the sign-in that this answers, begun on this very host, and whose it is.

        At the one host that takes answers for all, the state says which host it began on. A response must arrive at
        the redirect URI that was sent to the state's provider (RFC 9700, section 4.4.2.2). If the organization has
        another provider by now, `Completion` starts the sign-in again and does not read the response.
        Raises SignInRefused.
        """
        state = login.open_state(self._sealer, sealed)
        known = self._organizations.get(state.organization) if state else None
        if state is None or known is None or organization not in (None, known):
            raise SignInRefused("state_unknown")
        provider = self._providers[known.identity_provider]
        here = facts.authority in (state.authority, (provider.settings.sign_in_host or "").lower())
        if not here or provider.endpoint != endpoint.partition("/")[0]:
            raise SignInRefused("state_unknown")
        if state.provider == known.identity_provider:
            expected = self._desk.departures.endpoint(provider, state.authority)
            if endpoint != expected:
                raise SignInRefused("mixed_up", f"the response of {state.provider!r} belongs to {expected!r}")
        return state, known

    async def _home(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.Response | None:
        """Whoever is signed in is not stopped by an answer to nothing of ours; at a host of many it names nobody."""
        if organization is None:
            return None
        visit = await self._doorman.visit(request, facts, organization)
        return redirect(302, f"{organization.path}/") if self._doorman.is_good(visit) else None


def _return_to(wanted: Sequence[str], organization: Organization) -> str:
    """Where a sign-in leads: the path asked for, else the organization's own beginning."""
    home = f"{organization.path}/"
    asked = safe_return(wanted[0]) if wanted else home
    return home if asked == "/" and not organization.root else asked
