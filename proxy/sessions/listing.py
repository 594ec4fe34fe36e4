"""Sessions as administrators and providers name them: from indexes that may be behind, so each is looked at."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import structlog

from proxy.errors import SealBroken
from proxy.sealing import Sealer
from proxy.sessions.record import LISTED, Summary, summarize
from proxy.store.port import Place, Record, SessionStore

_log = structlog.get_logger("sessions")

_CURSOR_DIGITS = 12
_AT_ONCE = 500
_LONGEST_TERM = 200


Wanted: TypeAlias = Callable[[Record], bool]


@dataclass(frozen=True, slots=True)
class Page:
    """Some sessions, the newest signed-in first; `cursor` asks for those after them, "" where there are none."""

    sessions: tuple[Summary, ...]
    cursor: str


class Listing:
    """Finds sessions without any cookie: what it shows is sealed under `secret` alone."""

    def __init__(self, store: SessionStore, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    def names(self, provider: str, provider_session: str | None, subject: str | None) -> tuple[str, ...]:
        """The further indexes of a session: HMACs, so that the store learns no `sid` and no `sub`."""
        pairs = (("sid", provider_session), ("sub", subject))
        return tuple(f"{kind}:{self._sealer.tag(_named(provider, text), purpose=kind)}" for kind, text in pairs if text)

    def all_names(self, provider: str, provider_session: str | None, subject: str | None) -> tuple[str, ...]:
        """The same under every secret that there is, the newest first."""
        pairs = (("sid", provider_session), ("sub", subject))
        return tuple(
            f"{kind}:{tag}"
            for kind, text in pairs
            if text
            for tag in self._sealer.tags(_named(provider, text), purpose=kind)
        )

    def names_of_user(self, user: str, name: str) -> tuple[str, ...]:
        """Return the indexes that a search by `Principal.user`, its first part, the name or a word of it looks into."""
        return tuple(f"user:{self._sealer.tag(term, purpose='user')}" for term in sorted(_terms(user, name)))

    async def search(self, text: str, organization: str | None, limit: int, cursor: str) -> Page:
        """Return sessions by UPN or its first part, `sub`, display name or a word of one, in any letter case.

        A search finds people of the same name, too: an act must look at `Summary.is_of`. Only whole words are found,
        as the index has their HMACs. A page may be short where an organization is asked for.
        """
        offset = _offset(cursor)
        places: dict[Place, None] = {}
        for tag in self._sealer.tags(_folded(text), purpose="user"):
            places |= dict.fromkeys(await self._store.find(f"user:{tag}", offset, limit))
        found = await self._summaries(tuple(places))
        kept = tuple(each for each in found if organization in (None, each.organization))
        return Page(kept, str(offset + limit) if len(places) >= limit else "")

    async def at(self, place: Place) -> Summary | None:
        """The session that lies there, None where there is none any more."""
        found = await self._summaries((place,))
        return found[0] if found else None

    async def with_id(self, id_hash: str) -> Summary | None:
        """The session of this id, None where there is none; no other one is read."""
        offset = 0
        while places := await self._store.listing(None, offset, _AT_ONCE):
            for place in places:
                if place.id_hash == id_hash:
                    return await self.at(place)
            offset += len(places)
        return None

    async def how_many_ended(self, places: Collection[Place]) -> int:
        """How many of these lie there no more."""
        count, left = 0, iter(places)
        while several := tuple(islice(left, _AT_ONCE)):
            found = await self._store.read_all(several, (LISTED,))
            count += sum(not isinstance(record, Record) for record in found)
        return count

    async def every(self, organization: str | None, wanted: Wanted | None = None) -> AsyncIterator[Summary]:
        """All sessions, the newest first; of those that are not `wanted` by their plain facts nothing is opened."""
        cursor = "0"
        while cursor:
            page = await self.page(organization, _AT_ONCE, cursor, wanted)
            for summary in page.sessions:
                yield summary
            cursor = page.cursor

    async def page(self, organization: str | None, limit: int, cursor: str, wanted: Wanted | None = None) -> Page:
        """One page, of one organization or of all; without those that are not `wanted`."""
        offset = _offset(cursor)
        places = await self._store.listing(organization, offset, limit)
        return Page(await self._summaries(places, wanted), str(offset + limit) if len(places) == limit else "")

    async def named(self, names: Sequence[str]) -> tuple[Summary, ...]:
        """Sessions that one of these further indexes finds."""
        places: dict[Place, None] = {}
        for name in names:
            places |= dict.fromkeys(await self._store.find(name))
        return await self._summaries(tuple(places))

    async def _summaries(self, places: Sequence[Place], wanted: Wanted | None = None) -> tuple[Summary, ...]:
        found = []
        for place, record in zip(places, await self._store.read_all(places, (LISTED,)), strict=True):
            if not isinstance(record, Record) or (wanted is not None and not wanted(record)):
                continue
            try:
                found.append(summarize(record, place, self._sealer))
            except SealBroken as error:
                _log.warning("session_seal_broken", organization=record.organization, error=str(error))
        return tuple(found)


def _offset(cursor: str) -> int:
    return int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) <= _CURSOR_DIGITS else 0


def _folded(text: str) -> str:
    # A search may find too many: acts compare exactly, by `Summary.is_of`.
    return " ".join(text.casefold().split())[:_LONGEST_TERM]


def _terms(user: str, name: str) -> set[str]:
    whole = {_folded(user), _folded(name)}
    return {term for term in (whole | set(_folded(name).split()) | {_folded(user).partition("@")[0]}) if term}


def _named(provider: str, text: str) -> str:
    """A provider's word: what another provider calls by it is something else."""
    return f"{provider} {text}"
