"""A request whose head is whole, while its body is gathered: small bodies go on when all of them is here.

So whoever sends slowly holds a little memory of ours, and nothing of an application's. No I/O.
"""

from dataclasses import dataclass, field
from math import inf

from proxy.edge.head import Head
from proxy.edge.rules import Rules, Shape
from proxy.model.time import Seconds

GATHERED_BYTES = 64 * 1024  # a body up to this size is gathered; of a larger one as much, before it goes on


@dataclass(slots=True)
class Asked:
    """A request on its way into a lane.

    Attributes:
        rules: under which its head was read.
        raw: its head as the full lane gets it, blank line included.
        path: the path of its target, for the log.
        shape: what the fast lane makes plans of; None where only the full lane can take it.
        started: when its head was whole (`time.monotonic`).
        body: what has come of its body.
    """

    rules: Rules
    raw: bytes
    method: str
    target: bytes
    head: Head
    shape: Shape | None
    started: float
    path: str = ""
    body: bytearray = field(default_factory=bytearray)

    @property
    def is_small(self) -> bool:
        """Whether its body has a stated length and can be gathered whole."""
        return self.head.length is not None and self.head.length <= GATHERED_BYTES

    @property
    def is_full(self) -> bool:
        """Whether no more is gathered."""
        return len(self.body) >= GATHERED_BYTES

    @property
    def expects(self) -> bool:
        """Whether the client waits for a 100 before it sends the body."""
        expect = self.head.fields.get("expect", "")
        return expect.lower() == "100-continue" and self.raw.partition(b"\r\n")[0].endswith(b"HTTP/1.1")


class Pace:
    """The least rate of a body that is not gathered: `size` bytes within each `seconds` that the client is read.

    Times are the caller's.
    """

    __slots__ = ("_left", "_seconds", "_size", "until")

    def __init__(self, rate: float, seconds: Seconds) -> None:
        self._size = rate * seconds
        self._seconds = seconds
        self._left = self._size
        self.until = inf

    def restart(self, now: float) -> None:
        """Begin anew: for a time the client was not read."""
        self._left = self._size
        self.until = now + self._seconds

    def came(self, size: int, now: float) -> None:
        """Count bytes that came; `until` is the instant by which as many as are due must be here."""
        self._left -= size
        if self._left <= 0:
            self.restart(now)
