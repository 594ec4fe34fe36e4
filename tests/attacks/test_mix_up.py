"""Mix-up (RFC 9700, section 4.4): a provider that sends its victims on to another provider to get at their codes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from aiohttp import web

from proxy.signin.login_state import seal_state
from support import tokens
from support.browser import Browser
from support.logout import EVENT, logout_token, sids_of
from support.ports import free_port
from support.world import CLIENT_ID, World, served

OLD = "/.claims/callback"
HONEST = "/.claims/callback/default"


class DishonestProvider:
    """A provider that the configuration trusts for one organization, and that wants the users of another.

    `mixes_up`: the parameters with which it sends a browser on to the honest provider; None: it signs in by itself.
    `codes`: what its token endpoint was given.
    """

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}/partner"
        self.mixes_up: Callable[[dict[str, str]], str] | None = None
        self.asked: dict[str, str] = {}
        self.codes: list[str] = []
        self.posted: list[dict[str, str]] = []

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/partner/.well-known/openid-configuration", self._discovery)
        application.router.add_get("/partner/keys", self._keys)
        application.router.add_get("/partner/authorize", self._authorize)
        application.router.add_post("/partner/token", self._token)
        return application

    async def _discovery(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [tokens.jwk(tokens.rsa_key())]})

    async def _authorize(self, request: web.Request) -> web.Response:
        self.asked = dict(request.query)
        if self.mixes_up is not None:
            raise web.HTTPFound(self.mixes_up(self.asked))
        answer = {"code": "of-the-partner", "state": self.asked["state"], "iss": self.issuer}
        raise web.HTTPFound(f"{self.asked['redirect_uri']}?{urlencode(answer)}")

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        self.posted.append(form)
        self.codes.append(str(form["code"]))
        if form["code"] != "of-the-partner":
            return web.json_response({"error": "invalid_grant"}, status=400)
        nonce = self.asked["nonce"]
        granted = tokens.id_token(iss=self.issuer, aud="partner-client", nonce=nonce, sub="paula", at_hash=...)
        return web.json_response({"id_token": granted, "token_type": "bearer"})


@dataclass
class Scene:
    """An organization at each of two providers. `urls`: an organization's page; `answers`: where answers come to."""

    world: World
    partner: DishonestProvider
    urls: dict[str, str]
    answers: str

    def sign_in(self, name: str) -> str:
        return f"{self.urls[name]}/.claims/sign-in"

    async def is_in(self, browser: Browser, name: str) -> bool:
        return (await browser.fetch(f"{self.urls[name]}/.claims/session")).status == 200

    def register(self, *paths: str) -> None:
        """What the honest provider has of us."""
        known = self.world.adfs.state.clients[CLIENT_ID]
        uris = tuple(f"{self.answers}{path}" for path in paths)
        self.world.adfs.state.clients[CLIENT_ID] = replace(known, redirect_uris=uris)


@pytest.fixture
async def partner():
    port = free_port()
    one = DishonestProvider(port)
    async with served(one.application(), port):
        yield one


@pytest.fixture(params=["by path", "sign_in_host"])
async def scene(request, world, partner):
    port = free_port()
    own = {"name": "partner", "protocol": "oidc", "issuer": partner.issuer}
    own |= {"client_id": "partner-client", "client_secret": "a-client-secret-of-the-partner"}
    upstream = f"http://127.0.0.1:{free_port()}"
    keys = {"listen": {"address": f"127.0.0.1:{port}"}}
    if request.param == "by path":
        places = [{"hosts": ["127.0.0.1"], "path": f"/{name}"} for name in ("contoso", "fabrikam")]
        urls = {name: f"http://127.0.0.1:{port}/{name}" for name in ("contoso", "fabrikam")}
        answers = f"http://127.0.0.1:{port}"
    else:
        places = [{"hosts": [f"{name}.localhost"]} for name in ("contoso", "fabrikam")]
        urls = {name: f"http://{name}.localhost:{port}" for name in ("contoso", "fabrikam")}
        answers = f"http://auth.localhost:{port}"
        own["sign_in_host"] = f"auth.localhost:{port}"
        keys["provider"] = {"sign_in_host": f"auth.localhost:{port}"}
    contoso, fabrikam = places
    organizations = [
        {"name": "contoso", "upstream": upstream, **contoso},
        {"name": "fabrikam", "upstream": upstream, "identity_provider": own, **fabrikam},
    ]
    one = await world(organizations=organizations, **keys)
    made = Scene(one, partner, urls, answers)
    made.register(OLD, HONEST)
    return made


async def held_answer(scene: Scene, browser: Browser) -> dict[str, str]:
    """The honest provider's address for a sign-in at contoso, by its parameters."""
    leaves = await browser.fetch(scene.sign_in("contoso"), headers={"Sec-Fetch-Mode": "navigate"})
    return dict(parse_qsl(urlsplit(leaves.last.location).query))


@pytest.mark.parametrize("at", [OLD, HONEST])
async def test_a_mixed_up_code_signs_the_attacker_in_as_nobody(scene, browser, other_browser, at):
    """Both addresses are registered at the honest provider: one of a time when it was the only one, and its own."""
    attacker, victim = other_browser, browser
    own = await held_answer(scene, attacker)
    honest = f"{scene.world.adfs.state.issuer.url}/oauth2/authorize"
    mixed = own | {"redirect_uri": f"{scene.answers}{at}"}
    scene.partner.mixes_up = lambda asked: f"{honest}?{urlencode(mixed | {'state': asked['state']})}"

    page = await victim.complete_sign_in(await victim.open(scene.sign_in("fabrikam")), "alice")

    assert any("code" in hop.url.query and hop.url.path.startswith(OLD) for hop in victim.hops), "a code was given"
    for code in scene.partner.codes:
        await attacker.open(f"{own['redirect_uri']}?{urlencode({'code': code, 'state': own['state']})}")
    assert not await scene.is_in(attacker, "contoso")
    assert scene.partner.codes == []
    assert page.status == 403
    assert not await scene.is_in(victim, "fabrikam")


async def test_people_sign_in_at_both_providers(scene, browser):
    await browser.open(scene.sign_in("contoso"))
    await browser.complete_sign_in(browser.page, "alice")
    assert await scene.is_in(browser, "contoso")
    await browser.open(scene.sign_in("fabrikam"))
    assert await scene.is_in(browser, "fabrikam")
    assert scene.partner.codes == ["of-the-partner"]
    assert scene.partner.asked["redirect_uri"] == f"{scene.answers}/.claims/callback/partner"
    assert scene.partner.posted[0]["redirect_uri"] == f"{scene.answers}/.claims/callback/partner"


def rewritten(url: str, **changes: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | changes)).geturl()


async def response_of_partner(scene: Scene, browser: Browser) -> str:
    """The redirect with which the partner answers a sign-in at fabrikam, not yet followed."""
    leaves = await browser.fetch(scene.sign_in("fabrikam"), headers={"Sec-Fetch-Mode": "navigate"})
    return (await browser.fetch(leaves.last.location)).last.location


@pytest.mark.parametrize("endpoint", [OLD, HONEST, "/.claims/callback/Partner", "/.claims/callback/part%256Eer"])
async def test_a_response_at_the_address_of_another_provider_is_refused(scene, browser, endpoint):
    answer = await response_of_partner(scene, browser)
    page = await browser.open(answer.replace("/.claims/callback/partner", endpoint))
    assert page.status == 403
    assert scene.partner.codes == []
    await browser.open(answer.replace("/partner?", "/p%61rtner?"))
    assert await scene.is_in(browser, "fabrikam"), "the same name in another spelling of the same URL"


@pytest.mark.parametrize("path", ["/.claims/callback/a/b", "/.claims/callback/partner/", "/.claims/sign-in/x"])
async def test_a_path_below_no_endpoint_is_not_found(scene, browser, path):
    assert (await browser.open(f"{scene.answers}{path}")).status == 404
    assert (await browser.open(f"{scene.answers}{HONEST}")).status == 400


async def test_the_issuer_in_a_response_is_checked(scene, browser):
    answer = await response_of_partner(scene, browser)
    page = await browser.open(rewritten(answer, iss=scene.world.adfs.state.issuer.url))
    assert page.status == 403
    assert scene.partner.codes == []
    answer = await response_of_partner(scene, browser)
    await browser.open(rewritten(answer, iss=scene.partner.issuer))
    assert await scene.is_in(browser, "fabrikam")


async def test_a_sign_in_of_an_earlier_version_starts_again(scene, browser, monkeypatch):
    """Its state names no provider, and its response arrives at the former address."""
    with monkeypatch.context() as earlier:
        earlier.setattr(
            "proxy.signin.departure.login.seal_state",
            lambda sealer, state: seal_state(sealer, replace(state, provider="")),
        )
        answer = await response_of_partner(scene, browser)
    page = await browser.open(answer.replace("/callback/partner?", "/callback?").replace("of-the-partner", "unread"))
    assert scene.partner.codes == ["of-the-partner"], "the response was not read, and a new sign-in was completed"
    assert any("/.claims/callback/partner" in str(hop.url) for hop in page.hops)
    assert await scene.is_in(browser, "fabrikam")


async def posted(scene: Scene, browser: Browser, token: str, path: str = "") -> tuple[int, str]:
    url = f"{scene.answers}{path}/.claims/backchannel-logout"
    page = await browser.fetch(url, "POST", data={"logout_token": token}, cookies=False)
    return page.status, page.text


def partner_token(scene: Scene, token_id: str, key=None, **changes) -> str:
    now = int(scene.world.clock())
    claims = {"iss": scene.partner.issuer, "aud": "partner-client", "iat": now, "exp": now + 100, "jti": token_id}
    claims |= {"events": {EVENT: {}}, "sub": "paula"}
    return tokens.sign({"alg": "RS256", "kid": "one"}, claims | changes, key or tokens.rsa_key())


async def test_a_logout_token_belongs_to_the_provider_that_it_names(scene, browser, other_browser):
    await browser.complete_sign_in(await browser.open(scene.sign_in("contoso")), "alice")
    await other_browser.open(scene.sign_in("fabrikam"))
    honest, (sid,) = scene.world.adfs.state.issuer.url, sids_of(scene.world.adfs)
    refused = {
        "the partner names the honest provider": partner_token(scene, "1", iss=honest, aud=CLIENT_ID, sid=sid),
        "the partner names the honest client": partner_token(scene, "2", aud=CLIENT_ID, sid=sid),
        "the honest provider names the partner's client": logout_token(scene.world.adfs, "3", aud="partner-client"),
        "a provider that is not here": partner_token(scene, "4", iss="https://evil.example"),
        "another key": partner_token(scene, "5", key=tokens.rsa_key(nth=7)),
    }
    for what, token in refused.items():
        assert (await posted(scene, browser, token))[0] == 400, what
    assert (await scene.is_in(browser, "contoso"), await scene.is_in(other_browser, "fabrikam")) == (True, True)
    assert (await posted(scene, browser, partner_token(scene, "6", sid=sid)))[0] == 200
    assert await scene.is_in(browser, "contoso"), "the partner's sid is not the honest provider's"
    assert (await posted(scene, browser, partner_token(scene, "7")))[0] == 200
    assert (await scene.is_in(browser, "contoso"), await scene.is_in(other_browser, "fabrikam")) == (True, False)
    assert (await posted(scene, browser, logout_token(scene.world.adfs, "8")))[0] == 200
    assert not await scene.is_in(browser, "contoso")
