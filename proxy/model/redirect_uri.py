"""Redirect URIs: the addresses at which OpenID providers return browsers after a sign-in.

Where the responses of several OpenID providers arrive at one host, each provider has a redirect URI of its own, because
a dishonest provider could otherwise have another provider's codes delivered to itself (mix-up, RFC 9700, section 4.4).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote

from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol

CALLBACK, WSFED = "callback", "wsfed"
_PORT = re.compile(r":[0-9]+\Z")


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
    found: dict[str, dict[str, None]] = {}
    for site in deployment.sites:
        if deployment.provider(site.identity_provider).protocol is Protocol.OIDC:
            for host in site.hosts:
                found.setdefault(site.identity_provider, {})[redirect_uri(deployment, site, host)] = None
    return {provider: tuple(uris) for provider, uris in found.items()}


def redirect_uri(deployment: Deployment, site: Organization, host: str) -> str:
    """Return the address to which the provider of a site sends browsers back after a sign-in at this host."""
    provider = deployment.provider(site.identity_provider)
    if provider.protocol is Protocol.OIDC:
        endpoint = Redirects.among(deployment.sites, deployment.identity_providers).endpoint(provider, host)
    else:
        endpoint = WSFED
    scheme = deployment.origin(host).partition(":")[0]
    origin = f"{scheme}://{provider.sign_in_host}" if provider.sign_in_host else deployment.origin(host)
    return f"{origin}{deployment.listen.prefix}/{endpoint}"


def _answering(organizations: Iterable[Organization], providers: Iterable[IdentityProvider]) -> Iterable[Answering]:
    openid = {each.name: each for each in providers if each.protocol is Protocol.OIDC}
    for organization in organizations:
        provider = openid.get(organization.identity_provider)
        if provider is not None:
            yield Answering(provider.name, organization.hosts, provider.sign_in_host)
