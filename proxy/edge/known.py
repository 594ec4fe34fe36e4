"""What is known of one client from its last requests: enough to see at a glance that the next one is like them.

A browser sends the same lines again and again, and a page that polls the same head. Nothing of this outlives the
connection, and nothing of it decides: whether the session lives is asked anew on every request.
"""

from typing import TYPE_CHECKING

from proxy.edge.fast import FastExchange
from proxy.edge.head import Fields
from proxy.edge.plan import Plan
from proxy.edge.rules import Route, Rules, Shape
from proxy.errors import RequestRefused, UpstreamBroken
from proxy.gateway.headers import forwarded, lines_of, without_our_cookies
from proxy.gateway.judgement import Credentials, credentials_of
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.policy.peer import Peer, apparent_peer

if TYPE_CHECKING:
    from proxy.edge.connection import EdgeConnection

_FIELD_VALUE = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
_COOKIE, _COOKIE_LOWER = b"\r\nCookie: ", b"\r\ncookie: "
_MOST_PLANS, _LONGEST_PLANNED = 4, 4096


class Known:
    """One client's."""

    def __init__(self, client: "EdgeConnection") -> None:
        self._client = client
        self._rules: Rules | None = None
        self._plans: dict[bytes, Plan] = {}
        self._last: Plan | None = None
        # The peer, by the Host it named; by the whole head where that names hops which count.
        self._peer_of: object = None
        self._peer: Peer
        self._hops = b""
        # The cookie line's value, and what it holds for one organization.
        self._value: bytes | None = None
        self._cookie: bytes | None = None
        self._cookie_for: Organization | None = None
        self._credentials = Credentials()
        self._key = b""
        self._has_form = False
        self._cookie_line = b""

    def see(self, rules: Rules, block: bytes) -> Shape:
        """The shape of an HTTP/1.1 head. Raises RequestRefused."""
        start = block.find(_COOKIE)
        if start < 0:
            start = block.find(_COOKIE_LOWER)
        if start < 0:
            self._value = None
            return rules.shape(block, cookie=False)
        start += len(_COOKIE)
        end = block.find(b"\r\n", start)
        if end < 0:
            end = len(block)
        value = block[start:end]
        if value != self._value:
            if value.translate(None, _FIELD_VALUE):
                raise RequestRefused(400, "bad_header_value")
            self._value = value
        return rules.shape(block[:start] + block[end:], cookie=True)

    def plan(self, rules: Rules, raw: bytes) -> Plan | None:
        """The plan of a head that came before, byte for byte; None where none is remembered."""
        plan = self._last
        if plan is None or plan.raw != raw:  # a comparison is cheaper than a hash
            plan = self._last = self._plans.get(raw)
        if plan is not None and plan.rules is not rules:
            self._plans.clear()
            plan = self._last = None
        return plan

    def make_plan(self, rules: Rules, shape: Shape, method: str, target: bytes, raw: bytes) -> Plan | None:
        """The plan of a request; None: it is the full lane's. Raises RequestRefused(400)."""
        try:
            self._know_peer(rules, shape)
        except RequestRefused:
            return None
        route = rules.route(self._peer.host, target, method)
        if route is None or not self._know_cookie(rules, route):
            return None
        if self._has_form and method == "POST":
            return None  # it may be the one that has a kept form sent on
        before, behind = shape.lines(route.way)
        plan = Plan(
            rules,
            raw,
            shape.head,
            route.way,
            self._facts_of(shape, route, method),
            self._credentials,
            b"" if route.is_anonymous else self._key,
            route.is_anonymous,
            b"%b %b HTTP/1.1\r\n%b%b%b%b" % (method.encode(), target, before, self._cookie_line, behind, self._hops),
        )
        plan.is_to_be_kept = shape.is_remembered and len(raw) <= _LONGEST_PLANNED
        return plan

    def begin(self, plan: Plan, body: bytes | None, started: float) -> FastExchange | None:
        """Begin a request in the fast lane; None: it is the full lane's, and nothing has happened.

        `body`: the whole of it, or None where it follows. `started`: `time.monotonic`.
        """
        client, way, facts = self._client, plan.way, plan.facts
        session = None
        if not plan.is_anonymous:
            session = plan.rules.copy_of(plan.key) if plan.key else None
            if session is None:
                return None
        if way.transform is not None and way.transform.may_change(facts, way.organization, session):
            return None
        owner = plan.rules.owner(client.ownership, session, facts.client_address)
        connection = way.pool.lend(owner, retryable=plan.is_retryable)
        if connection is None:
            return None
        passing = plan.passed = plan.rules.judge(facts, way.organization, session, plan.credentials, plan.passed)
        if passing is None:
            connection.give_back()
            return None
        exchange = FastExchange(client, plan, passing, connection, started)
        try:
            exchange.begin(body)
        except UpstreamBroken:
            return None
        if plan.is_to_be_kept:
            self._keep(plan)
        return exchange

    def _keep(self, plan: Plan) -> None:
        """Only where it served: a stranger's heads are worth no memory."""
        plan.is_to_be_kept = False
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[plan.raw] = plan

    def _facts_of(self, shape: Shape, route: Route, method: str) -> RequestFacts:
        peer = self._peer
        kind, caused = shape.kind(method, route)
        return RequestFacts(
            method,
            route.target,
            route.path,
            peer.scheme,
            peer.host,
            peer.authority,
            peer.client_address,
            kind,
            caused,
            shape.user_agent,
            browser=shape.browser,
        )

    def _know_peer(self, rules: Rules, shape: Shape) -> None:
        """Raises RequestRefused for a Host, or hops, that the full lane refuses."""
        key: object = shape if shape.forwarding and rules.trusts else shape.host
        if rules is self._rules and key == self._peer_of:
            return
        client = self._client
        self._peer = apparent_peer(client.address, client.is_tls, shape.head.fields, rules.gateway.trusted)
        self._hops = lines_of(forwarded(self._peer))
        self._peer_of, self._rules = key, rules
        self._cookie_for = None

    def _know_cookie(self, rules: Rules, route: Route) -> bool:
        """False where the full lane is to refuse it."""
        value, organization = self._value, route.way.organization
        if value is self._cookie and organization is self._cookie_for:
            return True
        raw = [] if value is None else [(b"cookie", value.strip(b" \t"))]
        try:
            self._credentials = credentials = credentials_of(Fields(raw), self._peer.scheme, organization)
        except RequestRefused:
            return False
        self._key = rules.key_of(credentials.cookie, organization.name) if credentials.cookie else b""
        left = None if value is None else without_our_cookies(value.strip(b" \t"))
        self._cookie_line = b"" if left is None else b"Cookie: %b\r\n" % left
        self._has_form = value is not None and b"claims-held" in value
        self._cookie, self._cookie_for = value, organization
        return True
