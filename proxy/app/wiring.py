"""One configuration as a gateway: every part made or taken over, and wired."""

import asyncio
import contextlib
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

import aiohttp
from aiohttp import web

from proxy.app.administration import administration
from proxy.app.health import checks_of
from proxy.app.shared import Shared
from proxy.app.trust import Trust
from proxy.browser.endpoints import BrowserEndpoints
from proxy.browser.injection import Injection
from proxy.gateway.handler import Gateway
from proxy.gateway.ports import BearerAddress, Endpoint
from proxy.gateway.streams import OpenStreams
from proxy.gateway.upstream import Upstream, UpstreamGroup, UpstreamPool, parse_address
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol
from proxy.model.request import RequestFacts
from proxy.model.time import Instant, Seconds
from proxy.observability.audit import Audit, AuditEvent
from proxy.observability.audit_file import AuditFile
from proxy.observability.metrics import Metrics
from proxy.pages.render import Pages
from proxy.policy.application_root import is_cleanup
from proxy.policy.organization import OrganizationTable
from proxy.sealing import Sealer
from proxy.sessions.event_counts import EventCounts
from proxy.sessions.guard import BindingGuard
from proxy.sessions.service import Sessions
from proxy.settings.current import CurrentRules
from proxy.settings.live import LiveSettings
from proxy.signin.at_root import SignInAtRoot
from proxy.signin.bearer import BearerSessions
from proxy.signin.device import DeviceRoutes
from proxy.signin.federation import Federation, local_metadata
from proxy.signin.federation_sign_in import FederationSignIn
from proxy.signin.oidc_sign_in import OidcSignIn
from proxy.signin.own_metadata import OwnMetadata, decryption_keys
from proxy.signin.protocol import SignInProtocol
from proxy.signin.provider import Provider
from proxy.signin.routes import SignInRoutes
from proxy.signin.sign_out import SignOutRoutes
from proxy.signin.single_sign_out import CleanUp
from proxy.store.choose import store_for
from proxy.tokens.xml_encryption import DecryptionKey

_MINUTE = 60.0
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Lasting:
    """What one configuration hands to the next."""

    sessions: Sessions
    settings: LiveSettings
    clock: Callable[[], Instant]
    streams: OpenStreams
    metrics: Metrics
    events: EventCounts
    pages: Pages = field(default_factory=Pages)
    trust: Trust = field(default_factory=Trust)
    shared: Shared = field(default_factory=Shared)


@dataclass(frozen=True, slots=True)
class Wired:
    """One configuration at work. `providers` by their names, `pools` by organizations'."""

    gateway: Gateway
    providers: Mapping[str, SignInProtocol]
    pools: Mapping[str, Upstream]


def retention_of(deployment: Deployment) -> Seconds:
    """Seconds that the store keeps a session at most, whatever its end is at the moment."""
    return max(deployment.limits.session_maximum * _MINUTE, _DAY)


def sessions_of(deployment: Deployment, clock: Callable[[], Instant], metrics: Metrics | None = None) -> Sessions:
    """The sessions of a deployment, not yet started; commands use them without a listener."""
    retention = retention_of(deployment)
    observe = metrics.store_call if metrics else None
    store = store_for(deployment.state, deployment.ca_file, retention=retention, observe=observe)
    return Sessions(store, Sealer(deployment.secrets), deployment.sessions, clock, retention=retention)


def wire(deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack) -> Wired:
    """A gateway of this configuration; what it holds is let go of with `holder`.

    Raises CannotStart where a file that it names cannot be used.
    """
    sessions, clock, pages = lasting.sessions, lasting.clock, lasting.pages
    providers = _providers(deployment, lasting, holder)
    rules_for = CurrentRules(deployment, lasting.settings if deployment.settings_live else None)
    holder.callback(rules_for.close)
    audit = _audit(deployment, lasting, holder)
    pools = _pools(deployment, lasting, holder)
    hosts = _sign_in_hosts(deployment)
    table = OrganizationTable(deployment.organizations, deployment.listen.prefix, hosts)
    guard = BindingGuard(deployment.binding, Sealer(deployment.secrets))
    devices = DeviceRoutes(
        sealer=Sealer(deployment.secrets),
        sessions=sessions,
        settings=deployment.binding,
        clock=clock,
        audit=audit,
        mount=table.mount,
    )
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
        guard=guard,
        devices=devices,
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
    openid = {name: each.provider for name, each in providers.items() if isinstance(each, OidcSignIn)}
    bearer = BearerSessions(openid, sessions, outage_grace=deployment.sessions.outage_grace)
    clean_up = CleanUp(
        sealer=Sealer(deployment.secrets),
        sessions=sessions,
        providers=providers,
        organizations=deployment.organizations,
        rules_for=rules_for,
        clock=clock,
        audit=audit,
        prefix=deployment.listen.prefix,
    )
    metadata = OwnMetadata(providers, pages, deployment.listen.prefix, table.mount)

    async def wsfed(request: web.Request, facts: RequestFacts, organization: Organization | None) -> web.StreamResponse:
        if request.method == "GET" and is_cleanup(facts.target):
            return await clean_up(request, facts, organization)
        return await sign_in.wsfed(request, facts, organization)

    browser = BrowserEndpoints(sessions, rules_for, clock, guard)
    endpoints: dict[str, Endpoint] = {
        "sign-in": sign_in.sign_in,
        "callback": sign_in.callback,
        "wsfed": wsfed,
        "federation-metadata.xml": metadata,
        "sign-out": sign_out.sign_out,
        "signed-out": sign_out.signed_out,
        "session": browser.session,
        "activity": browser.activity,
        "device/register": devices.register,
        "device/refresh": devices.refresh,
    }

    def challenge_address(organization: Organization, _facts: RequestFacts) -> BearerAddress | None:
        address = bearer.challenge_address(organization)
        return BearerAddress(*address) if address else None

    station = administration(
        deployment,
        sessions=sessions,
        settings=lasting.settings,
        pages=pages,
        audit=audit,
        clock=clock,
        checks=partial(checks_of, sessions, providers),
    )
    gateway = Gateway(
        organizations=deployment.organizations,
        listen=deployment.listen,
        sessions=sessions,
        bearer=bearer.lookup,
        rules_for=rules_for,
        endpoints=endpoints,
        pools=pools,
        streams=lasting.streams,
        pages=pages,
        challenge_address=challenge_address,
        clock=clock,
        audit=audit,
        metrics=lasting.metrics,
        guard=guard,
        sign_in_hosts=hosts,
        sign_in_at_root=SignInAtRoot(sign_in, clean_up, metadata),
        guarded={"admin": station},
        transform=Injection(rules_for, table.mount, partial(secrets.token_urlsafe, 16)),
    )
    return Wired(gateway, providers, pools)


def _audit(deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack) -> Audit:
    path = deployment.observability.audit_file

    def on_event(event: AuditEvent, organization: str, reason: str) -> None:
        lasting.metrics.audited(event, organization, reason)
        lasting.events.note(event, organization, reason)

    if path is None:
        return Audit(on_event=on_event)

    async def close(file: AuditFile) -> None:
        # It waits for its thread to write what it has.
        await asyncio.to_thread(file.close)

    file = lasting.shared.take(holder, ("audit", path), lambda: AuditFile(path), close)
    return Audit(file, on_event=on_event)


def _providers(
    deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack
) -> Mapping[str, SignInProtocol]:
    trust = lasting.trust.towards(deployment.ca_file)
    http = lasting.shared.take(holder, ("http", trust), lambda: _http(trust), aiohttp.ClientSession.close)

    def make(settings: IdentityProvider, keys: tuple[DecryptionKey, ...]) -> SignInProtocol:
        provider = Provider(settings, http, lasting.clock, partial(lasting.metrics.provider_call, settings.name))
        match settings.protocol:
            case Protocol.OIDC:
                return OidcSignIn(provider)
            case Protocol.WS_FEDERATION:
                return FederationSignIn(Federation(settings, provider.fetch, lasting.clock, keys), lasting.clock)
            case _:
                assert_never(settings.protocol)

    def take(settings: IdentityProvider) -> SignInProtocol:
        # By what the files say: a provider whose keys or metadata were replaced is another one.
        keys = decryption_keys(settings.decryption_keys)
        said = ("provider", settings, http, keys, local_metadata(settings))
        return lasting.shared.take(holder, said, lambda: make(settings, keys))

    return {settings.name: take(settings) for settings in deployment.identity_providers}


def _sign_in_hosts(deployment: Deployment) -> tuple[str, ...]:
    """The hosts, without port, that take answers for all organizations."""
    named = (settings.sign_in_host for settings in deployment.identity_providers)
    return tuple(re.sub(r":[0-9]+\Z", "", host) for host in named if host)


def _http(trust: ssl.SSLContext) -> aiohttp.ClientSession:
    # No cookie jar: a provider's cookie from one user's exchange must not go along with the next user's.
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), cookie_jar=aiohttp.DummyCookieJar())


def _pools(deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack) -> Mapping[str, Upstream]:
    """A pool for each upstream address; organizations behind one address share it and its bounds."""
    return {
        organization.name: _pool(deployment, organization, lasting, holder) for organization in deployment.organizations
    }


def _pool(
    deployment: Deployment, organization: Organization, lasting: Lasting, holder: contextlib.AsyncExitStack
) -> Upstream:
    urls = (organization.upstream, *organization.further_upstreams)
    tls, named = None, organization.upstream_tls
    if any(url.startswith("https://") for url in urls):
        tls = lasting.trust.towards(deployment.ca_file, named)
    tuning, health = deployment.upstream, organization.upstream_health
    server_name = named.server_name if named else None

    def make() -> Upstream:
        addresses = [parse_address(url, tls, server_name) for url in urls]
        if len(addresses) == 1:
            return UpstreamPool(addresses[0], tuning)
        return UpstreamGroup(addresses, tuning, health)

    return lasting.shared.take(holder, ("pool", urls, tls, server_name, tuning, health), make, _close)


async def _close(pool: Upstream) -> None:
    await pool.close()
