"""The AD FS double's WS-Federation: `/adfs/ls/` and its federation metadata (WS-Federation 1.2, section 13)."""

import asyncio
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from proxy.demo.adfs_login import LoginPage, loop_of, loop_page, remember_loop
from proxy.demo.adfs_model import Login, Method, Trust
from proxy.demo.adfs_saml import federation_metadata, response_for
from proxy.demo.adfs_state import SSO_COOKIE, AdfsState, Refusal, error_page, page
from proxy.model.time import Instant


class Passive:
    """`GET` answers, or asks for a password; `POST` is the sign-in page coming back, on the same query."""

    def __init__(self, state: AdfsState) -> None:
        self._state = state
        self._page = LoginPage(state)

    def mount(self, application: web.Application) -> None:
        """AD FS answers with and without the slash."""
        for slash in ("", "/"):
            application.router.add_get(f"/adfs/ls{slash}", self.get)
            application.router.add_post(f"/adfs/ls{slash}", self.post)
        application.router.add_get("/FederationMetadata/2007-06/FederationMetadata.xml", self.metadata)

    async def get(self, request: web.Request) -> web.Response:
        """`wsignin1.0` and `wsignout1.0`."""
        match request.query.get("wa"):
            case "wsignin1.0":
                return await self._sign_in(request)
            case "wsignout1.0" | "wsignoutcleanup1.0":
                return self._sign_out(request)
            case _:
                return error_page(Refusal("invalid_request", "MSIS7000: The sign in request is not compliant."))

    async def _sign_in(self, request: web.Request) -> web.Response:
        try:
            trust = self._trust(request)
        except Refusal as refusal:
            return error_page(refusal)
        login = self._state.login(request)
        if login is not None and request.query.get("wfresh") != "0":
            return await self._issue(request, trust, login, *loop_of(request, self._state.clock()))
        # Windows authentication answers wfresh=0 silently, with a fresh instant; only wauth asks for the form.
        windows = self._page.by_windows(request) if request.query.get("wauth") != Method.FORMS.saml else None
        if windows is None:
            return self._page.ask(request, login.person.account if login else "", "")
        response = await self._issue(request, trust, windows[0], *loop_of(request, self._state.clock()))
        response.headers.add("Set-Cookie", windows[1])
        return response

    async def post(self, request: web.Request) -> web.Response:
        """The sign-in page."""
        try:
            trust = self._trust(request)
        except Refusal as refusal:
            return error_page(refusal)
        typed = await self._page.typed(request)
        if isinstance(typed, web.Response):
            return typed
        login, cookie = typed
        response = await self._issue(request, trust, login, self._state.clock(), 1)
        response.headers.add("Set-Cookie", cookie)
        return response

    def _trust(self, request: web.Request) -> Trust:
        realm = request.query.get("wtrealm", "")
        trust = next((trust for trust in self._state.trusts if realm in trust.identifiers), None)
        if trust is None:
            raise Refusal(
                "invalid_request",
                f"MSIS7007: The requested relying party trust '{realm}' is unspecified or unsupported.",
            )
        return trust

    async def _issue(
        self, request: web.Request, trust: Trust, login: Login, first: Instant, count: int
    ) -> web.Response:
        now = self._state.clock()
        looping = loop_page(first, count, now)
        if looping is not None:
            return looping
        realm = request.query["wtrealm"]
        login.trusts.add(trust.endpoints[0])
        result = await asyncio.to_thread(
            response_for,
            login.person,
            issuer=self._state.issuer.access_tokens,
            realm=realm,
            now=now,
            lifetime=self._state.token_lifetime * 60.0,
            authenticated_at=login.authenticated_at,
            method=login.method.saml,
            key=self._state.keys.signing,
            encryption_certificate=trust.encryption_certificate,
        )
        answer = {"wa": "wsignin1.0", "wresult": result}
        if "wctx" in request.query:
            answer["wctx"] = request.query["wctx"]
        response = page("adfs_post.html", action=self._endpoint(request, trust), answer=answer)
        remember_loop(response, first, count)
        return response

    def _endpoint(self, request: web.Request, trust: Trust) -> str:
        """Where the answer goes: a registered endpoint that `wreply` names, else the first, whatever `wreply` says."""
        asked = request.query.get("wreply")
        return asked if asked in trust.endpoints else trust.endpoints[0]

    def _sign_out(self, request: web.Request) -> web.Response:
        """Ends the single sign-on, and has every signed-in party clean up in a frame of its own."""
        login = self._state.logins.pop(request.cookies.get(SSO_COOKIE, ""), None)
        frames = [
            f"{where}?{urlencode({'wa': 'wsignoutcleanup1.0'})}" for where in sorted(login.trusts if login else ())
        ]
        response = page("adfs_signed_out.html", frames=frames, onward=self._onward(request))
        response.del_cookie(SSO_COOKIE, path="/adfs")
        return response

    def _onward(self, request: web.Request) -> str | None:
        """`wreply`, where its origin is one of a trust's endpoints."""
        asked = request.query.get("wreply", "")
        known = {urlsplit(where)[:2] for trust in self._state.trusts for where in trust.endpoints}
        return asked if urlsplit(asked)[:2] in known else None

    async def metadata(self, _: web.Request) -> web.Response:
        """What AD FS says of itself, signed."""
        base = self._state.issuer
        body = await asyncio.to_thread(
            federation_metadata,
            entity_id=base.access_tokens,
            endpoint=f"{base.url}/ls/",
            signing=self._state.keys.signing,
            published=self._state.keys.published,
        )
        return web.Response(body=body, content_type="application/samlmetadata+xml")
