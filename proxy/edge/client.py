"""A client's connection below its requests: what it must do by when, when it is not read, how it ends."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable
from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING, cast

from proxy.gateway import connection
from proxy.gateway.sockets import address_of, hang_up, has_unread, reset
from proxy.model.time import Seconds

if TYPE_CHECKING:
    from proxy.edge.server import EdgeServer


class Awaits(Enum):
    """What a deadline is for: each state of a connection has one.

    state              awaits    ends at the latest by
    idle               REQUEST   keep_alive_seconds: closed
    head               HEAD      head_seconds: 408
    body, gathered     BODY      body_seconds between two pieces: 408
    body, sent on      BODY      the same, and body_rate over body_rate_seconds: 408
    body, paused       BODY      the upstream's idle_timeout, or its queue's
    request is whole   REQUEST   the upstream's first_byte_timeout, idle_timeout or queue; an own endpoint's own
    body broke         REFUSAL   refusal_seconds for the answer: cut
    answer is unread   any       body_seconds: cut
    closing            END       linger_seconds, or body_seconds for what is unread: cut
    tunnel             REQUEST   its session's end; tunnels are counted, and an unread one is cut as an answer is
    """

    REQUEST = auto()
    HEAD = auto()
    BODY = auto()
    REFUSAL = auto()
    END = auto()


class Pause(Enum):
    """Why a client is not read."""

    PIPELINED = auto()
    UPSTREAM = auto()
    FULL_LANE = auto()


class Client(asyncio.Protocol):
    """`deadline` and `write_deadline` (`time.monotonic`) are looked at by the server's sweep, which calls `expire`.

    `ending`: nothing of the client is read as a request any more. `draining`: the next answer is the last.
    """

    def __init__(self, server: "EdgeServer") -> None:
        self.server = server
        self.address = ""
        self.is_tls = False
        self.draining = self.ending = self.is_lost = self.is_writing_paused = False
        self.deadline = self.write_deadline = inf
        self.transport: asyncio.Transport
        self.write: Callable[[bytes], None] = nowhere
        self.awaits = Awaits.REQUEST
        self._quiet_since = 0.0
        self._pauses: set[Pause] = set()

    # what is decided above

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether no request is under way, nor the head of one."""

    @abstractmethod
    def too_late(self, awaited: Awaits) -> None:
        """A head or a piece of a body did not come in time, or nobody said that a body broke."""

    @abstractmethod
    def wait_for_body(self) -> None:
        """The client is read for its body again."""

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is connected, over TLS after its handshake."""
        self.transport = cast("asyncio.Transport", transport)
        self.write = self.transport.write
        self.address = address_of(transport.get_extra_info("peername"))
        self.is_tls = transport.get_extra_info("ssl_object") is not None
        self.wait_for(Awaits.REQUEST, self.server.bounds.keep_alive_seconds)
        if not self.server.arrived(self):
            self.ending = True
            self.transport.abort()

    def eof_received(self) -> None:
        """The client ends its side: nobody is there to answer."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whyever
        """The client has gone."""
        self.ending = self.is_lost = True
        self.deadline = self.write_deadline = inf
        self.write = nowhere
        self.server.left(self)

    def pause_writing(self) -> None:
        """The client does not take what was written."""
        self.is_writing_paused = True
        self.write_deadline = time.monotonic() + self.server.bounds.body_seconds

    def resume_writing(self) -> None:
        """It does again."""
        self.is_writing_paused = False
        self.write_deadline = inf

    # time

    def wait_for(self, what: Awaits, seconds: Seconds) -> None:
        """The client's turn: it has so long."""
        self.awaits = what
        self.deadline = time.monotonic() + seconds

    def expire(self, now: float) -> None:
        """A deadline has passed, or the connection drains."""
        if self.write_deadline <= now or (self.awaits is Awaits.END and self.deadline <= now):
            self.cut()
        elif self.deadline > now:
            if self.draining and not self.ending:
                self._close_if_quiet()
        elif self.awaits is Awaits.REQUEST:
            self._hang_up()
        else:
            self.too_late(self.awaits)

    def drain(self) -> None:
        """Take no request without saying that it is the last, and end once none comes."""
        if not self.draining:
            self.draining = True
            self._quiet_since = time.monotonic()

    def _close_if_quiet(self) -> None:
        quiet = self.is_idle and time.monotonic() >= self._quiet_since + connection.LAST_REQUEST_SECONDS
        if quiet and not has_unread(self.transport):
            self._hang_up()

    # back-pressure

    def pause(self, why: Pause) -> None:
        """Read the client no further."""
        if not self._pauses and not self.is_lost:
            self.transport.pause_reading()
        self._pauses.add(why)
        if self.awaits is Awaits.BODY:
            self.deadline = inf

    def go_on(self, why: Pause) -> None:
        """Read it again, unless there is another reason not to."""
        if why not in self._pauses:
            return
        self._pauses.discard(why)
        if not self._pauses and not self.is_lost:
            self.transport.resume_reading()
            if self.awaits is Awaits.BODY:
                self.wait_for_body()

    @property
    def is_paused(self) -> bool:
        """Whether it is not read."""
        return bool(self._pauses)

    # ends

    def end(self, *, unread: bool) -> None:
        """End the connection behind what was written. `unread`: the client may be sending yet.

        A close with bytes unread is a reset, which may take the answer with it: so the client hears the end, may finish
        what it is sending for a while, and nothing of it is looked at (RFC 9112, section 9.6).
        """
        if self.is_lost or self.awaits is Awaits.END:
            return
        self.ending = True
        bounds = self.server.bounds
        if unread and self.transport.can_write_eof():
            self.transport.write_eof()
            for why in tuple(self._pauses):
                self.go_on(why)
            self.wait_for(Awaits.END, bounds.linger_seconds)
        else:
            self.transport.close()
            self.wait_for(Awaits.END, bounds.body_seconds)

    def cut(self) -> None:
        """Cut it, so that what the client has of an answer does not look whole."""
        self.ending = True
        if not self.is_lost:
            self.awaits, self.deadline, self.write_deadline = Awaits.END, inf, inf
            reset(self.transport)

    def abort(self) -> None:
        """As `cut`, for a stop."""
        self.cut()

    def _hang_up(self) -> None:
        hang_up(self.transport)
        self.end(unread=False)


def nowhere(_: bytes) -> None:
    """Where bytes for a client go who has gone."""
