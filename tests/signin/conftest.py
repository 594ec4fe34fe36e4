import asyncio
import contextlib
import logging
from collections import Counter
from dataclasses import replace
from urllib.parse import quote

import aiohttp
import pytest
import structlog
from aiohttp import web

from proxy.demo.adfs_keys import make_signing_key
from proxy.model.provider import IdentityProvider, SecretText
from proxy.pages.texts import ENGLISH, Page
from proxy.signin.provider import Provider
from support import tokens
from support.browser import Browser
from support.desk import Desk
from support.office import Office
from support.world import World, free_port, served


@pytest.fixture(scope="session")
def signing_key():
    """One RSA key for all worlds: making one takes longer than most tests."""
    return make_signing_key(1_790_000_000.0)


@pytest.fixture
async def world(tmp_path, clock, signing_key):
    """Makes worlds: `await world(**keys)`; all end with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(**keys) -> World:
            return await stack.enter_async_context(World(tmp_path, clock, signing_key=signing_key, **keys))

        yield make


@pytest.fixture
def logged(caplog):
    """Every event as it stood before redaction, and what libraries logged, as texts."""
    events: list[str] = []

    def keep(_logger, _method, event):
        events.append(repr(event))
        raise structlog.DropEvent

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info, keep],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=False,
    )
    caplog.set_level(logging.DEBUG)
    return lambda: [*events, *(record.getMessage() for record in caplog.records)]


@pytest.fixture
async def browser():
    async with Browser() as one:
        yield one


@pytest.fixture
async def other_browser():
    async with Browser() as one:
        yield one


class OpenIdProvider:
    """A provider in the hand of a test.

    `asked` counts its addresses, `posted` keeps what the token endpoint got, `answers` replaces what an address
    answers, `document` is its discovery, `jwks` its keys, which wait for `held`.
    """

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}/adfs"
        self.document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
            "access_token_issuer": tokens.ACCESS_TOKEN_ISSUER,
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        self.jwks = {"keys": [tokens.jwk(tokens.rsa_key())]}
        self.granted = {"id_token": self.id_token(), "access_token": tokens.access_token(), "token_type": "bearer"}
        self.asked: Counter[str] = Counter()
        self.posted: list[tuple[dict[str, str], dict[str, str]]] = []
        self.answers: dict[str, web.Response] = {}
        self.held: asyncio.Event | None = None
        self.reached = asyncio.Event()

    def id_token(self, **changes) -> str:
        return tokens.id_token(**({"iss": self.issuer} | changes))

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        self.asked[name] += 1
        if request.method == "POST":
            self.posted.append((dict(request.headers), dict(await request.post())))
        if name == "keys" and self.held is not None:
            self.reached.set()
            await self.held.wait()
        if name in self.answers:
            made = self.answers[name]
            return web.Response(status=made.status, body=made.body, headers=made.headers)
        known = {"openid-configuration": self.document, "keys": self.jwks, "token": self.granted}
        return web.json_response(known[name]) if name in known else web.Response(status=404)


@pytest.fixture
async def openid():
    """A provider that is up until `openid.stop()`."""
    port = free_port()
    provider = OpenIdProvider(port)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(served(provider.application(), port))
        provider.stop = stack.aclose
        yield provider


@pytest.fixture
async def client(openid, clock):
    """Makes our side of that provider: `client(**settings)`."""
    async with aiohttp.ClientSession() as http:
        settings = IdentityProvider("adfs", openid.issuer, tokens.CLIENT, SecretText("a client's secret+"))

        def make(**changes) -> Provider:
            return Provider(replace(settings, **changes), http, clock)

        yield make


class Steps:
    """A sign-in step by step, for a browser that signed in at the provider of `world` before."""

    SESSION = "claims-session"

    def __init__(self, world: World) -> None:
        self.world = world

    def path(self, target: str) -> str:
        return self.world.url(f"/.claims/sign-in?return={quote(target)}")

    async def know(self, browser: Browser, login: str = "alice") -> None:
        """Signed in at the provider, without a session here and far from any loop."""
        await browser.sign_in(self.world.url("/main.aspx"), login)
        browser.forget(self.SESSION)
        self.world.clock.advance(21)

    async def navigate(self, browser: Browser, url: str, **headers: str):
        """A navigation whose redirect is not followed."""
        return await browser.fetch(
            url, headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"} | headers
        )

    async def start(self, browser: Browser, target: str = "/main.aspx") -> str:
        """The provider's address that a sign-in for `target` leads to."""
        answer = await self.navigate(browser, self.path(target))
        assert answer.last.location.startswith(self.world.adfs.state.issuer.url), answer.last
        return answer.last.location

    async def answer(self, browser: Browser, target: str = "/main.aspx") -> str:
        """The callback's address with which the provider answers."""
        answer = await self.navigate(browser, await self.start(browser, target))
        assert answer.last.location.startswith(self.world.url("/.claims/callback?")), answer.last
        return answer.last.location

    @staticmethod
    def shows(page, wanted: Page) -> bool:
        """Whether that page of ours is what the browser shows."""
        return f"<h1>{ENGLISH.pages[wanted].title}</h1>" in page.text


@pytest.fixture
def steps():
    return Steps


@pytest.fixture
async def office(clock, openid, client):
    desk = Desk("memory:", clock)
    await desk.clean()
    one = Office(desk, openid, client(refresh=True))
    await one.sign_in()
    yield one
    await one.refresher.close()
    await desk.sessions.close()
