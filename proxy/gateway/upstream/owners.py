"""Connections that NTLM or Negotiate made one client's own (RFC 4559, 5 and 6: the connection is authenticated)."""

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from proxy.gateway.upstream.connection import UpstreamConnection


@dataclass(slots=True)
class _Owned:
    owner: weakref.ref[object]
    connections: list[UpstreamConnection] = field(default_factory=list)
    idle: list[UpstreamConnection] = field(default_factory=list)


class Owners:
    """Who owns which connection. Owners are known by identity and held weakly.

    An id is used again once its object is gone, so no lookup trusts the id without the reference beside it.
    `owner_gone` may be called from any thread: the garbage collector runs where it likes.
    """

    def __init__(self, owner_gone: Callable[[weakref.ref[object]], None]) -> None:
        self._owned: dict[int, _Owned] = {}
        self._owner_gone = owner_gone

    def bind(self, connection: UpstreamConnection) -> None:
        """It carries its owner's request and has just seen NTLM or Negotiate. Without a living owner it is nobody's."""
        owner = connection.owner() if connection.owner is not None else None
        if owner is None:
            return
        held = self._find(owner)
        if held is None:
            for left in self._owned.pop(id(owner)).connections if id(owner) in self._owned else ():
                left.abort()  # of one whose id was used again before its end was told
            held = self._owned[id(owner)] = _Owned(weakref.ref(owner, self._owner_gone))
        held.connections.append(connection)

    def keep(self, connection: UpstreamConnection) -> bool:
        """It is idle again; whether its owner is still there to use it."""
        held = self._of(connection)
        if held is None or connection not in held.connections:
            return False
        held.idle.append(connection)
        return True

    def knows(self, owner: object) -> bool:
        """Whether connections are this owner's."""
        return bool(self._owned) and self._find(owner) is not None

    def take(self, owner: object) -> UpstreamConnection | None:
        """The owner's own idle connection, the last used first; it is busy from here on."""
        held = self._find(owner) if self._owned else None
        return held.idle.pop() if held is not None and held.idle else None

    def forget(self, connection: UpstreamConnection) -> None:
        """It is closed."""
        held = self._of(connection)
        if held is None:
            return
        for among in (held.connections, held.idle):
            if connection in among:
                among.remove(connection)
        if not held.connections:
            self._remove(held.owner)

    def release(self, owner: object) -> list[UpstreamConnection]:
        """The owner went away: its connections, to be closed."""
        return self._owned.pop(id(owner)).connections if self._find(owner) is not None else []

    def collected(self, reference: weakref.ref[object]) -> list[UpstreamConnection]:
        """The owner's object is gone: its connections, to be closed."""
        return self._remove(reference)

    def idle_longest(self) -> UpstreamConnection | None:
        """The owned connection that has been idle longest; what may be given up when nothing else is left."""
        return min(self._idle(), key=lambda connection: connection.deadline, default=None)

    def _idle(self) -> Iterator[UpstreamConnection]:
        return (connection for held in self._owned.values() for connection in held.idle)

    def _find(self, owner: object) -> _Owned | None:
        held = self._owned.get(id(owner))
        return held if held is not None and held.owner() is owner else None

    def _of(self, connection: UpstreamConnection) -> _Owned | None:
        owner = connection.owner() if connection.owner is not None else None
        return self._find(owner) if owner is not None else None

    def _remove(self, reference: weakref.ref[object]) -> list[UpstreamConnection]:
        key = next((key for key, held in self._owned.items() if held.owner is reference), None)
        return self._owned.pop(key).connections if key is not None else []
