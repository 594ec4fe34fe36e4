"""What the gateway in force makes of heads and targets, remembered: most of both come again and again.

Nothing here decides. What is remembered follows from head, target and configuration alone, so it holds as long as its
gateway is in force; sessions, settings and the clock are asked on every request. Cookies and credentials are never part
of what is remembered.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from proxy.edge.bounds import Bounds
from proxy.edge.head import Head, read_head
from proxy.errors import RequestRefused, UpstreamError
from proxy.gateway.handler import Gateway
from proxy.gateway.headers import UpstreamHeaders, lines_of
from proxy.gateway.judgement import Passing
from proxy.gateway.upstream import Owner, UpstreamConnection
from proxy.model.organization import Organization
from proxy.model.principal import Principal
from proxy.model.request import RequestKind
from proxy.policy.access import is_anonymous
from proxy.policy.application_root import may_be_sign_in
from proxy.policy.binding import browser_of
from proxy.policy.client import is_api_path, request_kind, user_caused
from proxy.policy.target import judge_target

HTTP_11 = (1, 1)
_MOST_SHAPES, _LONGEST_SHAPE = 2048, 4096
_MOST_ROUTES, _LONGEST_TARGET = 8192, 512
# A request with one of these is the full lane's: it carries credentials or wants more than an answer.
_FULL_LANE = ("authorization", "proxy-authorization", "upgrade", "expect")
_FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")


class Pool(Protocol):
    """What the fast lane wants of an upstream's connections."""

    def lend(self, owner: Owner | None = None, *, retryable: bool = False) -> UpstreamConnection | None:
        """An idle connection at once, or None."""

    def went(self, connection: UpstreamConnection, error: UpstreamError | None) -> None:
        """How it went there, up to the answer's head."""


class Way:
    """The way to one organization's upstream."""

    def __init__(self, organization: Organization, headers: UpstreamHeaders, pool: Pool, gateway: Gateway) -> None:
        self.organization = organization
        self.pool = pool
        self.headers = headers
        self._gateway = gateway
        transform = gateway.forwarder.transform
        # None where no answer is ever changed, which costs nothing to ask.
        self.transform = transform if transform is not None and transform.acts_for(organization) else None
        self.framings = gateway.forwarder.framings
        self.counted = gateway.metrics.forwarded(organization.name)

    def identity(self, principal: Principal) -> bytes:
        """The lines that say whose request it is."""
        ours, left_out = self.headers.identity(principal)
        if left_out:
            self._gateway.forwarder.tell_left_out(self.organization, left_out)
        return lines_of(ours)


@dataclass(slots=True, eq=False)
class Shape:
    """A head without its request line and the value of its cookie line.

    `fast`: nothing in it is for the full lane alone. `is_remembered`: another request may have the same. `forwarding`:
    it names hops, which count for trusted proxies.
    `kinds`: by method and whether the path is an API's. `passing`: by organization, the lines before the cookie's and
    behind it that go upstream.
    """

    head: Head
    fast: bool
    forwarding: bool
    host: str
    user_agent: str
    browser: str
    is_remembered: bool = False
    kinds: dict[tuple[str, bool], tuple[RequestKind, bool]] = field(default_factory=dict)
    passing: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)

    def kind(self, method: str, route: "Route") -> tuple[RequestKind, bool]:
        """How the request came about, and whether its user caused it."""
        found = self.kinds.get((method, route.is_api))
        if found is None:
            kind = request_kind(method, route.path, self.head.fields, route.way.organization)
            found = self.kinds[method, route.is_api] = kind, user_caused(method, self.head.fields, kind)
        return found

    def lines(self, way: Way) -> tuple[bytes, bytes]:
        """See `passing`."""
        name = way.organization.name
        found = self.passing.get(name)
        if found is None:
            kept = way.headers.strip(self.head.raw)
            place = next((at for at, (header, _) in enumerate(kept) if header.lower() == b"cookie"), len(kept))
            found = self.passing[name] = lines_of(kept[:place]), lines_of(kept[place + 1 :])
        return found


@dataclass(slots=True, eq=False)
class Route:
    """A target of one host."""

    target: str
    path: str
    way: Way
    is_anonymous: bool
    is_api: bool


class Rules:
    """One gateway's."""

    def __init__(self, gateway: Gateway, bounds: Bounds) -> None:
        self.gateway = gateway
        self.trusts = bool(gateway.trusted)
        self.owner = gateway.forwarder.owning.owner
        self.key_of = gateway.sessions.key
        self.copy_of = gateway.sessions.copy
        self.judge: Callable[..., Passing | None] = gateway.judge.judge_at_once
        self._most_fields = bounds.fields
        self._ways: dict[str, Way] = {}
        self._shapes: dict[bytes, Shape] = {}
        self._routes: dict[tuple[str, bytes], Route] = {}

    def shape(self, block: bytes, *, cookie: bool) -> Shape:
        """The shape of an HTTP/1.1 head; `block` as `read_fields` has it, its cookie line bare. Raises RequestRefused.

        `cookie`: there was one.
        """
        known = self._shapes.get(block)
        if known is not None:
            return known
        head = read_head(b"GET", HTTP_11, block, self._most_fields)
        fields = head.fields
        # aiohttp refuses some fields that come twice.
        once = len(fields) == len(head.raw) and ("cookie" in fields) == cookie
        plain = once and not any(name in fields for name in _FULL_LANE)
        names_hops = any(name in fields for name in _FORWARDING)
        shape = Shape(head, plain, names_hops, fields["host"], fields.get("user-agent", ""), browser_of(fields))
        if plain and head.length is None and not head.chunked and len(block) <= _LONGEST_SHAPE:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            self._shapes[block] = shape
            shape.is_remembered = True
        return shape

    def judge_target(self, target: bytes, method: str) -> str:
        """The path. Raises RequestRefused(400)."""
        text = target.decode("latin-1")
        return judge_target(text, allow_encoded_slash=self.gateway.encoded_slashes, method=method)

    def route(self, host: str, target: bytes, method: str) -> Route | None:
        """Where a target leads; None: not upstream, or not for the fast lane to say. Raises RequestRefused(400)."""
        known = self._routes.get((host, target))
        if known is not None:
            return known
        gateway, path = self.gateway, self.judge_target(target, method)
        # aiohttp knows no octets above ASCII in a target.
        if path == "*" or not target.isascii() or gateway.table.endpoint(host, path) is not None:
            return None
        text = target.decode("latin-1")
        try:
            organization = gateway.table.find(host, path)
            if gateway.encoded_slashes and not organization.allow_encoded_slash:
                judge_target(text, allow_encoded_slash=False, method=method)
        except RequestRefused:
            return None
        if organization.is_administration:
            return None
        # A POST is what may carry a token; whether this request is one, the full lane looks.
        if may_be_sign_in(organization, "POST", path, text):
            return None
        route = Route(
            text, path, self._way(organization), is_anonymous(organization, path), is_api_path(path, organization)
        )
        if len(target) <= _LONGEST_TARGET:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            self._routes[host, target] = route
        return route

    def _way(self, organization: Organization) -> Way:
        way = self._ways.get(organization.name)
        if way is None:
            forwarder = self.gateway.forwarder
            headers, pool = forwarder.headers[organization.name], forwarder.pools[organization.name]
            way = self._ways[organization.name] = Way(organization, headers, pool, self.gateway)
        return way
