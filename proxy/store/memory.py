"""The memory twin: what Redis and the scripts do, in one process. One worker alone may use it."""

import asyncio
from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from proxy.store.memory_admin import MemoryAdmin
from proxy.store.memory_forms import MemoryForms
from proxy.store.memory_rules import (
    REFRESH_TOKEN,
    Tag,
    is_newer,
    mark,
    marks_of,
    may_end,
    nearer_end,
    raise_mark,
    recorded,
    was_under_way,
)
from proxy.store.port import (
    AUTHENTICATIONS_KEPT,
    REMEMBERED_SECONDS,
    SIGN_OUTS_KEPT,
    TOMBSTONE_SECONDS,
    UNKNOWN_SIGN_OUT_SECONDS,
    UNKNOWN_SIGN_OUTS_KEPT,
    Creation,
    EndOrder,
    Listener,
    Marks,
    Owed,
    Place,
    Record,
    Renewal,
    SignedIn,
    Stone,
    Touch,
)


class MemoryStore:
    """A SessionStore in this process. `retention`: seconds a session is kept at most, whatever its limits."""

    def __init__(self, *, retention: float) -> None:
        self.retention = retention
        self._tags: dict[str, Tag] = {}
        self._stones: dict[Place, Stone] = {}
        self._once: dict[str, float] = {}
        self._names: dict[str, dict[Place, None]] = {}
        self._sign_outs: dict[str, float] = {}
        self._unknown_sign_outs: dict[str, float] = {}
        self._leases: dict[Place, tuple[str, float]] = {}
        self._listener: Listener | None = None
        self._swept_at = 0.0
        self.admin = MemoryAdmin(self._changed)
        self.forms = MemoryForms()

    def _changed(self) -> None:
        if self._listener:
            self._listener.settings()

    async def start(self, listener: Listener) -> None:
        """Begin to tell `listener`."""
        self._listener = listener

    async def close(self) -> None:
        """Stop telling."""
        self._listener = None

    async def beat(self, name: str) -> None:
        """A heartbeat comes back as soon as the loop turns."""
        if self._listener:
            asyncio.get_running_loop().call_soon(self._listener.beat, name)

    async def prepare(self, creation: Creation) -> SignedIn | Owed:
        """As the port says."""
        verdict = self._judge(creation)
        return verdict[0] if isinstance(verdict, tuple) else verdict

    async def create(
        self, creation: Creation, signed_in: float, sealed: Mapping[str, bytes], names: Sequence[str]
    ) -> SignedIn | Owed:
        """As the port says."""
        verdict = self._judge(creation)
        if isinstance(verdict, Owed):
            return verdict
        answer, first = verdict
        if answer.at != signed_in:
            return answer
        c, mine = creation, self._tags[creation.place.tag]
        if first is not None:
            made = c.now if c.authenticated_at is None else c.authenticated_at
            kept = mine.authentications.setdefault(c.organization, [])
            kept[:] = [entry for entry in kept if entry[0] != made]
            insort(kept, (made, first))
            del kept[:-AUTHENTICATIONS_KEPT]
        for name in names:
            self._names.setdefault(name, {})[c.place] = None
        mine.sessions[c.place.id_hash] = Record(c.organization, signed_in, c.token_end, c.now, c.exempt, dict(sealed))
        replaced = mine.sessions.get(c.replaced)
        if replaced:
            self._bury(Place(c.place.tag, c.replaced), replaced.organization, "replaced", c.now)
        return answer

    async def read(self, place: Place, names: Sequence[str]) -> Record | Stone | None:
        """As the port says."""
        if place in self._stones:
            return self._stones[place]
        mine = self._tags.get(place.tag)
        record = mine.sessions.get(place.id_hash) if mine else None
        wanted = {name: record.sealed[name] for name in names if name in record.sealed} if record else {}
        return replace(record, sealed=wanted) if record else None

    async def read_all(self, places: Sequence[Place], names: Sequence[str]) -> tuple[Record | Stone | None, ...]:
        """As the port says."""
        return tuple([await self.read(place, names) for place in places])

    async def touch(self, touches: Sequence[Touch]) -> None:
        """As the port says."""
        for touch in touches:
            mine = self._tags.get(touch.place.tag)
            known = mine.sessions.get(touch.place.id_hash) if mine else None
            if mine and known and known.seen < touch.seen:
                mine.sessions[touch.place.id_hash] = replace(known, seen=touch.seen)

    async def amend(self, place: Place, name: str, sealed: bytes) -> bool:
        """As the port says."""
        mine = self._tags.get(place.tag)
        known = mine.sessions.get(place.id_hash) if mine else None
        if mine is None or known is None or name in known.sealed:
            return False
        mine.sessions[place.id_hash] = replace(known, sealed={**known.sealed, name: sealed})
        if self._listener:
            self._listener.changed(place)
        return True

    async def end(self, order: EndOrder) -> bool:
        """As the port says."""
        mine = self._tag(order.place.tag, order.ended_at)
        known = mine.sessions.get(order.place.id_hash)
        if known and not may_end(known, order):
            return False
        mark(mine, order, order.organization)
        if not order.place.id_hash or order.place in self._stones:
            return False
        self._bury(order.place, order.organization, order.reason, order.ended_at)
        return True

    async def lease(self, place: Place, owner: str, seconds: float, now: float) -> bool:
        """As the port says."""
        if self._is_held_by_another(place, owner, now):
            return False
        self._leases.pop(place, None)
        if seconds and place.id_hash not in self._tag(place.tag, now).sessions:
            return False
        if seconds:
            self._leases[place] = owner, now + seconds
        return True

    async def renew(self, renewal: Renewal) -> bool:
        """As the port says."""
        place, now = renewal.place, renewal.now
        mine = self._tag(place.tag, now)
        known = mine.sessions.get(place.id_hash)
        if known is None or known.sealed.get(REFRESH_TOKEN) != renewal.made_from:
            return False
        idle = renewal.inactivity is not None and not known.exempt and now >= known.seen + renewal.inactivity
        if idle or now >= known.token_end or self._is_held_by_another(place, renewal.owner, now):
            return False
        token_end = known.token_end if renewal.token_end is None else renewal.token_end
        sealed = {**known.sealed, **renewal.sealed}
        mine.sessions[place.id_hash] = replace(known, token_end=token_end, sealed=sealed)
        self._leases.pop(place, None)
        if self._listener:
            self._listener.changed(place)
        return True

    def _is_held_by_another(self, place: Place, owner: str, now: float) -> bool:
        holder, until = self._leases.get(place, ("", 0.0))
        return until > now and holder != owner

    async def end_principal(self, tag: str, organization: str | None, order: EndOrder) -> tuple[Place, ...]:
        """As the port says."""
        mine = self._tag(tag, order.ended_at)
        mark(mine, order, organization or "*")
        ended = [
            (Place(tag, id_hash), record.organization)
            for id_hash, record in mine.sessions.items()
            if organization in (None, record.organization)
        ]
        for place, where in ended:
            self._bury(place, where, order.reason, order.ended_at)
        return tuple(place for place, _ in ended)

    async def marks(self, tags: Sequence[str], organization: str) -> Marks:
        """As the port says."""
        found = [self._tags[tag] for tag in tags if tag in self._tags]
        return Marks(
            max((at for mine in found for at in marks_of(mine.credentials_after, organization)), default=None),
            max((at for mine in found for at in marks_of(mine.signed_out_after, organization)), default=None),
        )

    async def use_once(self, name: str, seconds: float, now: float) -> bool:
        """As the port says."""
        self._collect(now)
        if self._once.get(name, 0.0) > now:
            return False
        self._once[name] = now + seconds
        return True

    async def find(self, name: str, offset: int = 0, limit: int | None = None) -> tuple[Place, ...]:
        """As the port says."""
        newest = tuple(self._names.get(name, ()))[::-1]
        return newest[offset : None if limit is None else offset + limit]

    async def sign_out_names(self, names: Sequence[str], at: float, *, known: bool = True) -> None:
        """As the port says."""
        kept, most = (self._sign_outs, SIGN_OUTS_KEPT) if known else (self._unknown_sign_outs, UNKNOWN_SIGN_OUTS_KEPT)
        for name in names:
            # Taken out first: a dictionary keeps the order in which its members came.
            kept[name] = max(kept.pop(name, at), at)
        while len(kept) > most:
            del kept[next(iter(kept))]

    async def names_signed_out_after(self, names: Sequence[str]) -> float | None:
        """As the port says."""
        found = (kept.get(name) for kept in (self._sign_outs, self._unknown_sign_outs) for name in names)
        return max((at for at in found if at is not None), default=None)

    async def count(self, organizations: Sequence[str]) -> tuple[int, ...]:
        """As the port says."""
        listed = Counter(record.organization for mine in self._tags.values() for record in mine.sessions.values())
        return tuple(listed[name] for name in organizations)

    async def listing(self, organization: str | None, offset: int, limit: int) -> tuple[Place, ...]:
        """As the port says."""
        found = sorted(
            (
                (record.signed_in_at, Place(tag, id_hash).member)
                for tag, mine in self._tags.items()
                for id_hash, record in mine.sessions.items()
                if organization in (None, record.organization)
            ),
            reverse=True,
        )
        return tuple(Place.of(member) for _, member in found[offset : offset + limit])

    def _judge(self, c: Creation) -> tuple[SignedIn, float | None] | Owed:
        """The verdict of create.lua; with it the signed-in instant to record for this authentication, if any."""
        self._collect(c.now)
        mine = self._tag(c.place.tag, c.now)
        self._sweep(mine, c)
        known, exact = recorded(mine.authentications.get(c.organization, []), c)
        first = known if known is not None else c.earlier if c.earlier is not None else c.now
        if c.session_length is not None and first + c.session_length <= c.now:
            raise_mark(mine.credentials_after, c.organization, first + c.session_length)
        after = max(marks_of(mine.credentials_after, c.organization), default=None)
        if after is not None:
            if not is_newer(c, after, exact):
                return Owed(after)
            if first <= after:
                first, known = c.now, None
        out = max(marks_of(mine.signed_out_after, c.organization), default=None)
        if out is not None and was_under_way(c, out):
            return Owed(out)
        return SignedIn(c.now if c.session_length is None else first), first if known is None else None

    def _sweep(self, mine: Tag, c: Creation) -> None:
        for id_hash, record in list(mine.sessions.items()):
            if record.organization != c.organization:
                continue
            at, reason = nearer_end(record, c)
            if c.now < at:
                continue
            self._bury(Place(c.place.tag, id_hash), record.organization, reason, at)
            if reason != "token_lifetime":
                raise_mark(mine.credentials_after, c.organization, at)

    def _tag(self, tag: str, now: float) -> Tag:
        mine = self._tags.setdefault(tag, Tag())
        mine.used_at = max(mine.used_at, now)
        return mine

    def _bury(self, place: Place, organization: str, reason: str, at: float) -> None:
        self._tag(place.tag, at).sessions.pop(place.id_hash, None)
        self._stones[place] = Stone(organization, reason, at)
        if self._listener:
            self._listener.ended(place, reason)

    def _collect(self, now: float) -> None:
        """Forget what Redis would have let expire, about once an hour. Only an unvisited session grows so old."""
        if now < self._swept_at + 3600:
            return
        self._swept_at = now
        self._stones = {p: s for p, s in self._stones.items() if s.ended_at + TOMBSTONE_SECONDS > now}
        self._once = {name: until for name, until in self._once.items() if until > now}
        self._sign_outs = {name: at for name, at in self._sign_outs.items() if at + TOMBSTONE_SECONDS > now}
        unknown = self._unknown_sign_outs.items()
        self._unknown_sign_outs = {name: at for name, at in unknown if at + UNKNOWN_SIGN_OUT_SECONDS > now}
        self._leases = {place: held for place, held in self._leases.items() if held[1] > now}
        self._tags = {tag: mine for tag, mine in self._tags.items() if mine.used_at + self._kept_for(mine) > now}
        live = {Place(tag, id_hash) for tag, mine in self._tags.items() for id_hash in mine.sessions}
        kept = ((name, {p: None for p in places if p in live}) for name, places in self._names.items())
        self._names = {name: places for name, places in kept if places}

    def _kept_for(self, mine: Tag) -> float:
        return max(
            [REMEMBERED_SECONDS, self.retention, *(r.token_end - r.signed_in_at for r in mine.sessions.values())]
        )
