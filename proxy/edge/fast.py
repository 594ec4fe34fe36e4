"""One request of the fast lane: sent and answered within the event loop's own calls, with no task.

What it cannot carry through it hands to the full lane: as if nothing had been, where nothing was sent that may not be
sent twice; else with what went wrong, which the full lane puts into words.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from proxy.edge.client import Pause
from proxy.edge.plan import Plan
from proxy.errors import RequestRefused, UpstreamBroken, UpstreamBusy, UpstreamError
from proxy.gateway.connection import Foregone
from proxy.gateway.framing import AnswerFraming
from proxy.gateway.handler import Gateway
from proxy.gateway.judgement import Passing
from proxy.gateway.streams import Cut
from proxy.gateway.upstream import AnswerHead, UpstreamConnection, UpstreamStream
from proxy.gateway.upstream.answer import Headers

if TYPE_CHECKING:
    from proxy.edge.connection import EdgeConnection

log = structlog.get_logger("gateway")

_CLIENT_GONE = 499


class FastExchange:
    """A `Receiver` of the upstream's answer, and who hears of the client meanwhile.

    `passing`: that it may pass. `started`: `time.monotonic`.
    """

    __slots__ = (
        "_body_open",
        "_client",
        "_connection",
        "_forget",
        "_framing",
        "_gateway",
        "_is_over",
        "_passing",
        "_plan",
        "_sent_at",
        "_started",
        "_status",
        "_unsent",
    )

    def __init__(
        self, client: "EdgeConnection", plan: Plan, passing: Passing, connection: UpstreamConnection, started: float
    ) -> None:
        self._client = client
        self._plan = plan
        self._passing = passing
        self._connection = connection
        self._started = started
        self._gateway: Gateway
        self._framing: AnswerFraming | None = None
        self._unsent = b""
        self._status = _CLIENT_GONE
        self._forget: Callable[[], None] | None = None
        self._body_open = self._is_over = False

    def begin(self, body: bytes | None) -> None:
        """Send the head, and the whole body where it is here; None: it follows. Raises UpstreamBroken, nothing sent."""
        session, connection = self._passing.session, self._connection
        self._body_open = body is None
        self._sent_at = time.monotonic()
        head = self._plan.sent(None if session is None else session.principal)
        connection.begin(head, self, body or b"", sent=body is not None)
        self._gateway = self._client.server.current.enter()
        if self._client.is_writing_paused:
            connection.pause()

    # the client's side

    def body(self, pieces: list[bytes], *, ended: bool, chunked: bool) -> None:
        """Pieces of the request's body; `ended`: the last ones."""
        if chunked:
            pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
            if ended:
                pieces.append(b"0\r\n\r\n")
        try:
            if ended:
                self._body_open = False
                self._connection.finish(tuple(pieces))
            elif pieces:
                waiting = self._connection.put(tuple(pieces))
                if waiting is not None:
                    self._client.pause(Pause.UPSTREAM)
                    waiting.add_done_callback(self._taken)
        except UpstreamBroken:
            return  # `broken` says so, or has said so

    def _taken(self, _: asyncio.Future[None]) -> None:
        self._connection.taken()
        self._client.go_on(Pause.UPSTREAM)

    def refuse(self, refused: RequestRefused) -> None:
        """The request's body broke its framing or does not come."""
        self._connection.abort()
        if self._is_answered:
            self._cut(str(refused))
        else:
            self._give_to_full_lane(refused)

    def pause_writing(self) -> None:
        """The client does not take what was written."""
        self._connection.pause()

    def resume_writing(self) -> None:
        """It does again."""
        self._connection.resume()

    def lost(self) -> None:
        """The client has gone."""
        self._connection.abort()
        self._status = _CLIENT_GONE
        self._close()

    # the upstream's side: see `Receiver`

    def interim(self, status: int, headers: Headers) -> None:
        """Nothing: the client asked for none."""

    def start(self, head: AnswerHead) -> None:
        """The final head."""
        framing, is_stream = self._framing_of(head)
        if is_stream and not self._connection.streaming():
            self._framing = None
            self._connection.abort()
            self._give_to_full_lane(UpstreamBusy("too many event streams are open"))
            return
        if is_stream:
            plan = self._plan
            self._forget = self._client.server.streams.add(
                self._passing.session, plan.way.organization, plan.credentials, self._on_cut, plan.facts.client_address
            )
        if framing.states_length:
            self._unsent = framing.head
        else:
            self._client.write(framing.head)

    def _framing_of(self, head: AnswerHead) -> tuple[AnswerFraming, bool]:
        self._status = head.status
        plan = self._plan
        plan.way.pool.went(self._connection, None)
        keep_alive = plan.head.keep_alive and not self._client.draining and not self._body_open
        framed = plan.framed
        if framed is None or framed[0] is not head or framed[1] is not keep_alive:
            framed = plan.framed = head, keep_alive, *plan.way.framings.of(head, http_11=True, keep_alive=keep_alive)
        self._framing = framed[2]
        return framed[2], framed[3]

    def answered(self, head: AnswerHead, body: bytes) -> None:
        """The answer came whole."""
        framing, _ = self._framing_of(head)
        self._client.write(framing.head + body)
        ended = self._close()
        self._client.finished(keep_alive=framing.keep_alive, at=ended)

    def data(self, piece: bytes) -> None:
        """A piece of the body."""
        framing = self._framing
        if framing is None:
            raise UpstreamBroken("a body before its head")
        if self._unsent:
            self._client.write(self._unsent + piece)
            self._unsent = b""
        else:
            self._client.write(framing.piece(piece))

    def end(self, trailers: Headers) -> None:  # noqa: ARG002 - the client asked for none
        """The answer is whole."""
        framing = self._framing
        if framing is None:
            raise UpstreamBroken("an end before its head")
        rest = self._unsent + framing.last
        if rest:
            self._client.write(rest)
        ended = self._close()
        self._client.finished(keep_alive=framing.keep_alive, at=ended)

    def switched(self, head: AnswerHead, tunnel: UpstreamStream) -> None:  # noqa: ARG002 - there is no such answer
        """Nobody asked for it."""
        tunnel.abort()
        self.broken(UpstreamBroken("a 101 that nobody asked for"))

    def broken(self, error: UpstreamError) -> None:
        """The answer will not become whole."""
        if self._is_answered:
            self._cut(str(error))
        elif self._plan.is_retryable and isinstance(error, UpstreamBroken) and not self._connection.heard:
            # An idle connection that was closed as it was taken: what may be sent twice is begun anew.
            self._client.full_lane(self._plan.raw)
            self._leave()
        else:
            if self._framing is None:
                self._plan.way.pool.went(self._connection, error)
            self._give_to_full_lane(error)

    # inside

    @property
    def _is_answered(self) -> bool:
        return self._framing is not None and not self._unsent

    def _cut(self, why: str) -> None:
        # The client must not take what it has for the whole.
        log.warning("answer_cut", organization=self._plan.way.organization.name, error=why)
        self._close()
        self._client.cut()

    def _on_cut(self, _why: Cut) -> None:
        self._connection.abort()
        self._close()
        self._client.cut()

    def _give_to_full_lane(self, error: UpstreamError | RequestRefused) -> None:
        plan, upstream_seconds = self._plan, time.monotonic() - self._sent_at
        decision = self._passing.decision
        foregone = Foregone(plan.facts, plan.way.organization, decision, error, self._started, upstream_seconds)
        self._client.fail(plan.raw, foregone)
        self._leave()

    def _leave(self) -> None:
        self._is_over = True
        if self._forget is not None:
            self._forget()
        self._client.server.current.leave(self._gateway)

    def _close(self) -> float:
        """Over, whichever way comes first: one line in the log. When (`time.monotonic`)."""
        ended = time.monotonic()
        if self._is_over:
            return ended
        self._leave()
        facts, way = self._plan.facts, self._plan.way
        seconds, upstream_seconds = ended - self._started, ended - self._sent_at
        way.counted.add(self._status, seconds, upstream_seconds)
        self._client.server.requests.add(
            (
                ended,
                self._passing.decision.reason,
                way.organization.name,
                facts.kind,
                facts.method,
                facts.path,
                self._status,
                seconds,
                upstream_seconds,
            )
        )
        return ended
