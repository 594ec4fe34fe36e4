"""Who sent a request, and what scheme, host and port the browser used, as far as anybody trustworthy says.

Forwarding headers count only from a trusted proxy. Of a chain, the nearest hop that is not trusted is the client, and
`X-Forwarded-Proto` and `-Host` are read at the same hop, counted from the right: what stands left of it, anybody can
have written. A proxy that sets one family of headers may pass a client's own headers of the other family on, so a
request that has both is refused unless both say the same. Sources: RFC 7239; RFC 9110, section 7.2.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from proxy.errors import RequestRefused
from proxy.model.deployment import Network
from proxy.policy.forwarded import Hop, forwarded_hops, x_forwarded_hops

_HOST = re.compile(
    r"(?:(?P<six>\[[0-9A-Fa-f:.]{2,45}\])"
    r"|(?=[^:]{1,253}\.?(?::|\Z))(?P<name>(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63})\.?)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Peer:
    """What the client used: `http` or `https`, host[:port] as in an origin, the host alone, the client's address."""

    scheme: str
    authority: str
    host: str
    client_address: str


def apparent_peer(address: str, tls: bool, headers: Mapping[str, str], trusted: Sequence[Network]) -> Peer:
    """The peer at the socket's `address`, or the one behind it where `address` lies in a `trusted` network.

    `headers` is asked by lower-case names; where it has `getall` (a multidict), every line of a header is read.
    Raises RequestRefused(400, "bad_host") for a Host that is none, RequestRefused(400, "bad_forwarded") for malformed
    or contradicting headers of a trusted proxy.
    """
    plain = Hop(address=address, scheme="https" if tls else "http", host=headers.get("host"))
    if not trusted or not is_trusted(address, trusted):
        return _peer(plain)
    families = [
        _apparent(hops, plain, trusted) for hops in (x_forwarded_hops(headers), forwarded_hops(headers)) if hops
    ]
    if not families:
        return _peer(plain)
    if any(family != families[0] for family in families):
        raise RequestRefused(400, "bad_forwarded", "Forwarded and X-Forwarded-* contradict each other")
    return families[0]


def _apparent(hops: Sequence[Hop], plain: Hop, trusted: Sequence[Network]) -> Peer:
    """Walk a chain from the socket outwards, as far as trusted proxies vouch for it."""
    address, scheme, host = plain.address, None, None
    for hop in reversed(hops):
        # The hop nearest the client speaks last: each step overrides what hops nearer to us said of it.
        scheme, host = hop.scheme or scheme, hop.host or host
        if hop.address is None:
            break
        address = _address_of(hop.address)
        if not is_trusted(address, trusted):
            break
    known = _SCHEMES.get((scheme or plain.scheme or "").lower())
    if known is None:
        raise RequestRefused(400, "bad_forwarded", "a scheme that is neither http nor https")
    try:
        return _peer(Hop(address=address, scheme=known, host=host or plain.host))
    except RequestRefused as refused:
        if host is None:
            raise
        raise RequestRefused(400, "bad_forwarded", "a host that is none") from refused


def _peer(hop: Hop) -> Peer:
    if hop.host is None:
        raise RequestRefused(400, "bad_host", "no Host")
    scheme = hop.scheme or "http"
    host, authority = normalize_host(hop.host, scheme=scheme)
    return Peer(scheme=scheme, authority=authority, host=host, client_address=hop.address or "")


@lru_cache(maxsize=1024)
def normalize_host(raw: str, *, scheme: str | None = None) -> tuple[str, str]:
    """(host, authority) of a Host header: lower-case, no trailing dot, `crm.contoso.com` and `crm.contoso.com:8443`.

    `scheme`'s own port is left out of the authority, as browsers do in an origin; without a scheme a port stays.
    IPv6 addresses stand in brackets, in their shortest form. Punycode stays as it is.
    Raises RequestRefused(400, "bad_host") for anything else, user names and signs above ASCII among it.
    """
    found = _HOST.fullmatch(raw)
    if found is None:
        raise RequestRefused(400, "bad_host")
    host, port = _bracketed(found["six"]) if found["six"] else found["name"].lower(), found["port"]
    if port and int(port) > _HIGHEST_PORT:
        raise RequestRefused(400, "bad_host", "a port above 65535")
    if port is None or port == _DEFAULT_PORTS.get(scheme or ""):
        return host, host
    return host, f"{host}:{port}"


def _bracketed(literal: str) -> str:
    try:
        return f"[{IPv6Address(literal[1:-1]).compressed}]"
    except ValueError as error:
        raise RequestRefused(400, "bad_host", "no IPv6 address") from error


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Whether an address is a trusted proxy's."""
    try:
        parsed = _unmapped(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)


def _address_of(text: str) -> str:
    try:
        return str(_unmapped(text))
    except ValueError as error:
        raise RequestRefused(400, "bad_forwarded", "an address that is none") from error


def _unmapped(text: str) -> IPv4Address | IPv6Address:
    """The address, with IPv4 in IPv6's clothes (a dual-stack socket's) as IPv4."""
    parsed = ip_address(text)
    return getattr(parsed, "ipv4_mapped", None) or parsed
