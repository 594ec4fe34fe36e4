"""Whom a configuration talks to: identity providers, upstreams, the audit file. Taken over where nothing changed."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from functools import partial
from typing import assert_never

import aiohttp

from proxy.app.parts import Lasting
from proxy.gateway.upstream import Upstream, UpstreamGroup, UpstreamPool, parse_address
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol
from proxy.observability.audit import Audit, AuditEvent
from proxy.observability.audit_file import AuditFile
from proxy.signin.bearer import bearer_provider
from proxy.signin.federation import Federation, local_metadata
from proxy.signin.federation_sign_in import FederationSignIn
from proxy.signin.oidc_sign_in import OidcSignIn
from proxy.signin.own_metadata import decryption_keys
from proxy.signin.protocol import SignInProtocol
from proxy.signin.provider import Provider
from proxy.signin.verification import Verification
from proxy.tokens.xml_encryption import DecryptionKey


def audit_of(deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack) -> Audit:
    """Where its audit events go."""
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


def providers_of(
    deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack
) -> Mapping[str, SignInProtocol]:
    """Its identity providers by their names. Raises CannotStart where a file that it names cannot be used."""
    http = _client(deployment, lasting, holder)
    verification = _verification(lasting, holder)

    def make(settings: IdentityProvider, keys: tuple[DecryptionKey, ...]) -> SignInProtocol:
        observe = partial(lasting.metrics.provider_call, settings.name)
        provider = Provider(settings, http, lasting.clock, observe, verification)
        match settings.protocol:
            case Protocol.OIDC:
                return OidcSignIn(provider)
            case Protocol.WS_FEDERATION:
                federation = Federation(settings, provider.fetch, lasting.clock, keys, verification)
                return FederationSignIn(federation, lasting.clock)
            case _:
                assert_never(settings.protocol)

    def take(settings: IdentityProvider) -> SignInProtocol:
        # By what the files say: a provider whose keys or metadata were replaced is another one.
        keys = decryption_keys(settings.decryption_keys)
        said = ("provider", settings, http, verification, keys, local_metadata(settings))
        return lasting.shared.take(holder, said, lambda: make(settings, keys))

    return {settings.name: take(settings) for settings in deployment.identity_providers}


def issuers_of(deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack) -> Mapping[str, Provider]:
    """Return, by organization, the providers of `bearer.issuer` where that is not the sign-in's."""
    http, verification = _client(deployment, lasting, holder), _verification(lasting, holder)
    settings_of = {each.name: each for each in deployment.identity_providers}

    def take(settings: IdentityProvider) -> Provider:
        observe = partial(lasting.metrics.provider_call, settings.name)
        return lasting.shared.take(
            holder,
            ("issuer", settings, http, verification),
            lambda: Provider(settings, http, lasting.clock, observe, verification),
        )

    wanted = (
        (each.name, settings, bearer_provider(settings, each.bearer))
        for each in deployment.organizations
        if (settings := settings_of.get(each.identity_provider)) is not None
    )
    return {name: take(own) for name, settings, own in wanted if own is not None and own != settings}


def _client(deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack) -> aiohttp.ClientSession:
    trust = lasting.trust.towards(deployment.ca_file)
    return lasting.shared.take(holder, ("http", trust), lambda: _http(trust), aiohttp.ClientSession.close)


def _verification(lasting: Lasting, holder: contextlib.AsyncExitStack) -> Verification:
    # One for the process: all configurations and providers together have these threads and no more.
    return lasting.shared.take(holder, "verification", Verification, Verification.close)


def _http(trust: ssl.SSLContext) -> aiohttp.ClientSession:
    # No cookie jar: a provider's cookie from one user's exchange must not go along with the next user's.
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), cookie_jar=aiohttp.DummyCookieJar())


def pools_of(deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack) -> Mapping[str, Upstream]:
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
