"""The worker's own copies of sessions, and whether they may be trusted.

A copy is good while messages of ended sessions are known to arrive: a heartbeat runs through the same subscription.
When two were missed, or the subscription broke, the cache is unclean: answers then come from the store, and the copies
serve only for the outage grace. When it is clean again everything is dropped: a message may have been missed meanwhile.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256

from proxy.model.session import Session
from proxy.model.time import Instant, Seconds
from proxy.store.port import Place

_MISSED_AT_MOST = 2


def digest(cookie: str, organization: str) -> bytes:
    """What a copy is kept under: nothing in memory opens a session but the cookie itself."""
    return sha256(f"{cookie}\0{organization}".encode()).digest()


@dataclass(slots=True)
class Flight:
    """A load under way. `voided`: the session was ended, or messages were missed, since it began."""

    id_hash: str
    voided: bool = False


class SessionCache:
    """At most `size` sessions, the least recently used dropped first. `hits`, `misses`: how often a copy answered."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._copies: OrderedDict[bytes, Session] = OrderedDict()
        self._by_id: dict[str, bytes] = {}
        self._flights: dict[int, Flight] = {}
        self._clean = False
        self._clean_at: Instant | None = None
        self.hits = 0
        self.misses = 0
        self._beats_sent = 0
        self._beat_heard = 0
        self._beat_sent_at: Instant = 0.0

    def __len__(self) -> int:
        return len(self._copies)

    def resize(self, size: int) -> None:
        """Keep that many from now on."""
        self._size = size
        self._shrink()

    def clear(self) -> None:
        """Drop every copy, and let no load under way bring one."""
        self._copies.clear()
        self._by_id.clear()
        for flight in self._flights.values():
            flight.voided = True

    @property
    def is_clean(self) -> bool:
        """Whether the copies may answer by themselves."""
        return self._clean

    @property
    def awaits_beat(self) -> bool:
        """Whether the newest beat has not come back yet."""
        return self._beats_sent != self._beat_heard

    def has(self, id_hash: str) -> bool:
        """Whether there is a copy, be it clean or not."""
        return id_hash in self._by_id

    def hit(self, key: bytes) -> Session | None:
        """The copy, where copies may answer."""
        copy = self._copies.get(key) if self._clean else None
        if copy is not None:
            self.hits += 1
            self._copies.move_to_end(key)
        return copy

    def is_in_grace(self, now: Instant, grace: Seconds) -> bool:
        """Whether the copies serve while the store cannot be asked: `grace` seconds since last known clean."""
        return self._clean_at is not None and now < self._clean_at + grace

    def in_grace(self, key: bytes, now: Instant, grace: Seconds) -> Session | None:
        """The copy while the store cannot be asked, as long as copies serve."""
        return self._copies.get(key) if self.is_in_grace(now, grace) else None

    def put(self, key: bytes, session: Session, id_hash: str) -> None:
        """Keep a copy."""
        self._copies[key] = session
        self._copies.move_to_end(key)
        self._by_id[id_hash] = key
        self._shrink()

    def _shrink(self) -> None:
        while len(self._copies) > self._size:
            _, dropped = self._copies.popitem(last=False)
            if dropped.reference:
                self._by_id.pop(dropped.reference.id_hash, None)

    def active(self, id_hash: str, now: Instant) -> None:
        """The copy's last activity moves at once, so that this worker judges by it before the store knows."""
        key = self._by_id.get(id_hash)
        copy = self._copies.get(key) if key else None
        if key and copy and copy.last_activity < now:
            self._copies[key] = replace(copy, last_activity=now)

    def drop(self, id_hash: str) -> None:
        """A session ended or changed: no copy, and no load under way may bring the one of before."""
        key = self._by_id.pop(id_hash, None)
        if key:
            self._copies.pop(key, None)
        for flight in self._flights.values():
            if flight.id_hash == id_hash:
                flight.voided = True

    @contextmanager
    def flight(self, place: Place) -> Iterator[Flight]:
        """A load under way, which hears of the session's end."""
        flight = Flight(place.id_hash)
        self._flights[id(flight)] = flight
        try:
            yield flight
        finally:
            del self._flights[id(flight)]

    def next_beat(self, now: Instant) -> str:
        """A second has passed: judge the beats so far; the name of the next one to send."""
        if self._beats_sent - self._beat_heard >= _MISSED_AT_MOST:
            self._clean = False
        self._beats_sent += 1
        self._beat_sent_at = now
        return str(self._beats_sent)

    def beat(self, name: str) -> bool:
        """A heartbeat came back; True where that makes the cache clean again."""
        if name != str(self._beats_sent):
            return False
        self._beat_heard, self._clean_at = self._beats_sent, self._beat_sent_at
        if self._clean:
            return False
        self.clear()
        self._clean = True
        return True

    def lost(self) -> None:
        """Messages may have been missed."""
        self._clean = False
