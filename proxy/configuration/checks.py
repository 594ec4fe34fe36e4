"""Dangerous combinations, looked for in whatever could be read, beside the faults of single keys."""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from pydantic import ValidationError

from proxy.configuration.bearer_checks import bearer_faults
from proxy.configuration.document import KeyPath
from proxy.configuration.organization_schema import SystemSettingKeys
from proxy.configuration.schema import LimitKeys
from proxy.configuration.values import split_url
from proxy.model.organization import ADMINISTRATION
from proxy.model.settings import Limits, SystemSettings
from proxy.model.settings_bounds import bounds_problems

Finding: TypeAlias = tuple[KeyPath, str, str]

_LEAST_SECRET_BYTES = 32
_LEAST_PREFIX = {4: 8, 6: 8}  # IP version -> bits; the largest private networks are 10.0.0.0/8 and fd00::/8


def dangers(data: Any) -> Iterator[Finding]:
    """(path, what is wrong, what would be right) of every danger. `data` may be incomplete or wrong in parts."""
    if not isinstance(data, dict):
        return
    for check in _CHECKS:
        yield from check(data)


def _mapping(data: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _organizations(data: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    for index, organization in enumerate(_list(data.get("organizations"))):
        if isinstance(organization, dict):
            yield ("organizations", index), organization


def _workers_share_a_store(data: dict[str, Any]) -> Iterator[Finding]:
    several = data.get("workers", 1) not in (1, "1", "auto")
    if several and str(data.get("state", "memory:")).startswith("memory:"):
        wrong = "several workers cannot share memory:, a session would be known to one of them only"
        yield ("workers",), wrong, "write workers: 1, or a redis:// address for state"


def _providers(data: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    for path, where in [((), data), *_organizations(data)]:
        if isinstance(where.get("identity_provider"), dict):
            yield (*path, "identity_provider"), where["identity_provider"]


_NEEDED = {"oidc": ("issuer", "client_id", "client_secret"), "ws-federation": ("metadata", "realm")}
_FOREIGN = {
    "oidc": ("metadata", "realm", "home_realm", "wauth", "wreply", "decryption_keys", "allow_sha1"),
    "ws-federation": (
        *("issuer", "client_id", "client_secret", "client_authentication", "resource", "scopes", "response_mode"),
        *("refresh", "id_token_algorithms", "trust_unverified_email", "max_age"),
    ),
}


def _providers_have_what_their_protocol_needs(data: dict[str, Any]) -> Iterator[Finding]:
    for path, provider in _providers(data):
        protocol = str(provider.get("protocol"))
        for key in _NEEDED.get(protocol, ()):
            if provider.get(key) is None:
                yield (*path, key), f"is missing, and {protocol} needs it", "add it"
        for key in _FOREIGN.get(protocol, ()):
            if key in provider:
                yield (*path, key), f"has no meaning for {protocol}", "leave it out"


def _realms_have_a_protocol(data: dict[str, Any]) -> Iterator[Finding]:
    for path, organization in _organizations(data):
        provider = _mapping(organization, "identity_provider") or _mapping(data, "identity_provider")
        if provider.get("protocol") == "ws-federation":
            continue
        for key in ("realm", "publish_metadata"):
            if organization.get(key):
                wrong = "is for WS-Federation, and the organization's provider speaks another protocol"
                yield (*path, key), wrong, "leave it out, or write protocol: ws-federation"


def _bearer_tokens_can_be_verified(data: dict[str, Any]) -> Iterator[Finding]:
    for path, organization in _organizations(data):
        bearer = organization.get("bearer")
        if isinstance(bearer, dict):
            provider = _mapping(organization, "identity_provider") or _mapping(data, "identity_provider")
            for key, wrong, right in bearer_faults(bearer, provider):
                yield (*path, "bearer", *([key] if key else [])), wrong, right


def _providers_are_encrypted(data: dict[str, Any]) -> Iterator[Finding]:
    bearers = [((*path, "bearer"), _mapping(each, "bearer")) for path, each in _organizations(data)]
    for path, provider in [*_providers(data), *bearers]:
        for key in ("issuer", "metadata"):
            value = provider.get(key)
            parts = split_url(value) if isinstance(value, str) else None
            if parts and parts.scheme == "http" and not is_loopback(str(parts.hostname)):
                wrong = "is plain http, so anybody on the way could sign in as anybody"
                yield (*path, key), wrong, "write an https:// address; http is for loopback alone"


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _secrets_are_long(data: dict[str, Any]) -> Iterator[Finding]:
    many = isinstance(data.get("secret"), list)
    for index, value in enumerate(_list(data.get("secret"))):
        if isinstance(value, str) and len(value.encode()) < _LEAST_SECRET_BYTES:
            path: KeyPath = ("secret", index) if many else ("secret",)
            wrong = f"is only {len(value.encode())} bytes long"
            yield path, wrong, "write 32 bytes or more, e.g. from: head -c 32 /dev/urandom | base64"


def _places_are_claimed_once(data: dict[str, Any]) -> Iterator[Finding]:
    claimed: dict[tuple[str, str], str] = {}
    for path, organization in _organizations(data):
        name, prefix = str(organization.get("name")), str(organization.get("path") or "").lower()
        prefixes = [prefix, ""] if prefix and organization.get("root") is True else [prefix]
        for index, host in enumerate(_list(organization.get("hosts"))):
            for place in ((str(host).lower().rstrip("."), one) for one in prefixes):
                if place in claimed:
                    wrong = f"{place[0]}{place[1] or '/'} is claimed by {claimed[place]} already"
                    yield (*path, "hosts", index), wrong, "give each organization a host or a path of its own"
                claimed.setdefault(place, name)


def _names_are_unique(data: dict[str, Any]) -> Iterator[Finding]:
    for key in ("name", "id"):
        seen: set[str] = set()
        for path, organization in _organizations(data):
            value = str(organization.get(key, "")).lower()
            if value and value in seen:
                yield (*path, key), "is the same as another organization's", f"write a {key} of its own"
            seen.add(value)


def _proxies_are_not_everybody(data: dict[str, Any]) -> Iterator[Finding]:
    for index, value in enumerate(_list(_mapping(data, "listen").get("trusted_proxies"))):
        try:
            network = ipaddress.ip_network(str(value))
        except ValueError:
            continue
        path, right = ("listen", "trusted_proxies", index), "write the addresses of your proxies alone"
        least = _LEAST_PREFIX[network.version]
        if network.prefixlen == 0:
            yield path, "trusts everybody, so anybody could name any address, scheme and host", right
        elif network.prefixlen < least:
            wrong = "trusts a great part of all addresses, so strangers could name any address, scheme and host"
            yield path, wrong, f"{right}, or a network of /{least} or smaller"


def _settings_are_within_bounds(data: dict[str, Any]) -> Iterator[Finding]:
    try:
        limits = Limits(**LimitKeys.model_validate(data.get("limits") or {}).model_dump())
    except ValidationError:
        limits = Limits()
    if limits.session_minimum > limits.session_maximum:
        wrong = f"is above session_maximum ({limits.session_maximum})"
        yield ("limits", "session_minimum"), wrong, "write a smaller one"
    for path, organization in _organizations(data):
        try:
            keys = SystemSettingKeys.model_validate(organization.get("system_settings") or {})
        except ValidationError:
            continue
        for problem in bounds_problems(SystemSettings(**keys.model_dump()), limits):
            wrong = "is missing" if problem.value is None else f"{problem.value} is out of bounds"
            yield (*path, "system_settings", problem.setting), wrong, f"write {problem.bound}"


def _behind_https(data: dict[str, Any]) -> bool:
    listen = _mapping(data, "listen")
    return bool(_mapping(listen, "tls")) or bool(_list(listen.get("trusted_proxies")))


def _devices_need_encryption(data: dict[str, Any]) -> Iterator[Finding]:
    if _mapping(data, "binding").get("device_bound_sessions") == "required" and not _behind_https(data):
        wrong = "required needs https: over plain http no browser registers, and all would be refused"
        right = "set listen.tls or listen.trusted_proxies, or write auto"
        yield ("binding", "device_bound_sessions"), wrong, right


def _frames_need_encryption(data: dict[str, Any]) -> Iterator[Finding]:
    behind_https = _behind_https(data)
    for path, organization in _organizations(data):
        hosts = [str(host) for host in _list(organization.get("hosts"))]
        wanted = _mapping(organization, "session_cookie").get("same_site") == "none"
        if wanted and not behind_https and not all(map(is_loopback, hosts)):
            wrong = "none needs https: browsers drop such a cookie over plain http"
            yield (
                (*path, "session_cookie", "same_site"),
                wrong,
                "set listen.tls or listen.trusted_proxies, or write lax",
            )


def _upstream_tls_acts(data: dict[str, Any]) -> Iterator[Finding]:
    for path, organization in _organizations(data):
        plain = [str(each).lower().startswith("http://") for each in _list(organization.get("upstream"))]
        if organization.get("upstream_tls") and any(plain):
            wrong = "is for an https upstream, and this one is plain http"
            yield (*path, "upstream_tls"), wrong, "write an https:// address for upstream, or leave it out"


def _one_host_header_suits_all(data: dict[str, Any]) -> Iterator[Finding]:
    for path, organization in _organizations(data):
        if organization.get("host_header") == "upstream" and len(_list(organization.get("upstream"))) > 1:
            wrong = "upstream would name the first of several addresses to all of them"
            yield (*path, "host_header"), wrong, "write pass, or one address for upstream"


def _everyone_has_a_provider(data: dict[str, Any]) -> Iterator[Finding]:
    if "identity_provider" in data:
        return
    for path, organization in _organizations(data):
        if "identity_provider" not in organization:
            wrong = "is missing, and there is none for all organizations"
            yield (*path, "identity_provider"), wrong, "add one here or at the top"


def _providers_have_names(data: dict[str, Any]) -> Iterator[Finding]:
    top = _mapping(data, "identity_provider")
    seen = {str(top.get("name", "default"))} if top else set()
    for path, organization in _organizations(data):
        own = _mapping(organization, "identity_provider")
        name = str(own.get("name", "default"))
        if own and name in seen:
            wrong = f"is named {name} like another one, so their users would be taken for each other"
            yield (*path, "identity_provider"), wrong, "give it a name of its own"
        if own:
            seen.add(name)
    for path, provider in _providers(data):
        name = str(provider.get("name", "default"))
        if any(name.startswith((f"{other}|", f"{other} ")) for other in seen):
            wrong = "begins with the name of another one, so their users and sign-outs could be taken for each other"
            yield (*path, "name"), wrong, "fix: write a name without | and blanks, such as partners"


def _administration_has_a_place_of_its_own(data: dict[str, Any]) -> Iterator[Finding]:
    administration = _mapping(data, "administration")
    host = str(administration.get("host", "")).lower().rstrip(".")
    for path, organization in _organizations(data) if administration else ():
        hosts = {str(each).lower().rstrip(".") for each in _list(organization.get("hosts"))}
        if host in hosts:
            wrong = f"{host} is a host of organization {organization.get('name')}, whose scripts would share its origin"
            yield ("administration", "host"), wrong, "fix: give it a name of its own, such as admin.contoso.com"
        if organization.get("name") == ADMINISTRATION:
            wrong = f"{ADMINISTRATION} is the name of the administration host in sessions and logs"
            yield (*path, "name"), wrong, "fix: rename the organization"


def _administration_has_a_provider(data: dict[str, Any]) -> Iterator[Finding]:
    administration = _mapping(data, "administration")
    if not administration:
        return
    known = [str(provider.get("name", "default")) for _, provider in _providers(data)]
    named = administration.get("provider")
    if named is None and not _mapping(data, "identity_provider"):
        wrong = "is missing, and there is no top-level identity_provider"
        yield ("administration", "provider"), wrong, f"fix: write one of {', '.join(known) or 'their names'}"
    elif named is not None and str(named) not in known:
        wrong = f"{named} is not the name of an identity provider"
        yield ("administration", "provider"), wrong, f"fix: write one of {', '.join(known)}"


_CHECKS: tuple[Callable[[dict[str, Any]], Iterator[Finding]], ...] = (
    _workers_share_a_store,
    _providers_are_encrypted,
    _providers_have_what_their_protocol_needs,
    _realms_have_a_protocol,
    _bearer_tokens_can_be_verified,
    _secrets_are_long,
    _places_are_claimed_once,
    _names_are_unique,
    _proxies_are_not_everybody,
    _settings_are_within_bounds,
    _frames_need_encryption,
    _devices_need_encryption,
    _upstream_tls_acts,
    _one_host_header_suits_all,
    _everyone_has_a_provider,
    _providers_have_names,
    _administration_has_a_place_of_its_own,
    _administration_has_a_provider,
)
