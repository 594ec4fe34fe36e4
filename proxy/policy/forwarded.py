"""What forwarding headers say, hop by hop, before anybody judges whom to believe.

Sources: RFC 7239 (`Forwarded`), RFC 9110 section 5.6 (lists, tokens, quoted strings); the X-Forwarded-* family is a
habit without a standard: IIS's Application Request Routing writes ports behind addresses, Traefik says `wss`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.errors import RequestRefused

_PAIR = re.compile(
    r"[ \t]*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)="
    r"(?:(?P<token>[!#$%&'*+.^_`|~0-9A-Za-z-]+)|\"(?P<quoted>(?:[^\"\\]|\\.)*)\")[ \t]*"
)
_EMPTY_ELEMENT = re.compile(r"[ \t]*(?=,|\Z)")
_NODE = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<four>[0-9.]+))(?::[0-9_][0-9A-Za-z._-]*)?")
_HIDDEN = re.compile(r"unknown(?::.*)?|_[0-9A-Za-z._-]+(?::.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop as told: whom the teller was connected to, and with which scheme and Host. None: it does not say."""

    address: str | None
    scheme: str | None
    host: str | None


def x_forwarded_hops(headers: Mapping[str, str]) -> tuple[Hop, ...]:
    """The hops of `X-Forwarded-For`, `-Proto` and `-Host`, the client's first; empty where none of them is there.

    The lists are laid side by side from the right. A list that is shorter speaks with its leftmost value for the hops
    it does not reach: a single `X-Forwarded-Proto` is the outermost proxy's, passed on by the others.
    Raises RequestRefused(400, "bad_forwarded") where an address is none.
    """
    addresses, schemes, hosts = (
        _values(headers, name) for name in ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
    )
    count = max(len(addresses), 1 if schemes or hosts else 0)
    return tuple(
        Hop(address=_node_at(addresses, place), scheme=_at(schemes, place), host=_at(hosts, place))
        for place in range(count, 0, -1)
    )


def _node_at(addresses: list[str], place: int) -> str | None:
    node = _at(addresses, place)
    return node_address(node) if node else None


def _at(values: list[str], place: int) -> str | None:
    """The value at this place from the right, 1 being the last; the leftmost where the list does not reach so far."""
    return values[-min(place, len(values))] if values else None


def forwarded_hops(headers: Mapping[str, str]) -> tuple[Hop, ...]:
    """The hops of `Forwarded`, the client's first; empty where it is not there.

    Raises RequestRefused(400, "bad_forwarded") where it is malformed anywhere: a quote left open by a client would
    swallow what proxies appended.
    """
    text = ",".join(_lines(headers, "forwarded"))
    hops = []
    position = 0
    while position < len(text):
        empty = _EMPTY_ELEMENT.match(text, position)
        if empty:
            position = empty.end() + 1
            continue
        pairs, position = _element(text, position)
        node = pairs.get("for")
        hops.append(
            Hop(address=node_address(node) if node else None, scheme=pairs.get("proto"), host=pairs.get("host"))
        )
    return tuple(hops)


def _element(text: str, position: int) -> tuple[dict[str, str], int]:
    """One element's pairs by lower-case name, and where the next element begins."""
    pairs: dict[str, str] = {}
    while True:
        pair = _PAIR.match(text, position)
        if pair is None or pair["name"].lower() in pairs:
            raise RequestRefused(400, "bad_forwarded", "no pair of name and value, or one twice")
        quoted = pair["quoted"]
        pairs[pair["name"].lower()] = pair["token"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        position = pair.end() + 1
        follows = text[pair.end() : position]
        if follows in ("", ","):
            return pairs, position
        if follows != ";":
            raise RequestRefused(400, "bad_forwarded", "neither ; nor , behind a pair")


def node_address(node: str) -> str | None:
    """The address of a node (RFC 7239, section 6) without port and brackets; None for `unknown` and hidden names."""
    found = _NODE.fullmatch(node)
    if found:
        return found["six"] or found["four"]
    if _HIDDEN.fullmatch(node):
        return None
    # X-Forwarded-For carries IPv6 without brackets; whether it is an address is judged by who reads it.
    return node


def _values(headers: Mapping[str, str], name: str) -> list[str]:
    values = (value.strip(" \t") for line in _lines(headers, name) for value in line.split(","))
    return [value for value in values if value]


def _lines(headers: Mapping[str, str], name: str) -> list[str]:
    """Every line of a header: the first alone may be the client's, passed on before the proxy's own."""
    getall = getattr(headers, "getall", None)
    if getall is not None:
        return list(getall(name, ()))
    line = headers.get(name)
    return [] if line is None else [line]
