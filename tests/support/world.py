"""A whole small world in one event loop: an AD FS double, a CRM, and the proxy between them, on loopback.

async with World(tmp_path, clock, custom_session=90) as world, Browser() as browser:
    page = await browser.sign_in(world.url("/main.aspx"), "alice")
"""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from proxy.app import RunningProxy, start
from proxy.configuration import load
from proxy.demo.adfs import AdfsDouble
from proxy.demo.adfs_keys import SigningKey
from proxy.demo.adfs_model import Client, Trust
from proxy.demo.crm import crm_application
from support.certificates import write_decryption_key
from support.ports import free_port

CLIENT_ID = "6731de76-14a6-49ae-97bc-6eba6914391e"
CLIENT_SECRET = "a-client-secret-of-the-tests"
SECRET = "a-secret-of-the-tests-that-is-long-enough"


def configuration(
    port: int,
    issuer: str,
    upstream: str,
    *,
    state: str = "memory:",
    organization=None,
    provider=None,
    listen=None,
    more_organizations=(),
    **top: Any,
) -> dict[str, Any]:
    """A configuration as the YAML would say it; the mappings and `top` add keys or replace them.

    A provider with another protocol has no keys but its own.
    """
    openid = {
        "protocol": "oidc",
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        **(provider or {}),
    }
    return {
        "listen": {"address": f"127.0.0.1:{port}", **(listen or {})},
        "management": {"address": "off"},
        "workers": 1,
        "state": state,
        "secret": SECRET,
        "identity_provider": openid if openid["protocol"] == "oidc" else provider,
        "organizations": [
            {"name": "contoso", "hosts": ["127.0.0.1"], "upstream": upstream, **(organization or {})},
            *({"upstream": upstream, **more} for more in more_organizations),
        ],
        **top,
    }


def custom(session: int | None = None, inactivity: int | None = None, *, nonce: bool = False) -> dict[str, Any]:
    """Top-level keys and an organization with these custom limits, in minutes, all switches on that they need."""
    system: dict[str, Any] = {}
    if session is not None:
        system |= {"sessiontimeoutenabled": True, "sessiontimeoutinmins": session, "sessiontimeoutreminderinmins": 20}
    if inactivity is not None:
        system |= {
            "inactivitytimeoutenabled": True,
            "inactivitytimeoutinmins": inactivity,
            "inactivitytimeoutreminderinmins": 1,
        }
    return {
        "server_settings": {
            "AllowCustomSessionDuration": session is not None,
            "AllowCustomInactivityDuration": inactivity is not None,
            "WSFedNonceCookieEnabled": nonce,
        },
        "feature_control_bits": {"FCB.UCIInactivityTimeout": inactivity is not None},
        "organization": {"system_settings": system},
    }


def write_configuration(folder: Path, **keys: Any) -> Path:
    """The configuration as a file; JSON is YAML."""
    path = folder / f"proxy-{free_port()}.yaml"
    path.write_text(json.dumps(configuration(**keys), indent=1))
    return path


class World:
    """`adfs`: the double, `port`: the proxy's. `keys`: what `configuration` takes beside ports and addresses.

    `federated`: people sign in by WS-Federation. `encrypted`: with encrypted tokens.
    `within`: the proxy runs in this very loop; else the test starts one in a process, on the same port.
    `administration` among the keys: the provider knows that host's addresses, too.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float],
        *,
        signing_key: SigningKey | None = None,
        within: bool = True,
        federated: bool = False,
        encrypted: bool = False,
        host: str = "127.0.0.1",
        **keys: Any,
    ) -> None:
        self.host = host
        self.federated = federated
        self._within = within
        self.folder = folder
        self.clock = clock
        self.keys = keys
        self.port, self.adfs_port, self.crm_port = free_port(), free_port(), free_port()
        self.scheme = "https" if "tls" in keys.get("listen", {}) else "http"
        origin = f"{self.scheme}://{host}:{self.port}"
        administration = keys.get("administration") or {}
        self.admin_host = administration.get("host", host)
        mounts = tuple(dict.fromkeys((f"{origin}/.claims", self.admin_url("/.claims"))))
        client = Client(
            client_id=CLIENT_ID,
            secret=CLIENT_SECRET,
            # The second of each is for hosts at which another OpenID provider answers, too.
            redirect_uris=tuple(f"{mount}/{name}" for mount in mounts for name in ("callback", "callback/default")),
            post_logout_redirect_uris=tuple(f"{mount}/signed-out" for mount in mounts),
            resources=(f"{origin}/",),
        )
        issuer = f"http://127.0.0.1:{self.adfs_port}/adfs"
        self.decryption = write_decryption_key(folder) if encrypted else None
        trust = Trust(
            identifiers=(f"{origin}/",),
            endpoints=tuple(f"{mount}/wsfed" for mount in mounts),
            encryption_certificate=self.decryption.certificate if self.decryption else None,
        )
        self.adfs = AdfsDouble(issuer, [client], clock, signing_key=signing_key, trusts=(trust,))
        self._stack = contextlib.AsyncExitStack()
        self.proxy: RunningProxy | None = None

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(served(self.adfs.application(), self.adfs_port))
        await self._stack.enter_async_context(served(crm_application(self.clock), self.crm_port))
        if self._within:
            self.proxy = await self.start_proxy(self.port)
        return self

    def write_configuration(self, port: int) -> Path:
        """The configuration of a proxy of this world, on any port."""
        # With a resource AD FS puts the claims into the access token, as for CRM.
        own = self._federation() if self.federated else {"resource": self.url("/")}
        provider, organization = {**own, **self.keys.get("provider", {})}, self.keys.get("organization") or {}
        return write_configuration(
            self.folder,
            port=port,
            issuer=self.adfs.state.issuer.url,
            upstream=f"http://127.0.0.1:{self.crm_port}",
            **(self.keys | {"provider": provider, "organization": {"hosts": [self.host], **organization}}),
        )

    def _federation(self) -> dict[str, Any]:
        metadata = f"http://127.0.0.1:{self.adfs_port}/FederationMetadata/2007-06/FederationMetadata.xml"
        keys = [self.decryption.path] if self.decryption else []
        return {
            "protocol": "ws-federation",
            "metadata": metadata,
            "realm": self.url("/"),
            "decryption_keys": keys,
        }

    async def start_proxy(self, port: int) -> RunningProxy:
        """One more proxy of the same configuration, on another port; a store in Redis makes them one."""
        path = self.write_configuration(port)
        running = await start(load(path, {}), clock=self.clock)
        self._stack.push_async_callback(running.close)
        return running

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def url(self, path: str) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    def admin_url(self, path: str) -> str:
        """An address of the administrators' pages: at the host of their own if there is one."""
        return f"{self.scheme}://{self.admin_host}:{self.port}{path}"


@contextlib.asynccontextmanager
async def served(application: web.Application, port: int) -> AsyncIterator[None]:
    """An application on a loopback port while the context is open."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()
