"""Which headers pass, in which direction, and which are ours. Raw names and values in, raw ones out; no I/O.

What can be forged is stripped first, whether there is a session or not; ours are added after, so that no `Connection`
header of a client can name them away. Sources: RFC 9110, section 7.6.1 (hop-by-hop), RFC 7239 (`Forwarded`).
"""

import re
import string
import unicodedata
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import urlsplit

from proxy.model.organization import HostPolicy, Organization
from proxy.model.principal import Principal
from proxy.model.request import RequestFacts
from proxy.policy.peer import Peer
from proxy.sessions.cookie import is_ours

RawHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]
RawHeader: TypeAlias = tuple[bytes, bytes]

_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"})
_HOP_BY_HOP_PREFIX = b"proxy-"
# What a client may not name in `Connection`: without these the request is another one than the one judged.
_END_TO_END = frozenset({b"host", b"content-length", b"content-type", b"authorization", b"cookie", b"set-cookie"})
# Whoever sends states these anew.
_FRAMING = frozenset({b"content-length", b"expect"})
# Frameworks read another target than the judged one from these (IIS URL Rewrite, Symfony).
_OTHER_TARGETS = frozenset({b"x-original-url", b"x-rewrite-url"})
# Gateways to CGI and WSGI fold every other sign into one, so `X_Claims.User` is `X-Claims-User` to them.
_FOLD = bytes(
    ord(chr(octet).lower()) if chr(octet) in string.ascii_letters + string.digits else ord("-") for octet in range(256)
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ENCODED_IN_VALUES = re.compile(r"[%,]|[^\x20-\x7e]|^ +| +$")
_PLAIN_VALUE = re.compile(r"[!-$&-+\--~]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class _Passes(Enum):
    """What becomes of a client's header, by its name alone."""

    AS_IT_IS = auto()
    NOT = auto()
    AS_HOST = auto()
    WITHOUT_OUR_COOKIES = auto()


_MOST_NAMES, _LONGEST_NAME = 1024, 64


class UpstreamHeaders:
    """The headers that one organization's upstream gets.

    `claim_headers`: every header name that any organization's `claims_to_headers` uses; inbound ones of these names
    are removed, because organizations may share an upstream. Raises ValueError for a name that is none.
    """

    def __init__(self, organization: Organization, claim_headers: Iterable[str] = ()) -> None:
        names = {name for _, name in organization.claims_to_headers} | set(claim_headers)
        for name in names:
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{organization.name}: {name!r} is no header name; RFC 9110, section 5.1 says what is")
        self._claim_names = frozenset(name.encode().translate(_FOLD) for name in names)
        self._claims_to_headers = organization.claims_to_headers
        self._judged: dict[bytes, _Passes] = {}
        self._host = (
            urlsplit(organization.upstream).netloc.encode() if organization.host_header is HostPolicy.UPSTREAM else None
        )

    def build(
        self, raw: RawHeaders, facts: RequestFacts, principal: Principal | None
    ) -> tuple[list[RawHeader], tuple[str, ...]]:
        """What goes upstream, and the names of identity headers left out because a value holds a control character.

        `principal`: whose request it is; None adds no identity. Framing (`Content-Length`, `Transfer-Encoding`),
        `Expect` and `Upgrade` are left to whoever sends.
        """
        kept = self.strip(raw)
        kept += forwarded(facts)
        if principal is None:
            return kept, ()
        ours, left_out = self.identity(principal)
        return kept + ours, left_out

    def strip(self, raw: RawHeaders) -> list[RawHeader]:
        """What of a client's headers passes, in order."""
        named = _named_by_connection(raw)
        kept: list[RawHeader] = []
        judged = self._judged
        for header in raw:
            name, value = header
            passes = judged.get(name) or self._judge(name)
            if passes is _Passes.NOT or (named and name.translate(_FOLD) in named):
                continue
            if passes is _Passes.AS_IT_IS:
                kept.append(header)
            elif passes is _Passes.AS_HOST:
                kept.append((name, self._host or value))
            else:
                left = without_our_cookies(value)
                if left is not None:
                    kept.append((name, left))
        return kept

    def _judge(self, name: bytes) -> _Passes:
        """Remembered: clients send the same few names again and again."""
        folded = name.translate(_FOLD)
        if _is_hop_by_hop(folded, frozenset()) or folded in _FRAMING or self._is_forgeable(folded):
            passes = _Passes.NOT
        elif folded == b"host":
            passes = _Passes.AS_HOST
        else:
            passes = _Passes.WITHOUT_OUR_COOKIES if folded == b"cookie" else _Passes.AS_IT_IS
        if len(self._judged) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
            self._judged[name] = passes
        return passes

    def _is_forgeable(self, folded: bytes) -> bool:
        return (
            folded.startswith((b"x-forwarded", b"x-claims-"))
            or folded in (b"forwarded", b"x-claims")
            or folded in _OTHER_TARGETS
            or folded in self._claim_names
        )

    def identity(self, principal: Principal) -> tuple[list[RawHeader], tuple[str, ...]]:
        """Whose request it is, and the names of headers left out."""
        wanted: list[tuple[str, Sequence[str]]] = [
            ("X-Forwarded-User", (principal.upn or principal.subject or "",)),
            ("X-Forwarded-Email", (principal.email or "",)),
            ("X-Forwarded-Groups", principal.groups),
        ]
        wanted += [(name, principal.values(claim)) for claim, name in self._claims_to_headers]
        ours: list[RawHeader] = []
        left_out: list[str] = []
        for name, values in wanted:
            text = encode_values(values)
            if text is None:
                left_out.append(name)
            elif text:
                ours.append((name.encode(), text.encode("ascii")))
        return ours, tuple(left_out)


def lines_of(headers: list[RawHeader]) -> bytes:
    """Header lines, each with its end."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def encode_values(values: Sequence[str]) -> str | None:
    """A list as one header value, ASCII: joined by commas; commas, `%`, blanks at either end and what is not ASCII are
    percent-encoded (UTF-8) within each value. None where a control character stands in one: nothing is then passed.
    """  # noqa: D205 - one thought
    if len(values) == 1 and _PLAIN_VALUE.fullmatch(values[0]):
        return values[0]
    return _encode(tuple(values))


@lru_cache(maxsize=4096)
def _encode(values: tuple[str, ...]) -> str | None:
    """Remembered, as groups and roles of many people are the same."""
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for value in values for sign in value):
        return None
    return ",".join(_ENCODED_IN_VALUES.sub(_percent, value) for value in values if value)


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in found[0].encode())


def forwarded(facts: RequestFacts | Peer) -> list[RawHeader]:
    """`X-Forwarded-For`, `-Proto`, `-Host` and `Forwarded`: what the client used, as far as anyone trusted says."""
    return list(_forwarded(facts.client_address, facts.authority, facts.scheme))


@lru_cache(maxsize=1024)
def _forwarded(address: str, authority: str, scheme: str) -> tuple[RawHeader, ...]:
    node = f'"[{address}]"' if ":" in address else address
    host = authority if _TOKEN.fullmatch(authority) else f'"{authority}"'
    return (
        (b"X-Forwarded-For", address.encode()),
        (b"X-Forwarded-Proto", scheme.encode()),
        (b"X-Forwarded-Host", authority.encode()),
        (b"Forwarded", f"for={node};host={host};proto={scheme}".encode()),
    )


def from_upstream(raw: RawHeaders) -> list[RawHeader]:
    """What the client gets: all but hop-by-hop headers and cookies under our names; order and case kept."""
    named = _named_by_connection(raw)
    kept: list[RawHeader] = []
    for name, value in raw:
        lowered = name.lower()
        if _is_hop_by_hop(lowered, named) or (lowered == b"set-cookie" and _names_our_cookie(value)):
            continue
        kept.append((name, value))
    return kept


def without_our_cookies(value: bytes) -> bytes | None:
    """A Cookie header's value without our cookies, every other byte as it was; None where nothing is left."""
    if b"claims-" not in value.lower():
        return value
    pairs = value.split(b";")
    kept = [pair for pair in pairs if not _names_our_cookie(pair)]
    if len(kept) == len(pairs):
        return value
    left = b";".join(kept)
    if kept and kept[0] is not pairs[0]:
        left = left.lstrip(b" \t")
    return left if left.strip(b" \t;") else None


def _names_our_cookie(pair: bytes) -> bool:
    # Browsers send a cookie without a name as its bare value: `=claims-session=x` comes back as `claims-session=x`.
    name = pair.lstrip(b"= \t").partition(b";")[0].partition(b"=")[0].strip(_NOT_IN_NAMES)
    return is_ours(name.decode("latin-1"))


_NOT_IN_NAMES = bytes((*range(0x21), *range(0x7F, 0x100)))
"""Bytes around a cookie's name that an application may trim: controls, blanks and the bytes of Unicode spaces."""


def _named_by_connection(raw: RawHeaders) -> frozenset[bytes]:
    """Lower-case names that `Connection` makes hop-by-hop, less those that no sender may name there."""
    named: set[bytes] = set()
    for name, value in raw:
        if len(name) == 10 and name.lower() == b"connection":  # noqa: PLR2004 - the length of that name
            named.update(option.strip(b" \t").lower() for option in value.split(b","))
    return frozenset(named - _END_TO_END) if named else frozenset()


def _is_hop_by_hop(lowered: bytes, named: frozenset[bytes]) -> bool:
    return lowered in _HOP_BY_HOP or lowered in named or lowered.startswith(_HOP_BY_HOP_PREFIX)
