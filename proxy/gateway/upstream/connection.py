"""One connection to an upstream: one exchange at a time, told as it happens to a `Receiver`. No task, no future."""

import asyncio
import select
from math import inf
from typing import TYPE_CHECKING, cast

from proxy.errors import UpstreamBroken, UpstreamError, UpstreamTimeout
from proxy.gateway.upstream.address import tls_fault
from proxy.gateway.upstream.answer import AnswerHead, AnswerReader, Headers
from proxy.gateway.upstream.receiver import Home, Receiver
from proxy.gateway.upstream.request import RequestHead
from proxy.gateway.upstream.tunnel import UpstreamStream
from proxy.model.deployment import UpstreamTuning

if TYPE_CHECKING:
    from proxy.gateway.upstream.owners import Owner

WRITE_HIGH = 64 * 1024  # bytes that may wait to be written before the body's source is asked to wait


class UpstreamConnection(asyncio.Protocol):
    """One connection. `deadline` (loop time) is looked at by the pool's sweep; `heard`: a byte of this answer came.

    `owner`: whose request it carries; `authenticated`: it belongs to that owner. `born`: loop time.
    """

    __slots__ = (
        "__weakref__",
        "_body_open",
        "_clean_end",
        "_drained",
        "_home",
        "_loop",
        "_paused",
        "_reader",
        "_receiver",
        "_sent",
        "_transport",
        "_tuning",
        "_tunnel",
        "authenticated",
        "born",
        "closed",
        "deadline",
        "heard",
        "owner",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, tuning: UpstreamTuning, home: Home) -> None:
        self._loop = loop
        self._tuning = tuning
        self._home = home
        self._reader = AnswerReader(self)
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._tunnel: UpstreamStream | None = None
        self._drained: asyncio.Future[None] | None = None
        self._paused = self._clean_end = self._body_open = False
        self._sent = True
        self.born = loop.time()
        self.deadline = inf
        self.owner: Owner | None = None
        self.authenticated = self.closed = self.heard = False

    @property
    def home(self) -> Home:
        """Its pool."""
        return self._home

    # an exchange

    def begin(self, head: RequestHead, receiver: Receiver, body: bytes = b"", *, sent: bool = True) -> None:
        """Writes the head, with a short body if there is one; `sent=False`: a body follows by `write` and `finish`.

        The caller has it from the pool and nobody else uses it. Raises UpstreamBroken where it closed meanwhile
        (nothing was sent then).
        """
        transport = self._transport
        if transport is None or self.closed or self._receiver is not None:
            raise UpstreamBroken("the connection closed before anything was sent")
        self._receiver = receiver
        self.heard = False
        self._reader.begin(receiver.data, is_head=head.is_head, upgrade=head.upgrade)
        if head.authenticates:
            self._bind()
        self._sent = sent
        self._body_open = not sent
        self.deadline = self._loop.time() + self._tuning.first_byte_timeout if sent else inf
        transport.write(head.data + body if body else head.data)

    def abort(self) -> None:
        """Closes at once; a receiver hears nothing more. Idempotent."""
        self._receiver = None
        self._reader.stop()
        if self._transport is not None:
            self._transport.abort()
        self._gone()

    def streaming(self) -> bool:
        """Leaves its slot, since the answer is an event stream; False: as many streams are open as there may be."""
        return self._receiver is None or self.closed or self._home.streaming(self)

    def give_back(self) -> None:
        """Lent and not begun: back to the pool."""
        if not self.closed and self._receiver is None:
            self._home.freed(self)

    def shut(self, why: str) -> None:
        """Closes at once; a receiver hears that the answer broke, a tunnel ends."""
        self._fail(UpstreamBroken(why))

    def is_stale(self) -> bool:
        """Whether an idle connection has something to read: its end, or bytes that nobody asked for. One system call.

        For requests that may not be sent twice: the loop may not have read a FIN that the kernel already has.
        """
        if self._transport is None or self._transport.is_closing():
            return True
        descriptor = self._transport.get_extra_info("socket").fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def check(self, now: float) -> None:
        """The sweep: past its deadline an exchange breaks with UpstreamTimeout, an idle connection closes."""
        if now < self.deadline:
            return
        if self._receiver is None:
            self.abort()
        elif self.heard:
            self._fail(UpstreamTimeout(f"no further byte within {self._tuning.idle_timeout:g} s"))
        elif not self._body_open:
            self._fail(UpstreamTimeout(f"no byte of an answer within {self._tuning.first_byte_timeout:g} s"))
        else:
            self._fail(UpstreamTimeout(f"the request's body was not taken for {self._tuning.idle_timeout:g} s"))

    # back-pressure

    def pause(self) -> None:
        """Holds the answer's body back; no deadline runs while it is held. Nothing once the exchange is over."""
        if self._receiver is not None and not self._paused and self._transport is not None and not self.closed:
            self._paused = True
            self._transport.pause_reading()
            self.deadline = inf

    def resume(self) -> None:
        """Lets the answer's body come again."""
        if self._paused and self._transport is not None and not self.closed:
            self._paused = False
            self._transport.resume_reading()
            self.deadline = inf if self._body_open else self._loop.time() + self._tuning.idle_timeout

    async def write(self, pieces: tuple[bytes, ...]) -> None:
        """Writes pieces of the request's body and waits while the upstream does not take them.

        Raises UpstreamBroken where the connection closed. Between two calls the client is awaited: no deadline runs.
        """
        waiting = self.put(pieces)
        if waiting is not None:
            await waiting
            if self.closed:
                raise UpstreamBroken("the connection closed while the body was sent")
            self.taken()

    def put(self, pieces: tuple[bytes, ...]) -> asyncio.Future[None] | None:
        """As `write`, for callers without a task: what to wait for, and then to call `taken`, before the next piece.

        Raises UpstreamBroken where the connection closed.
        """
        transport = self._transport
        if transport is None or self.closed:
            raise UpstreamBroken("the connection closed while the body was sent")
        transport.writelines(pieces)
        if self._drained is not None:
            self.deadline = self._loop.time() + self._tuning.idle_timeout
        return self._drained

    def taken(self) -> None:
        """The upstream took what was put: the client's turn, during which no deadline runs."""
        if self._body_open and not self.closed:
            self.deadline = inf

    def finish(self, pieces: tuple[bytes, ...] = ()) -> None:
        """Writes the last pieces: the request's body is sent in full and the upstream's turn comes.

        Raises UpstreamBroken where the connection closed.
        """
        if self._transport is None or self.closed:
            raise UpstreamBroken("the connection closed while the body was sent")
        if pieces:
            self._transport.writelines(pieces)
        self._sent = True
        self._body_open = False
        if not self._paused:
            wait = self._tuning.idle_timeout if self.heard else self._tuning.first_byte_timeout
            self.deadline = self._loop.time() + wait

    def withhold(self) -> None:
        """The rest of the request's body will not be sent: the answer goes on, no other follows it here."""
        self._body_open = False
        self.deadline = self._loop.time() + self._tuning.idle_timeout

    # asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket, or TLS over it, is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH)
        if self.closed:
            self._transport.abort()  # given up while it was opened

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer, of a tunnel, or ones that nobody asked for."""
        receiver = self._receiver
        if receiver is None:
            if self._tunnel is not None:
                self._tunnel.received(data)
            else:
                self.abort()  # nobody asked: whatever it is, it must not answer the next request
            return
        self.heard = True
        reader = self._reader
        known = reader.known(data) if self._sent else None
        if known is not None:
            self._release()
            receiver.answered(*known)
            return
        try:
            reader.feed(data)
        except UpstreamBroken as error:
            self._fail(error)
            return
        if reader.done:
            self._finished()
        elif reader.switched:
            self._switched()
        elif not self._body_open and not self._paused:
            self.deadline = self._loop.time() + self._tuning.idle_timeout

    def eof_received(self) -> bool:
        """The upstream ended its side in order; only a tunnel over TCP goes on the other way."""
        self._clean_end = True
        if self._tunnel is not None:
            self._tunnel.ended()
            return self._tunnel.half_closes
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        clean = self._clean_end and exc is None
        if self._tunnel is not None:
            self._tunnel.lost(exc)
        elif self._receiver is not None:
            try:
                self._reader.end_of_input(clean=clean)
            except UpstreamBroken as error:
                # In TLS 1.3 an upstream refuses our certificate only after the handshake.
                fault = tls_fault(exc)
                self._fail(UpstreamBroken(f"{error}: {fault}") if fault else error)
            else:
                self._finished()
        self._gone()
        self._reader.stop()
        self._transport = None
        self._home.lost(self)

    def pause_writing(self) -> None:
        """The upstream does not take what was written."""
        if self._tunnel is not None:
            self._tunnel.pause_writing()
        elif self._drained is None:
            self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """It does again."""
        if self._tunnel is not None:
            self._tunnel.resume_writing()
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # the reader's calls

    def answer_interim(self, status: int, headers: Headers) -> None:
        """See `HeadSink`."""
        if self._receiver is not None:
            self._receiver.interim(status, headers)

    def answer_head(self, head: AnswerHead) -> None:
        """See `HeadSink`."""
        if head.authenticates:
            self._bind()
        if self._receiver is not None:
            self._receiver.start(head)

    # ends

    def _finished(self) -> None:
        """Back to the pool before the receiver hears: its next request, or one that waits, may have it at once."""
        receiver, trailers = self._receiver, self._reader.trailers
        self._release()
        if receiver is not None:
            receiver.end(trailers)

    def _release(self) -> None:
        self._receiver = None
        reader, head = self._reader, self._reader.head
        if self.closed or head is None or not head.keep_alive or reader.surplus or not self._sent:
            self.abort()
        else:
            if self._paused:
                self.resume()
            self._home.freed(self)

    def _switched(self) -> None:
        receiver, self._receiver = self._receiver, None
        reader, head, transport = self._reader, self._reader.head, self._transport
        if receiver is None or head is None or transport is None:
            return
        self.deadline = inf
        self._tunnel = UpstreamStream(transport, reader.rest)
        self._home.tunnelled(self)
        reader.stop()
        receiver.switched(head, self._tunnel)

    def _fail(self, error: UpstreamError) -> None:
        receiver = self._receiver
        self.abort()
        if receiver is not None:
            receiver.broken(error)

    def _bind(self) -> None:
        if not self.authenticated:
            self.authenticated = True
            self._home.bound(self)

    def _gone(self) -> None:
        if not self.closed:
            self.closed = True
            self.deadline = inf
            self.resume_writing()  # whoever waits to write learns of it
            self._home.gone(self)
