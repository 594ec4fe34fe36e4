"""Providers that share a host: their redirect URIs must differ for every reader of a URL."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from proxy.configuration.document import KeyPath
from proxy.model.redirect_uri import Answering, providers_by_host

Finding: TypeAlias = tuple[KeyPath, str, str]

# Characters that servers in front of the proxy read as the end of a segment, or decode twice.
_NOT_IN_A_SEGMENT = frozenset("/\\%;?#")


def redirect_faults(data: Any) -> Iterator[Finding]:
    """Yield (path, what is wrong, what would be right) for provider names that cannot be told apart in URLs.

    Args:
        data: The YAML as it was read. It may be incomplete or wrong in parts.
    """
    named: dict[str, KeyPath] = {}
    answering = []
    for path, provider, organization in _openid(data):
        name = str(provider.get("name", "default"))
        named.setdefault(name, (*path, "name"))
        hosts, sign_in_host = organization.get("hosts"), provider.get("sign_in_host")
        listed = [hosts] if isinstance(hosts, str) else hosts if isinstance(hosts, list) else []
        plain = tuple(str(host).rstrip(".") for host in listed)
        answering.append(Answering(name, plain, sign_in_host if isinstance(sign_in_host, str) else None))
    found: dict[KeyPath, Finding] = {}
    for host, names in providers_by_host(answering).items():
        if len(names) > 1:
            found |= {each[0]: each for each in _faults_at(host, [name for name in named if name in names], named)}
    yield from found.values()


def _faults_at(host: str, names: list[str], named: Mapping[str, KeyPath]) -> Iterator[Finding]:
    """Yield the faults of the providers that answer at one host. `names` are in the file's order."""
    seen: dict[str, str] = {}
    for name in names:
        if not name.isprintable() or not name.strip(" .") or _NOT_IN_A_SEGMENT & set(name):
            wrong = f"cannot be part of a redirect URI, and several OpenID providers answer at {host}"
            yield named[name], wrong, "write letters, digits, hyphens and dots, such as contoso-adfs"
        alike = seen.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
        if alike != name:
            wrong = f"differs from {alike} only in letter case or in the form of its characters, and both answer at"
            yield named[name], f"{wrong} {host}", "give it another name"


def _openid(data: Any) -> Iterator[tuple[KeyPath, dict[str, Any], dict[str, Any]]]:
    """Yield (path of the provider, provider, organization) for every organization with an OpenID provider."""
    if not isinstance(data, dict):
        return
    organizations = data.get("organizations")
    for index, organization in enumerate(organizations if isinstance(organizations, list) else []):
        if not isinstance(organization, dict):
            continue
        own = organization.get("identity_provider")
        path: KeyPath = ("organizations", index, "identity_provider") if own is not None else ("identity_provider",)
        provider = data.get("identity_provider") if own is None else own
        if isinstance(provider, dict) and provider.get("protocol") == "oidc":
            yield path, provider, organization
