"""An AD FS double: AD FS's addresses, tokens and quirks, for the demonstration and the tests.

Any password is accepted. It stands for no security at all and belongs on loopback.
"""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import jwt
from aiohttp import web

from proxy.demo.adfs_authorize import Authorize
from proxy.demo.adfs_keys import KeyRing, SigningKey
from proxy.demo.adfs_model import PEOPLE, Client, Person, Trust
from proxy.demo.adfs_passive import Passive
from proxy.demo.adfs_state import SSO_COOKIE, AdfsState, Refusal, error_page, page
from proxy.demo.adfs_token_endpoint import TokenEndpoint
from proxy.demo.adfs_tokens import USERINFO, Issuer, read
from proxy.model.time import Instant


class AdfsDouble:
    """One AD FS farm. Mount `application()` on any port; `issuer` is where browsers and clients reach it.

    `issuer`: an http or https URL that ends in `/adfs`. `token_lifetime`: the trust's TokenLifetime, minutes.
    `honours_max_age`: undocumented at AD FS, so off. `signing_key`: one made before, else the start makes one.
    `trusts`: who signs in by WS-Federation.
    `state` is what it knows, for tests to look at and to change (`state.token_lifetime`).
    """

    def __init__(
        self,
        issuer: str,
        clients: Sequence[Client],
        clock: Callable[[], Instant],
        *,
        token_lifetime: int = 60,
        people: tuple[Person, ...] = PEOPLE,
        honours_max_age: bool = False,
        signing_key: SigningKey | None = None,
        trusts: tuple[Trust, ...] = (),
    ) -> None:
        host = urlsplit(issuer).netloc
        if not host or urlsplit(issuer).path != "/adfs":
            raise ValueError(f"issuer {issuer!r} is not an AD FS one; http://127.0.0.1:8081/adfs would be")
        self.state = AdfsState(
            # AD FS names its access tokens' issuer with http, whatever it is served by.
            issuer=Issuer(url=issuer, access_tokens=f"http://{host}/adfs/services/trust"),
            keys=KeyRing(signing_key),
            clients={client.client_id: client for client in clients},
            people=people,
            clock=clock,
            token_lifetime=token_lifetime,
            honours_max_age=honours_max_age,
            trusts=trusts,
        )

    def application(self) -> web.Application:
        """Everything below `/adfs`, ready to be served."""
        application = web.Application()
        authorize, token = Authorize(self.state), TokenEndpoint(self.state)
        # AD FS publishes both with a slash at the end and answers without it as well.
        for slash in ("", "/"):
            application.router.add_get(f"/adfs/oauth2/authorize{slash}", authorize.get)
            application.router.add_post(f"/adfs/oauth2/authorize{slash}", authorize.post)
            application.router.add_post(f"/adfs/oauth2/token{slash}", token.post)
        Passive(self.state).mount(application)
        application.router.add_get("/adfs/.well-known/openid-configuration", self._discovery)
        application.router.add_get("/adfs/discovery/keys", self._keys)
        application.router.add_get("/adfs/userinfo", self._userinfo)
        application.router.add_post("/adfs/userinfo", self._userinfo)
        application.router.add_get("/adfs/oauth2/logout", self._logout)
        application.router.add_get("/adfs/demo/rollover", self._rollover_page)
        application.router.add_post("/adfs/demo/rollover", self._rollover)
        application.on_startup.append(self._start)
        return application

    async def _start(self, _: web.Application) -> None:
        await self.state.keys.start(self.state.clock())

    async def _discovery(self, _: web.Request) -> web.Response:
        """OpenID Connect Discovery, section 4, with AD FS's own `access_token_issuer`."""
        base = self.state.issuer.url
        return web.json_response(
            {
                "issuer": base,
                "authorization_endpoint": f"{base}/oauth2/authorize/",
                "token_endpoint": f"{base}/oauth2/token/",
                "jwks_uri": f"{base}/discovery/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query", "form_post"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "subject_types_supported": ["pairwise"],
                "scopes_supported": ["openid", "profile", "email", "allatclaims"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "access_token_issuer": self.state.issuer.access_tokens,
                "claims_supported": [
                    "aud",
                    "iss",
                    "iat",
                    "exp",
                    "auth_time",
                    "nonce",
                    "sub",
                    "upn",
                    "unique_name",
                    "sid",
                ],
                "microsoft_multi_refresh_token": True,
                "userinfo_endpoint": f"{base}/userinfo",
                "end_session_endpoint": f"{base}/oauth2/logout",
                "frontchannel_logout_supported": True,
                "frontchannel_logout_session_supported": True,
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [key.jwk() for key in self.state.keys.published]})

    async def _userinfo(self, request: web.Request) -> web.Response:
        """`sub` and nothing else, and only for a token that was made for userinfo."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = self._ours(token, USERINFO, self.state.issuer.access_tokens, self.state.clock())
        if scheme.casefold() != "bearer" or claims is None:
            challenge = (
                'Bearer error="invalid_token", error_description="MSIS9920: The access token is not valid here."'
            )
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return web.json_response({"sub": claims["sub"]})

    async def _logout(self, request: web.Request) -> web.Response:
        """Ends the single sign-on; goes on only to an address that the hint's client has registered."""
        login = self.state.logins.pop(request.cookies.get(SSO_COOKIE, ""), None)
        signed_in = login.clients if login else ()
        frames = [
            f"{client.logout_uri}?{urlencode({'iss': self.state.issuer.url, 'sid': login.provider_session})}"
            for client in self.state.clients.values()
            if login and client.client_id in signed_in and client.logout_uri
        ]
        onward = self._after_logout(request)
        if onward and not frames:
            response = web.Response(status=302, headers={"Location": onward})
        else:
            response = page("adfs_signed_out.html", frames=frames, onward=onward)
        response.del_cookie(SSO_COOKIE, path="/adfs")
        return response

    def _after_logout(self, request: web.Request) -> str | None:
        """Where the browser goes next, with `state` echoed; None where nothing trustworthy says so."""
        hint = self._ours(request.query.get("id_token_hint", ""), None, self.state.issuer.url, None)
        uri = request.query.get("post_logout_redirect_uri")
        client = self.state.clients.get(str(hint["aud"])) if hint else None
        if uri is None or client is None or not client.may_return_after_logout(uri):
            return None
        state = request.query.get("state")
        if state is None:
            return uri
        return f"{uri}{'&' if '?' in uri else '?'}{urlencode({'state': state})}"

    async def _rollover_page(self, _: web.Request) -> web.Response:
        published = [(key.x5t, key is self.state.keys.signing) for key in self.state.keys.published]
        return page("adfs_rollover.html", published=published)

    async def _rollover(self, request: web.Request) -> web.Response:
        """`step` publish or promote, as AutoCertificateRollover does; without it both at once, the emergency."""
        match (await request.post()).get("step", "promote"):
            case "publish":
                await self.state.keys.publish_next(self.state.clock())
            case "promote":
                await self.state.keys.promote(self.state.clock())
            case _:
                return error_page(Refusal("invalid_request", "The step is unknown; publish or promote would do."))
        return web.Response(status=303, headers={"Location": "/adfs/demo/rollover"})

    def _ours(self, token: str, audience: str | None, issuer: str, now: Instant | None) -> Mapping[str, object] | None:
        """The claims of a token that this double signed, or None."""
        try:
            return read(token, self.state.keys, audience=audience, issuer=issuer, now=now)
        except jwt.PyJWTError:
            return None
