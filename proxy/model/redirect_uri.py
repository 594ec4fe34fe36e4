"""Redirect URIs: the addresses at which OpenID providers return browsers after a sign-in.

Where the responses of several OpenID providers arrive at one host, each provider has a redirect URI of its own, because
a dishonest provider could otherwise have another provider's codes delivered to itself (mix-up, RFC 9700, section 4.4).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote

from proxy.model.deployment import Deployment, Listen
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol

CALLBACK = "callback"
_PORT = re.compile(r":[0-9]+\Z")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Answering(NamedTuple):
    """An organization's OpenID provider, and where its responses may arrive.

    Attributes:
        provider: The provider's name.
        hosts: The organization's hosts, without port.
        sign_in_host: The one host, with or without port, that takes the provider's responses instead.
    """

    provider: str
    hosts: Sequence[str]
    sign_in_host: str | None


def host_of(authority: str) -> str:
    """Return an authority without its port, in lower case."""
    return _PORT.sub("", authority).lower()


def providers_by_host(answering: Iterable[Answering]) -> Mapping[str, frozenset[str]]:
    """Return the names of the OpenID providers whose responses may arrive at each host."""
    found: dict[str, set[str]] = {}
    for each in answering:
        for host in [each.sign_in_host] if each.sign_in_host else each.hosts:
            found.setdefault(host_of(host), set()).add(each.provider)
    return {host: frozenset(names) for host, names in found.items()}


@dataclass(frozen=True, slots=True)
class Redirects:
    """The endpoint that takes each OpenID provider's responses at each host.

    Attributes:
        shared: The hosts, without port, at which several OpenID providers answer.
    """

    shared: frozenset[str]

    @classmethod
    def among(cls, organizations: Iterable[Organization], providers: Iterable[IdentityProvider]) -> "Redirects":
        """Return the endpoints of a configuration."""
        by_host = providers_by_host(_answering(organizations, providers))
        return cls(frozenset(host for host, names in by_host.items() if len(names) > 1))

    def endpoint(self, provider: IdentityProvider, host: str) -> str:
        """Return the endpoint below the prefix: `callback`, or `callback/<name>` where providers share a host.

        Args:
            provider: The OpenID provider.
            host: The organization's host at which the sign-in started, with or without port.
        """
        shared = host_of(provider.sign_in_host or host) in self.shared
        return callback_of(provider.name) if shared else CALLBACK


def callback_of(provider: str) -> str:
    """Return the endpoint that only this provider uses, its name percent-encoded as one path segment."""
    return f"{CALLBACK}/{quote(provider, safe='')}"


def canonical_callback(segment: str) -> str | None:
    """Return the endpoint that a raw path segment after `callback/` means, or None if it is not UTF-8.

    The segment is decoded exactly once. Load balancers may write the same name with other escapes.
    """
    try:
        return callback_of(unquote(segment, errors="strict"))
    except UnicodeDecodeError:
        return None


def redirect_uris(deployment: Deployment) -> Mapping[str, tuple[str, ...]]:
    """Return the redirect URIs that each OpenID provider must have registered, by the provider's name.

    Behind a load balancer (`listen.trusted_proxies`) the public port is not known; 443 is assumed.
    """
    providers = {each.name: each for each in deployment.identity_providers}
    redirects = Redirects.among(deployment.organizations, deployment.identity_providers)
    found: dict[str, dict[str, None]] = {}
    for each in _answering(deployment.organizations, deployment.identity_providers):
        for host in each.hosts:
            origin = _origin(deployment.listen, host, each.sign_in_host)
            endpoint = redirects.endpoint(providers[each.provider], host)
            found.setdefault(each.provider, {})[f"{origin}{deployment.listen.prefix}/{endpoint}"] = None
    return {provider: tuple(uris) for provider, uris in found.items()}


def _answering(organizations: Iterable[Organization], providers: Iterable[IdentityProvider]) -> Iterable[Answering]:
    openid = {each.name: each for each in providers if each.protocol is Protocol.OIDC}
    for organization in organizations:
        provider = openid.get(organization.identity_provider)
        if provider is not None:
            yield Answering(provider.name, organization.hosts, provider.sign_in_host)


def _origin(listen: Listen, host: str, sign_in_host: str | None) -> str:
    scheme = "https" if listen.tls or listen.trusted_proxies else "http"
    if sign_in_host:
        return f"{scheme}://{sign_in_host}"
    behind = listen.tls is None and bool(listen.trusted_proxies)
    known = behind or listen.port == _DEFAULT_PORTS[scheme]
    return f"{scheme}://{host}" if known else f"{scheme}://{host}:{listen.port}"
