"""One client: where its requests begin and end, and which lane each takes."""

import re
import time
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, cast

import structlog

from proxy.edge.body import Body, ChunkedBody, CountedBody
from proxy.edge.client import Awaits, Client, Pause
from proxy.edge.fast import FastExchange
from proxy.edge.full import FullLane
from proxy.edge.head import Head, bodyless, judge_beginning, read_head, read_request_line, without_upgrade
from proxy.edge.known import Known
from proxy.edge.plan import Plan
from proxy.edge.refusal import refusal
from proxy.edge.rules import Pool
from proxy.errors import RequestRefused
from proxy.gateway.connection import Connection, Foregone
from proxy.pages.reference import make_reference

if TYPE_CHECKING:
    from proxy.edge.server import EdgeServer

log = structlog.get_logger("gateway")

_METHODS = {each.encode(): each for each in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_PARTS, _CR = 3, 0x0D
_EMPTY_LINES = re.compile(rb"\A(?:\r\n)+")
# A body up to this size goes upstream with its head; a pipelining client is read no further while so much waits.
_INLINE = _MOST_HELD = 64 * 1024
# The full lane keeps deadlines of its own and has better words; the edge's stand behind them.
_FULL_LANE_GRACE = 5.0
_LATE = {Awaits.HEAD: (408, "head_too_slow"), Awaits.BODY: (408, "body_too_slow")}


class EdgeConnection(Client):
    """A client whose bytes are read here first, for as long as it stays."""

    def __init__(self, server: "EdgeServer") -> None:
        super().__init__(server)
        self._known = Known(self)
        self._held = b""
        self._seen = 0  # of a head that is held and not whole
        self._body: Body | None = None
        self._exchange: FastExchange | FullLane | None = None
        self._full: FullLane | None = None
        self._pools: set[Pool] = set()
        self._is_answered = self._is_deaf = self._is_raw = False

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, nor the head of one."""
        return self._exchange is None and not self._held

    # what the event loop calls

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._is_raw and self._full is not None:
            self._full.raw(data)
        elif not (self.ending or self._is_deaf):
            if self._held:
                data, self._held = self._held + data, b""
            self._take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        super().connection_lost(exc)
        exchange, self._exchange = self._exchange, None
        if isinstance(exchange, FastExchange):
            exchange.lost()
        if self._full is not None:
            self._full.lost(exc)
        for pool in self._pools:
            pool.release(self)
        self._pools.clear()

    def pause_writing(self) -> None:
        """The client does not take what was written."""
        super().pause_writing()
        if isinstance(self._exchange, FullLane):
            self.write_deadline += _FULL_LANE_GRACE
        for each in self._writers():
            each.pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        for each in self._writers():
            each.resume_writing()

    def _writers(self) -> Iterator[FastExchange | FullLane]:
        """Who writes, or may soon: what aiohttp is told it must be told to the end, whosever turn it is by then."""
        if isinstance(self._exchange, FastExchange):
            yield self._exchange
        if self._full is not None:
            yield self._full

    # framing

    def _take(self, data: bytes) -> None:
        """Take bytes as far as they may go now; the rest is held."""
        left: bytes | None = data
        while left and not self.ending:
            if self._body is not None:
                left = self._feed(self._body, left)
            elif self._exchange is not None:
                self._held = left
                if len(left) > _MOST_HELD:
                    self.pause(Pause.PIPELINED)
                return
            else:
                left = self._begin(left)

    def _begin(self, data: bytes) -> bytes | None:
        """A request, or a piece of its head; what stands behind its head."""
        if data[0] == _CR:  # empty lines before a request are nothing (RFC 9112, section 2.2)
            data = _EMPTY_LINES.sub(b"", data, count=1)
        most, end = self.server.bounds.head_bytes, data.find(b"\r\n\r\n", self._seen and max(0, self._seen - 3))
        try:
            if 0 <= end <= most:
                self._seen = 0
                return self._request(data, end)
            self._judge_piece(data)
        except RequestRefused as refused:
            self._refuse(refused, data)
            return None
        self._held, self._seen = data, len(data)
        if data and self.awaits is not Awaits.HEAD:
            self.wait_for(Awaits.HEAD, self.server.bounds.head_seconds)
        return None

    def _judge_piece(self, data: bytes) -> None:
        most = self.server.bounds.head_bytes
        if len(data) > most:
            line_is_whole = b"\r\n" in data[:most]
            raise RequestRefused(431, "head_too_large") if line_is_whole else RequestRefused(414, "target_too_long")
        if data and data != b"\r":
            judge_beginning(data, self._seen)

    def _request(self, data: bytes, end: int) -> bytes:
        """One request whose head is whole; what stands behind what was taken. Raises RequestRefused."""
        started = time.monotonic()
        server = self.server
        rules = server.rules()
        raw, rest = data[: end + 4], data[end + 4 :]
        plan = self._known.plan(rules, raw)
        if plan is not None and (left := self._fast(plan, rest, started)) is not None:
            return left
        line_end = raw.find(b"\r\n")
        line, block = raw[:line_end], raw[line_end:end]
        parts = line.split(b" ")
        method = _METHODS.get(parts[0])
        if method is not None and len(parts) == _PARTS and parts[2] == b"HTTP/1.1":
            target = parts[1]
            shape = self._known.see(rules, block)
            head = shape.head
            if plan is None and server.has_fast_lane and shape.fast:
                plan = self._known.make_plan(rules, shape, method, target, raw)
                if plan is not None and (left := self._fast(plan, rest, started)) is not None:
                    return left
        else:
            named, target, version = read_request_line(line)
            method = named.decode("latin-1")
            head = read_head(named, version, block, server.bounds.fields)
        rules.judge_target(target, method)
        raw = _fit(raw, head, method)
        self._expect(head, is_here=False)
        self.full_lane(raw)
        return rest

    def _fast(self, plan: Plan, rest: bytes, started: float) -> bytes | None:
        """Take a request into the fast lane; what stands behind what was taken, None where it is the full lane's."""
        whole = _whole_body(plan.head, rest) if plan.has_body else b""
        exchange = self._known.begin(plan, whole, started)
        if exchange is None:
            return None
        self._exchange = exchange
        if plan.has_body:
            self._expect(plan.head, is_here=whole is not None)
            return rest[len(whole) :] if whole else rest
        self.awaits, self.deadline = Awaits.REQUEST, inf
        return rest

    def _expect(self, head: Head, *, is_here: bool) -> None:
        """The request's body is next, if there is one and it is not here; else it is our turn."""
        if is_here or not (head.chunked or head.length):
            self.awaits, self.deadline = Awaits.REQUEST, inf
            return
        self._body = ChunkedBody() if head.chunked else CountedBody(head.length or 0)
        self._wait_for_body()

    def _wait_for_body(self) -> None:
        if not self.is_paused:
            grace = _FULL_LANE_GRACE if isinstance(self._exchange, FullLane) else 0.0
            self.wait_for(Awaits.BODY, self.server.bounds.body_seconds + grace)

    def _feed(self, body: Body, data: bytes) -> bytes | None:
        """Bytes of a body to whoever wants them; what stands behind the body, None while it goes on."""
        exchange = self._exchange
        try:
            pieces, rest = body.feed(data)
        except RequestRefused as refused:
            self._give_up_body()
            if exchange is not None:
                exchange.refuse(refused)
            return None
        ended = rest is not None
        if ended:
            self._body = None
            self.awaits, self.deadline = Awaits.REQUEST, inf
        else:
            self._wait_for_body()
        if exchange is not None:
            exchange.body(pieces, ended=ended, chunked=body.chunked)
        if ended and self._is_answered:
            self._is_answered = False
            self.finished(keep_alive=True)
        return rest

    def _give_up_body(self) -> None:
        """Where the body would have ended, and what follows it, nobody knows any more."""
        self._body = None
        self._is_deaf = True
        self.awaits, self.deadline = Awaits.REQUEST, inf

    # lanes: what exchanges call

    def full_lane(self, raw: bytes, foregone: Foregone | None = None) -> None:
        """Give a request to the full lane. What of its body came before is lost to it."""
        if self._full is None:
            self._full = FullLane(self, self.transport, cast("Connection", self.server.full()))
        self._exchange = self._full
        self._full.begin(raw, foregone, draining=self.draining)

    def fail(self, raw: bytes, foregone: Foregone) -> None:
        """Let the full lane say what became of a request of the fast one."""
        if self._body is not None:
            self._give_up_body()
        self.full_lane(bodyless(raw, last=self._is_deaf), foregone)

    def finished(self, *, keep_alive: bool, at: float | None = None) -> None:
        """A request is answered; `at`: `time.monotonic`, where it is known."""
        self._exchange = None
        if not keep_alive:
            self.close()
            return
        self._quiet_since = at = at or time.monotonic()
        self.awaits = Awaits.REQUEST
        self.deadline = at + self.server.bounds.keep_alive_seconds
        if self._held:
            held, self._held = self._held, b""
            self.go_on(Pause.PIPELINED)
            self._take(held)

    def answered(self, *, keep_alive: bool) -> None:
        """The full lane's answer is out; without `keep_alive` it closes by itself."""
        if self._is_deaf:
            self.close()
        elif keep_alive and self._body is None:
            self.finished(keep_alive=True)
        else:
            self._is_answered = keep_alive

    def switched(self) -> None:
        """Every byte goes to the full lane raw from here on."""
        self._is_raw = True
        self.deadline = inf
        held, self._held = self._held, b""
        self.go_on(Pause.PIPELINED)
        if held and self._full is not None:
            self._full.raw(held)

    def uses(self, pool: Pool) -> None:
        """A pool that may bind connections to this client."""
        self._pools.add(pool)

    # ends

    def close(self) -> None:
        """End the connection behind the last answer."""
        unread = self._body is not None or bool(self._held) or self._is_deaf
        self._exchange = None
        self.end(unread=unread)

    def drain(self) -> None:
        """See `Client`."""
        super().drain()
        if self._full is not None:
            self._full.drain()

    def too_late(self, awaited: Awaits) -> None:
        """See `Client`."""
        refused = RequestRefused(*_LATE[awaited])
        if isinstance(self._exchange, FastExchange):
            self._give_up_body()
            self._exchange.refuse(refused)
        elif self._exchange is None:
            self._refuse(refused, self._held)
        else:
            self.cut()

    def _refuse(self, refused: RequestRefused, head: bytes) -> None:
        """Answer what no lane may see, and end."""
        self.server.current.gateway.metrics.request("", "refuse", refused.status, 0.0, None)
        reference = make_reference()
        method = head.partition(b" ")[0]
        log.info(
            "request",
            decision="refuse",
            reason=refused.reason,
            organization="",
            kind="",
            method=_METHODS.get(method, ""),
            path="",
            status=refused.status,
            duration_ms=0.0,
            upstream_ms=None,
            client_address=self.address,
            reference=reference,
        )
        self.write(refusal(refused.status, refused.reason, reference))
        self._held = b""
        self.end(unread=True)


def _whole_body(head: Head, rest: bytes) -> bytes | None:
    """The body where all of it is here and short, empty where there is none; None where it follows."""
    if head.chunked:
        return None
    length = head.length or 0
    return rest[:length] if length <= _INLINE and len(rest) >= length else None


def _fit(raw: bytes, head: Head, method: str) -> bytes:
    """A head as the full lane may see it: to aiohttp what follows an upgrade is no body, but another protocol.

    So it is for CONNECT, which asks for a tunnel that we are not (RFC 9110, section 9.3.6).
    Raises RequestRefused(400, "bad_upgrade" | "bad_method").
    """
    if method == "CONNECT":
        raise RequestRefused(400, "bad_method")
    if "upgrade" not in head.fields or not (head.chunked or head.length):
        return raw
    if method == "GET" and "websocket" in head.fields["upgrade"].lower():
        raise RequestRefused(400, "bad_upgrade")
    return without_upgrade(raw)
