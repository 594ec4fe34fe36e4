"""An AD FS double on a port of its own, and a relying party that speaks to it by hand."""

import base64
import hashlib
import html
import re
import secrets
import socket
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import jwt
import pytest
from aiohttp import web

from proxy.demo.adfs import AdfsDouble
from proxy.demo.adfs_keys import make_signing_key
from proxy.demo.adfs_model import Client
from proxy.demo.stage import DemoCannotStart, places, require_free

CLIENT = Client(
    client_id="crm",
    secret="a+b%c secret",
    redirect_uris=("http://127.0.0.1:9/.claims/callback",),
    post_logout_redirect_uris=("http://127.0.0.1:9/.claims/signed-out",),
    resources=("https://crm.contoso.com/",),
)
OTHER = Client("portal", "portal secret", ("http://127.0.0.1:9/portal",), logout_uri="http://127.0.0.1:9/portal/out")


async def serve(application):
    """Serves an application on a free loopback port; answers the runner and `http://127.0.0.1:port`."""
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture(scope="session")
def signing_key():
    """One key for all tests: making one takes long."""
    return make_signing_key(1_790_000_000.0)


class RelyingParty:
    """A browser (one cookie jar) and a client in one, step by step."""

    def __init__(self, base, double, browser):
        self.base, self.double, self.browser = base, double, browser
        self.verifier = secrets.token_urlsafe(48)

    def url(self, **changes):
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": CLIENT.client_id,
            "redirect_uri": CLIENT.redirect_uris[0],
            "scope": "openid",
            "state": "st&te",
            "nonce": "n0nce",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        } | changes
        kept = {name: value for name, value in query.items() if value is not None}
        return f"{self.base}/adfs/oauth2/authorize/?{urlencode(kept)}"

    async def ask(self, **changes):
        """An authorization request; answers (status, Location's parameters, text)."""
        return await self._answer(self.browser.get(self.url(**changes), allow_redirects=False))

    async def sign_in(self, user="alice", password="x", **changes):
        """The sign-in page, filled in."""
        form = {"UserName": user, "Password": password, "AuthMethod": "FormsAuthentication"}
        return await self._answer(self.browser.post(self.url(**changes), data=form, allow_redirects=False))

    async def _answer(self, pending):
        async with pending as response:
            location = response.headers.get("Location", "")
            answer = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
            return response.status, answer, html.unescape(await response.text())

    async def redeem(self, code, *, auth=None, **changes):
        """The code at the token endpoint; answers (status, JSON)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CLIENT.redirect_uris[0],
            "client_id": CLIENT.client_id,
            "client_secret": CLIENT.secret,
            "code_verifier": self.verifier,
        } | changes
        form = {name: value for name, value in form.items() if value is not None}
        url = f"{self.base}/adfs/oauth2/token/"
        async with self.browser.post(url, data=form, headers={"Authorization": auth} if auth else None) as response:
            assert response.headers["Cache-Control"] == "no-store"
            return response.status, await response.json()

    async def tokens(self, user="alice", **changes):
        """A whole sign-in; answers the token endpoint's JSON."""
        _, answer, _ = await self.sign_in(user, **changes)
        status, tokens = await self.redeem(answer["code"])
        assert status == 200, tokens
        return tokens

    async def json(self, path):
        async with self.browser.get(self.base + path) as response:
            return await response.json()

    async def claims(self, token):
        """The claims, after the signature was verified by the published certificate that the header names."""
        keys = (await self.json("/adfs/discovery/keys"))["keys"]
        header = jwt.get_unverified_header(token)
        assert header["kid"] == header["x5t"]
        key = next(key for key in keys if key["x5t"] == header["x5t"])
        options = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        return jwt.decode(token, jwt.PyJWK(key).key, algorithms=["RS256"], options=options)


@pytest.fixture
async def party(signing_key, clock):
    double = AdfsDouble("http://127.0.0.1:1/adfs", [CLIENT, OTHER], clock, signing_key=signing_key)
    runner, base = await serve(double.application())
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        yield RelyingParty(base, double, browser)
    await runner.cleanup()


@pytest.fixture
def hidden_fields():
    """Reads the hidden fields of a self-posting page: (action, fields)."""

    def read(text):
        action = re.search(r'action="([^"]*)"', text).group(1)
        return action, dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', text))

    return read


@pytest.fixture
def serving():
    """Serves applications and takes them down: `await serving(application)` answers the base URL."""
    return serve


@pytest.fixture
def free_places():
    """Three free ports in a row on loopback."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        try:
            found = places("127.0.0.1", port)
            for number in range(3):
                require_free(found.host, port + number)
        except DemoCannotStart:
            continue
        return found
