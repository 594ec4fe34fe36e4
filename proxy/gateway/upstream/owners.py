"""Whose requests go upstream, and whose upstream connections are that NTLM or Negotiate authenticated.

Such a connection is authenticated as a whole (RFC 4559, sections 5 and 6). So it belongs to one session on one client
connection, and closes when another session is seen there, when the session ends, or when the client goes away. No I/O.
"""

from collections.abc import Callable, Iterator

from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.slots import Holder

Watch = Callable[[Callable[[], None]], Callable[[], None]]
"""Calls back once when a session has ended; returns what stops the watching."""


class Owner:
    """One session, or nobody, on one client connection: a holder of shares, and the owner of connections.

    Attributes:
        session: a name of the session that no other session has; None for requests without one.
        address: the client address for shares; None where it is a trusted proxy's, which speaks for many.
        client_address: the client address, whosever it is.
        is_over: set by `release`; nothing is bound to it any more.
    """

    __slots__ = ("_homes", "_unwatch", "_watch", "address", "client_address", "is_over", "session")

    def __init__(self, session: str | None, address: str | None, client_address: str = "") -> None:
        self.session = session
        self.address = address
        self.client_address = client_address
        self.is_over = False
        self._watch: Watch | None = None
        self._unwatch: Callable[[], None] | None = None
        self._homes: set[Owners] = set()

    def watch(self, watch: Watch) -> None:
        """Learn of the session's end by `watch`, which is called once a connection is bound: few ever are."""
        self._watch = watch

    def bound(self, home: "Owners") -> None:
        """Note that a connection of a pool belongs to it now: from here on the session's end matters."""
        self._homes.add(home)
        if self._watch is not None:
            watch, self._watch = self._watch, None
            self._unwatch = watch(self._session_ended)

    def release(self) -> None:
        """Close what belongs to it: the client went away, or showed another session. Idempotent."""
        self._end(cut=True)

    def _session_ended(self) -> None:
        """Answers in flight were asked for by a session that held: they finish, and then their connections close."""
        self._end(cut=False)

    def _end(self, *, cut: bool) -> None:
        self.is_over = True
        homes, self._homes = self._homes, set()
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        for home in homes:
            home.release(self, cut=cut)


class Ownership:
    """The owner of the moment of one client connection: there is only one, since requests follow one another."""

    __slots__ = ("_owner",)

    def __init__(self) -> None:
        self._owner: Owner | None = None

    def find(self, session: str | None, client_address: str) -> Owner | None:
        """Return the owner of the last request if it is this request's, too."""
        owner = self._owner
        if owner is None or owner.session != session or owner.client_address != client_address or owner.is_over:
            return None
        return owner

    def change(self, owner: Owner | None) -> None:
        """Put another owner in the place of the last one, whose connections close. None: the client went away."""
        former, self._owner = self._owner, owner
        if former is not None:
            former.release()


class Owners:
    """Connections of one pool that belong to owners."""

    def __init__(self) -> None:
        self._owned: dict[Owner, list[UpstreamConnection]] = {}
        self._idle: dict[Owner, list[UpstreamConnection]] = {}

    def bind(self, connection: UpstreamConnection) -> None:
        """Make a connection its owner's own. Without an owner that is still there it is nobody's."""
        owner = connection.owner
        if owner is not None and not owner.is_over:
            self._owned.setdefault(owner, []).append(connection)
            owner.bound(self)

    def keep(self, connection: UpstreamConnection) -> bool:
        """Keep a connection that is idle again; False if its owner is no longer there to use it."""
        owner = connection.owner
        if owner is None or connection not in self._owned.get(owner, ()):
            return False
        self._idle.setdefault(owner, []).append(connection)
        return True

    def knows(self, owner: Owner) -> bool:
        """Return True if connections belong to this owner."""
        return owner in self._owned

    def take(self, owner: Owner) -> UpstreamConnection | None:
        """Take the owner's idle connection that was used last; it is busy from here on."""
        idle = self._idle.get(owner) if self._idle else None
        if not idle:
            return None
        connection = idle.pop()
        if not idle:
            del self._idle[owner]
        return connection

    def forget(self, connection: UpstreamConnection) -> None:
        """Forget a connection that has closed."""
        owner = connection.owner
        if owner is not None:
            for among in (self._owned, self._idle):
                if connection in among.get(owner, ()):
                    among[owner].remove(connection)
                    if not among[owner]:
                        del among[owner]

    def release(self, owner: Owner, *, cut: bool) -> None:
        """Close the owner's connections: now, or, unless `cut`, those in use once their answers are out."""
        idle, owned = self._idle.pop(owner, []), self._owned.pop(owner, [])
        for connection in owned if cut else idle:
            connection.shut("its session or its client connection ended")

    def idle_longest(self, beside: Holder | None = None) -> UpstreamConnection | None:
        """Return the connection that has been idle longest; `beside`: among those of the same session or address."""
        return min(self._all_idle(beside), key=lambda connection: connection.deadline, default=None)

    def _all_idle(self, beside: Holder | None) -> Iterator[UpstreamConnection]:
        for owner, idle in self._idle.items():
            if beside is None or _share(owner, beside):
                yield from idle


def _share(one: Holder, other: Holder) -> bool:
    return (one.session is not None and one.session == other.session) or (
        one.address is not None and one.address == other.address
    )
