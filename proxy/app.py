"""The composition root: builds every part, wires them, starts and closes them. Nothing else wires."""

import asyncio
import contextlib
import signal
import ssl
import time
from collections.abc import Callable

import aiohttp
import structlog
import uvloop

from proxy.browser.endpoints import BrowserEndpoints
from proxy.errors import CannotStart
from proxy.gateway.handler import Gateway
from proxy.gateway.ports import BearerAddress, Endpoint
from proxy.gateway.server import RunningServer, serve
from proxy.gateway.upstream import UpstreamPool, parse_address
from proxy.model.deployment import Deployment, Tls
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.time import Instant, Seconds
from proxy.observability.audit import Audit
from proxy.pages.render import Pages
from proxy.policy.organization import OrganizationTable
from proxy.sealing import Sealer
from proxy.sessions.service import Sessions
from proxy.settings.current import CurrentRules
from proxy.signin.bearer import BearerSessions
from proxy.signin.provider import Provider
from proxy.signin.routes import SignInRoutes
from proxy.signin.sign_out import SignOutRoutes
from proxy.store.choose import store_for

log = structlog.get_logger("app")

_MINUTE = 60.0
_DAY = 86400.0


class RunningProxy:
    """A proxy that serves. `port` is the one it got; `sessions` are for tests and commands to look at."""

    def __init__(self, server: RunningServer, sessions: Sessions, resources: contextlib.AsyncExitStack) -> None:
        self._server = server
        self._resources = resources
        self.sessions = sessions
        self.port = server.port

    async def close(self, drain_seconds: Seconds = 30.0) -> None:
        """Finish the requests in flight, at most for `drain_seconds`, write what is pending, then let go of all."""
        await self._server.close(drain_seconds)
        await self._resources.aclose()


def sessions_of(deployment: Deployment, clock: Callable[[], Instant]) -> Sessions:
    """The sessions of a deployment, not yet started; commands use them without a listener."""
    retention = max(deployment.limits.session_maximum * _MINUTE, _DAY)
    store = store_for(deployment.state, deployment.ca_file, retention=retention)
    return Sessions(store, Sealer(deployment.secrets), deployment.sessions, clock, retention=retention)


async def start(deployment: Deployment, *, clock: Callable[[], Instant]) -> RunningProxy:
    """Build a proxy and begin to serve. `clock` gives UTC seconds.

    Raises OSError where the address is taken, CannotStart where a file of certificates cannot be used. A store or a
    provider that does not answer is no reason not to start: requests are answered with what can be told.
    """
    async with contextlib.AsyncExitStack() as building:
        sessions = sessions_of(deployment, clock)
        building.push_async_callback(sessions.close)
        await sessions.start()
        trust = _client_tls(deployment.ca_file)
        gateway = await _gateway(deployment, clock, sessions, trust, building)
        server_tls = _server_tls(deployment.listen.tls) if deployment.listen.tls else None
        server = await serve(gateway, deployment.listen.host, deployment.listen.port, server_tls)
        log.info(
            "started", address=f"{deployment.listen.host}:{server.port}", organizations=len(deployment.organizations)
        )
        return RunningProxy(server, sessions, building.pop_all())


async def _gateway(
    deployment: Deployment,
    clock: Callable[[], Instant],
    sessions: Sessions,
    trust: ssl.SSLContext,
    building: contextlib.AsyncExitStack,
) -> Gateway:
    # No cookie jar: a provider's cookie from one user's exchange must not go along with the next user's.
    http = await building.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), cookie_jar=aiohttp.DummyCookieJar())
    )
    providers = {settings.name: Provider(settings, http, clock) for settings in deployment.identity_providers}
    rules_for = CurrentRules(deployment)
    pages, audit = Pages(), Audit()
    table = OrganizationTable(deployment.organizations, deployment.listen.prefix)
    sign_in = SignInRoutes(
        sealer=Sealer(deployment.secrets),
        sessions=sessions,
        providers=providers,
        organizations={organization.name: organization for organization in deployment.organizations},
        rules_for=rules_for,
        pages=pages,
        clock=clock,
        audit=audit,
        prefix=deployment.listen.prefix,
        mount=table.mount,
    )
    sign_out = SignOutRoutes(
        sessions=sessions,
        providers=providers,
        rules_for=rules_for,
        pages=pages,
        clock=clock,
        audit=audit,
        mount=table.mount,
    )
    bearer = BearerSessions(providers, sessions, outage_grace=deployment.sessions.outage_grace)
    browser = BrowserEndpoints(sessions, rules_for, clock)
    endpoints: dict[str, Endpoint] = {
        "sign-in": sign_in.sign_in,
        "callback": sign_in.callback,
        "sign-out": sign_out.sign_out,
        "signed-out": sign_out.signed_out,
        "session": browser.session,
        "activity": browser.activity,
    }

    def challenge_address(organization: Organization, _facts: RequestFacts) -> BearerAddress | None:
        return BearerAddress(*bearer.challenge_address(organization))

    return Gateway(
        organizations=deployment.organizations,
        listen=deployment.listen,
        sessions=sessions,
        bearer=bearer.lookup,
        rules_for=rules_for,
        endpoints=endpoints,
        pools=_pools(deployment, trust, building),
        pages=pages,
        challenge_address=challenge_address,
        clock=clock,
        audit=audit,
    )


def _pools(
    deployment: Deployment, trust: ssl.SSLContext, building: contextlib.AsyncExitStack
) -> dict[str, UpstreamPool]:
    """A pool for each upstream address; organizations behind one address share it and its bounds."""
    by_address: dict[str, UpstreamPool] = {}
    for organization in deployment.organizations:
        if organization.upstream not in by_address:
            tls = trust if organization.upstream.startswith("https://") else None
            pool = UpstreamPool(parse_address(organization.upstream, tls), deployment.upstream)
            building.push_async_callback(pool.close)
            by_address[organization.upstream] = pool
    return {organization.name: by_address[organization.upstream] for organization in deployment.organizations}


def _client_tls(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise CannotStart(f"ca_file: {ca_file} cannot be used: {error}; name a PEM file of certificates") from error
    return context


def _server_tls(files: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.certificate, files.key)
    except OSError as error:
        wrong = f"listen.tls: {files.certificate} and {files.key} cannot be used: {error}"
        raise CannotStart(f"{wrong}; name PEM files of a certificate and its key that this user can read") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def run(deployment: Deployment) -> None:
    """Serve until SIGTERM or SIGINT. Raises as `start` does."""
    uvloop.run(_serve_until_told(deployment))


async def _serve_until_told(deployment: Deployment) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # The one wall clock: everything below is given it.
    proxy = await start(deployment, clock=time.time)  # noqa: TID251 - see the line above
    await stop.wait()
    log.info("stopping")
    await proxy.close()
    log.info("stopped")
