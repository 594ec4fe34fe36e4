"""Shares of a limit, and the lines in which requests wait for their turn. Pure: no I/O, no clock, no event loop.

A limit holds for everybody together. Beyond it each session and each client address has a share, so that neither one
user nor one machine can take all of it. Requests above their share wait in a line of their own; what becomes free goes
round the lines, so a long line delays nobody but itself.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from proxy.errors import UpstreamBusy, UpstreamError
from proxy.model.time import Seconds

LEAST_SHARE = 8  # a browser opens six connections to a host
_SESSION_PART, _ADDRESS_PART = 4, 2
Grant = TypeVar("Grant")


class Holder(Protocol):
    """Holder of parts of a limit. None: it has no such share, and only the limit itself applies."""

    @property
    def session(self) -> str | None:
        """The session, by a name that no other session has."""

    @property
    def address(self) -> str | None:
        """The client address."""


class Shares:
    """A limit, and how much of it everybody, each session and each client address holds."""

    __slots__ = ("_addresses", "_of_address", "_of_session", "_sessions", "held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._of_session = max(LEAST_SHARE, limit // _SESSION_PART)
        self._of_address = max(LEAST_SHARE, limit // _ADDRESS_PART)
        self._sessions: dict[str, int] = {}
        self._addresses: dict[str, int] = {}

    def allows(self, holder: Holder | None) -> bool:
        """Return True if `take` would succeed."""
        if self.held >= self.limit:
            return False
        return holder is None or (
            (holder.session is None or self._sessions.get(holder.session, 0) < self._of_session)
            and (holder.address is None or self._addresses.get(holder.address, 0) < self._of_address)
        )

    def take(self, holder: Holder | None) -> bool:
        """Count one more for a holder; False, and nothing is counted: the limit or a share is used up."""
        if self.held >= self.limit:
            return False
        if holder is not None:
            session, address = holder.session, holder.address
            of_session = of_address = 0
            if session is not None and (of_session := self._sessions.get(session, 0)) >= self._of_session:
                return False
            if address is not None and (of_address := self._addresses.get(address, 0)) >= self._of_address:
                return False
            if session is not None:
                self._sessions[session] = of_session + 1
            if address is not None:
                self._addresses[address] = of_address + 1
        self.held += 1
        return True

    def leave(self, holder: Holder | None) -> None:
        """Count one less for a holder that has taken."""
        self.held -= 1
        if holder is not None:
            if holder.session is not None:
                _count_down(self._sessions, holder.session)
            if holder.address is not None:
                _count_down(self._addresses, holder.address)


def _count_down(counts: dict[str, int], key: str) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]


@dataclass(slots=True, eq=False)
class Turn(Generic[Grant]):
    """A request that waits.

    Attributes:
        holder: for whom it waits.
        deadline: until when, on the caller's clock.
        ready: called once with a grant or with an error; returns False if nobody waits any more.
        is_counted: whether it takes a place in the queue.
    """

    holder: Holder | None
    deadline: float
    ready: Callable[[Grant | UpstreamError], bool]
    is_counted: bool

    @property
    def line(self) -> tuple[str | None, str | None]:
        """The line in which it waits."""
        return (None, None) if self.holder is None else (self.holder.session, self.holder.address)


class Slots(Generic[Grant]):
    """Connections that may be opened yet, who holds connections, and who waits for one.

    `free` counts slots without a connection. The queue has a limit with shares of its own, so that one client can
    neither fill it.
    """

    def __init__(self, connections: int, queue: int, patience: Seconds) -> None:
        self.free = connections
        self.shares = Shares(connections)
        self._queued = Shares(queue)
        self._patience = patience
        self._lines: dict[tuple[str | None, str | None], deque[Turn[Grant]]] = {}
        self.waiting = 0

    def wait(
        self,
        holder: Holder | None,
        now: float,
        ready: Callable[[Grant | UpstreamError], bool],
        *,
        first: bool = False,
    ) -> Turn[Grant]:
        """Wait for a turn. `first`: it was had, and lost through no fault of the request.

        Raises UpstreamBusy if the queue, or the share of it, is full.
        """
        if not first and not self._queued.take(holder):
            raise UpstreamBusy(f"all connections are in use and {self.waiting} requests wait for one")
        turn: Turn[Grant] = Turn(holder, now + self._patience, ready, not first)
        line = self._lines.setdefault(turn.line, deque())
        if first:
            line.appendleft(turn)
        else:
            line.append(turn)
        self.waiting += 1
        return turn

    def withdraw(self, turn: Turn[Grant]) -> None:
        """Wait no longer. Idempotent."""
        line = self._lines.get(turn.line)
        if line is not None and turn in line:
            line.remove(turn)
            self._left(turn)

    def next(self) -> Turn[Grant] | None:
        """Take the next turn off its line, with its part of the shares taken; None: nobody waits that may have one.

        The line that was served goes behind all others.
        """
        for line in self._lines.values():
            turn = line[0]
            if self.shares.take(turn.holder):
                line.popleft()
                self._left(turn)
                if line:
                    self._lines[turn.line] = self._lines.pop(turn.line)
                return turn
        return None

    @property
    def holders(self) -> list[Holder | None]:
        """For whom requests wait, one of each line."""
        return [line[0].holder for line in self._lines.values()]

    def expire(self, now: float) -> None:
        """Refuse requests that waited too long."""
        self._refuse(UpstreamBusy(f"no connection became free within {self._patience:g} s"), now)

    def refuse(self, error: UpstreamError) -> None:
        """Refuse all requests that wait."""
        self._refuse(error, None)

    def _refuse(self, error: UpstreamError, now: float | None) -> None:
        for turn in [turn for line in self._lines.values() for turn in line if now is None or turn.deadline <= now]:
            self.withdraw(turn)
            turn.ready(error)

    def _left(self, turn: Turn[Grant]) -> None:
        """A turn has left its line."""
        self.waiting -= 1
        if turn.is_counted:
            self._queued.leave(turn.holder)
        if not self._lines[turn.line]:
            del self._lines[turn.line]
