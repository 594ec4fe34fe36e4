"""Addresses that follow from a configuration and are to be registered elsewhere."""

from collections.abc import Mapping

from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.provider import Protocol

_ENDPOINTS: Mapping[Protocol, str] = {Protocol.OIDC: "callback", Protocol.WS_FEDERATION: "wsfed"}


def redirect_uri(deployment: Deployment, site: Organization) -> str:
    """Return the address that the provider of this site sends browsers back to, at the first of its hosts."""
    provider = deployment.provider(site.identity_provider)
    there = provider.sign_in_host
    origin = f"{deployment.origin('').partition(':')[0]}://{there}" if there else deployment.origin(site.hosts[0])
    return f"{origin}{deployment.listen.prefix}/{_ENDPOINTS[provider.protocol]}"
