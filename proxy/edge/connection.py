"""One client: where its requests begin and end, and which lane each takes."""

import re
import time
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, cast

from proxy.edge.asked import GATHERED_BYTES, Asked, Pace
from proxy.edge.body import Body, ChunkedBody, CountedBody
from proxy.edge.client import Awaits, Client, Pause
from proxy.edge.fast import FastExchange
from proxy.edge.full import FullLane
from proxy.edge.head import bodyless, fit, judge_piece, read_head, read_request_line, without
from proxy.edge.known import Known
from proxy.edge.plan import Plan
from proxy.edge.refusal import METHODS, log_refused, refusal
from proxy.errors import RequestRefused
from proxy.gateway.connection import Connection, Foregone
from proxy.gateway.upstream import Ownership
from proxy.gateway.written import CONTINUE

if TYPE_CHECKING:
    from proxy.edge.server import EdgeServer

_PARTS, _CR = 3, 0x0D
_EMPTY_LINES = re.compile(rb"\A(?:\r\n)+")
_MOST_HELD = 64 * 1024  # a pipelining client is read no further while so much waits
# The full lane keeps a deadline of its own for a client that does not read; the edge's is behind it.
_FULL_LANE_GRACE = 5.0
_CLIENT_GONE = 499


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
        self._asked: Asked | None = None  # while its body is gathered
        self._pace: Pace | None = None
        self.ownership = Ownership()
        self._is_answered = self._is_deaf = self._is_raw = False

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, nor the head of one."""
        return self._exchange is None and self._body is None and not self._held

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
            self._full.lost()
        if self._asked is not None:
            log_refused(self, _CLIENT_GONE, "client_gone", self._asked.raw, self._asked.path)
            self._asked = None
        self.ownership.change(None)

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
            judge_piece(data, self._seen, most)
        except RequestRefused as refused:
            self._refuse(refused, data)
            return None
        self._held, self._seen = data, len(data)
        if data and self.awaits is not Awaits.HEAD:
            self.wait_for(Awaits.HEAD, self.server.bounds.head_seconds)
        return None

    def _request(self, data: bytes, end: int) -> bytes:
        """One request whose head is whole; what stands behind what was taken. Raises RequestRefused."""
        started = time.monotonic()
        server = self.server
        rules = server.rules()
        raw, rest = data[: end + 4], data[end + 4 :]
        plan = self._known.plan(rules, raw)
        if plan is not None and self._fast(plan, b"", started):
            self.awaits, self.deadline = Awaits.REQUEST, inf
            return rest
        line_end = raw.find(b"\r\n")
        line, block = raw[:line_end], raw[line_end:end]
        parts = line.split(b" ")
        shape, target = None, b""
        method = METHODS.get(parts[0])
        if method is not None and len(parts) == _PARTS and parts[2] == b"HTTP/1.1":
            target = parts[1]
            shape = self._known.see(rules, block)
            head = shape.head
            if plan is not None or not (shape.fast and server.has_fast_lane):
                shape = None
        else:
            named, target, version = read_request_line(line)
            method = named.decode("latin-1")
            head = read_head(named, version, block, server.bounds.fields)
        asked = Asked(rules, raw, method, target, head, shape, started)
        if not (head.chunked or head.length):
            self._go_on(asked, b"", ended=True)
            return rest
        length = head.length or 0
        if not head.chunked and length <= GATHERED_BYTES and len(rest) >= length:
            self._go_on(asked, rest[:length], ended=True)
            return rest[length:]
        self._gather(asked)
        return rest

    def _gather(self, asked: Asked) -> None:
        """Wait for a body. Raises RequestRefused: nothing is gathered for what goes no further."""
        head = asked.head
        asked.path = asked.rules.judge_target(asked.target, asked.method)
        fit(asked.raw, head, asked.method)
        self._body = ChunkedBody() if head.chunked else CountedBody(head.length or 0)
        self._asked, self._pace = asked, None
        if asked.expects and asked.is_small:
            self.write(CONTINUE)
            asked.raw = without(asked.raw, b"expect")
        elif asked.expects:
            # The application may refuse it by its head, so that is not held back.
            self._go_on(asked, b"", ended=False)
        self.wait_for_body()

    def _go_on(self, asked: Asked, body: bytes, *, ended: bool) -> None:
        """Give a request to its lane, with what there is of its body. Raises RequestRefused."""
        self._asked = None
        chunked, pieces = asked.head.chunked, [body] if body else []
        if ended:
            self.awaits, self.deadline = Awaits.REQUEST, inf
        if asked.shape is not None and asked.rules is self.server.rules():
            plan = self._known.make_plan(asked.rules, asked.shape, asked.method, asked.target, asked.raw)
            if plan is not None and self._fast(plan, body if ended and not chunked else None, asked.started):
                if chunked or not ended:
                    self._pass(pieces, ended=ended, chunked=chunked)
                return
        asked.rules.judge_target(asked.target, asked.method)
        self.full_lane(fit(asked.raw, asked.head, asked.method))
        if body or chunked:
            self._pass(pieces, ended=ended, chunked=chunked)

    def _fast(self, plan: Plan, body: bytes | None, started: float) -> bool:
        """Take a request into the fast lane, if it can; `body` None: it follows."""
        exchange = self._known.begin(plan, body, started)
        if exchange is None:
            return False
        self._exchange = exchange
        return True

    def wait_for_body(self, came: int | None = None) -> None:
        """The client's turn: a piece within `body_seconds`, and of a body that is not gathered so many in a while.

        `came`: bytes that came just now; None: the client was not read before.
        """
        if self.is_paused:
            return
        now, pace = time.monotonic(), self._pace
        self.awaits, self.deadline = Awaits.BODY, now + self.server.bounds.body_seconds
        if pace is not None:
            pace.restart(now) if came is None else pace.came(came, now)
            self.deadline = min(self.deadline, pace.until)

    def continued(self) -> None:
        """From here on the client has no reason to be slow: it was told to send its body, or has begun to."""
        if self._body is not None and self._pace is None:
            self._pace = Pace(self.server.bounds.body_rate, self.server.bounds.body_rate_seconds)
            self.wait_for_body()

    def _feed(self, body: Body, data: bytes) -> bytes | None:
        """Bytes of a body to whoever wants them; what stands behind the body, None while it goes on."""
        try:
            pieces, rest = body.feed(data)
            ended = rest is not None
            if ended:
                self._body = None
                self.awaits, self.deadline = Awaits.REQUEST, inf
            else:
                self.wait_for_body(sum(map(len, pieces)))
            self._pass(pieces, ended=ended, chunked=body.chunked)
        except RequestRefused as refused:
            self._refuse_body(refused)
            return None
        if ended and self._is_answered:
            self._is_answered = False
            self.finished(keep_alive=True)
        return rest

    def _pass(self, pieces: list[bytes], *, ended: bool, chunked: bool) -> None:
        """Pieces of a body, to where they are gathered or on. Raises RequestRefused."""
        asked = self._asked
        if asked is None:
            if self._exchange is not None:
                self._exchange.body(pieces, ended=ended, chunked=chunked)
            return
        for piece in pieces:
            asked.body += piece
        if ended or asked.is_full:
            if not ended:
                self.continued()
            self._go_on(asked, bytes(asked.body), ended=ended)

    def _refuse_body(self, refused: RequestRefused) -> None:
        """A body broke its framing or does not come: its request is answered so, and nothing behind it is read."""
        asked, self._asked, exchange = self._asked, None, self._exchange
        self._give_up_body()
        if exchange is not None:
            exchange.refuse(refused)
        else:
            self._refuse(refused, b"" if asked is None else asked.raw, "" if asked is None else asked.path)

    def _give_up_body(self) -> None:
        """Where the body would have ended, and what follows it, nobody knows any more."""
        self._body = None
        self._is_deaf = True
        self.wait_for(Awaits.REFUSAL, self.server.bounds.refusal_seconds)

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
        if awaited is Awaits.BODY:
            self._refuse_body(RequestRefused(408, "body_too_slow"))
        elif awaited is Awaits.HEAD:
            self._refuse(RequestRefused(408, "head_too_slow"), self._held)
        else:
            self.cut()

    def _refuse(self, refused: RequestRefused, head: bytes, path: str = "") -> None:
        """Answer what no lane may see, and end."""
        reference = log_refused(self, refused.status, refused.reason, head, path)
        self.write(refusal(refused.status, refused.reason, reference))
        self._held = b""
        self.end(unread=True)
