"""Who hears of one exchange on a connection, and who of the connection itself."""

from typing import TYPE_CHECKING, Protocol

from proxy.errors import UpstreamError
from proxy.gateway.upstream.answer import AnswerHead, Headers
from proxy.gateway.upstream.tunnel import UpstreamStream

if TYPE_CHECKING:
    from proxy.gateway.upstream.connection import UpstreamConnection


class Receiver(Protocol):
    """Who takes one answer as it comes, called from the event loop.

    Exactly one of `end`, `answered`, `switched` and `broken` comes last. Until then `UpstreamConnection.abort` gives
    the answer up (nothing is called any more), `pause` and `resume` hold its body back.
    """

    def interim(self, status: int, headers: Headers) -> None:
        """A 1xx other than 101."""

    def start(self, head: AnswerHead) -> None:
        """The final head; its body follows."""

    def data(self, piece: bytes) -> None:
        """A piece of the body, never empty."""

    def end(self, trailers: Headers) -> None:
        """The answer is whole; the connection is already somebody else's."""

    def answered(self, head: AnswerHead, body: bytes) -> None:
        """An answer of stated length that came whole, in the place of `start`, `data` and `end`.

        The request was sent in full.
        """

    def switched(self, head: AnswerHead, tunnel: UpstreamStream) -> None:
        """A 101 came; the connection is a raw tunnel now and the receiver's own."""

    def broken(self, error: UpstreamError) -> None:
        """The answer will not become whole; what came of it must not be taken for whole."""


class Home(Protocol):
    """Where a connection belongs: its pool."""

    def freed(self, connection: "UpstreamConnection") -> None:
        """An exchange is over and another may follow."""

    def gone(self, connection: "UpstreamConnection") -> None:
        """No exchange will follow; told once."""

    def lost(self, connection: "UpstreamConnection") -> None:
        """Its socket is closed; told once, after `gone`."""

    def tunnelled(self, connection: "UpstreamConnection") -> None:
        """It is a tunnel from here on and will not come back."""

    def streaming(self, connection: "UpstreamConnection") -> bool:
        """Its answer is an event stream, which is counted apart and is its last; False: there is no room for it."""

    def bound(self, connection: "UpstreamConnection") -> None:
        """NTLM or Negotiate was seen: it belongs to its owner from here on; told once."""
