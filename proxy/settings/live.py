"""The values that administrators changed, as all workers and nodes know them, and changing them."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from proxy.errors import SettingsConflict, SettingsReadOnly, StoreUnavailable
from proxy.model.deployment import Deployment
from proxy.model.time import Instant, Seconds
from proxy.settings.change import Proposal, Wish, back_to, propose, refuse_if_overtaken
from proxy.settings.history import Entry, entries_of
from proxy.settings.values import Name, Values, understood
from proxy.store.admin_port import HISTORY_KEPT, AdminStore, Book
from proxy.store.tasks import end_tasks

log = structlog.get_logger("settings")

_TRY_AGAIN: Seconds = 0.25
_ATTEMPTS = 5

READ_ONLY = (
    "settings are those of the configuration file (settings.source: yaml); with settings.source: live they change here"
)


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and why."""

    by: str
    why: str = ""


def _draft(act: str, author: Author) -> Entry:
    """An entry whose time and changes are not known yet."""
    return Entry(act, 0.0, author.by, author.why)


class LiveSettings:
    """Values over the configuration. `is_known` is False until the store has told them for the first time.

    A store that is away leaves them as they were. One that has lost them (restarted empty, put back from a copy) is
    given them again by the first worker that notices: lost settings would be longer sessions than anybody allowed.

    `counts`: whether they are more than looked at here; with `settings.source: yaml` nothing is ever given back.
    """

    def __init__(
        self, store: AdminStore, clock: Callable[[], Instant], counts: Callable[[], bool] = lambda: True
    ) -> None:
        self._store = store
        self._clock = clock
        self._counts = counts
        self._book: Book | None = None
        self._values: Values = {}
        self._listeners: list[Callable[[Values], None]] = []
        self._told = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the store has told them."""
        return self._book is not None

    @property
    def values(self) -> Values:
        """What differs from the configuration, as far as is known."""
        return self._values

    @property
    def revision(self) -> int:
        """Of the values as they are known here."""
        return self._book.revision if self._book else 0

    def listen(self, listener: Callable[[Values], None]) -> Callable[[], None]:
        """Call `listener` with the values after every change of them; the answer stops that."""
        self._listeners.append(listener)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return stop

    async def start(self) -> None:
        """Read them, and follow every change from now on. A store that is away is asked again and again."""
        with contextlib.suppress(StoreUnavailable):
            await self.read()
        self._following = asyncio.get_running_loop().create_task(self._follow())
        if not self.is_known:
            self._told.set()

    async def close(self) -> None:
        """Follow no longer."""
        if self._following:
            await end_tasks([self._following])
            self._following = None

    def changed(self) -> None:
        """They were changed somewhere, or may have been."""
        self._told.set()

    async def _follow(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            try:
                await self.read()
            except StoreUnavailable:
                self._told.set()
                await asyncio.sleep(_TRY_AGAIN)
            except Exception:
                # Whatever it was: a worker that no longer followed would go by settings of the past.
                log.exception("settings_not_read")
                self._told.set()
                await asyncio.sleep(_TRY_AGAIN)

    async def read(self) -> None:
        """Take what the store says now. Raises StoreUnavailable."""
        book = await self._store.book()
        known = self._book
        if known is None or book.revision >= known.revision or not self._counts():
            self._take(book)
        else:
            await self._restore(known, book)

    def _take(self, book: Book) -> None:
        if self._book is not None and book.revision < self._book.revision and self._counts():
            return
        before, self._book, self._values = self._values, book, understood(book.values)
        if self._values != before:
            if self._following is not None and self._counts():
                log.info("settings_in_force", revision=book.revision, changed=len(self._values))
            for listener in tuple(self._listeners):
                listener(self._values)

    async def _restore(self, known: Book, found: Book) -> None:
        log.error("settings_lost_by_the_store", known=known.revision, found=found.revision)
        revision = known.revision + 1
        values: dict[str, str | None] = dict.fromkeys(found.values)
        entry = Entry("restored", self._clock(), "claims-proxy", "the store had lost them", revision)
        if await self._store.write(found.revision, revision, values | dict(known.values), entry.text):
            self._take(Book(revision, known.values))
        else:
            self._told.set()

    async def change(
        self, deployment: Deployment, wishes: Sequence[Wish], author: Author, *, seen: int | None = None
    ) -> tuple[Entry | None, Proposal]:
        """Make a change; its entry, None where nothing would be different, and what it came to.

        `seen`: the revision that its author looked at. Raises SettingsReadOnly, SettingUnknown, SettingsInvalid,
        SettingsConflict, StoreUnavailable; nothing has changed then.
        """
        return await self._change(deployment, lambda _: wishes, _draft("changed", author), seen)

    async def go_back(
        self, deployment: Deployment, revision: int, author: Author, *, seen: int | None = None
    ) -> tuple[Entry | None, Proposal]:
        """Make the values of an earlier revision those in force, as a change of its own. Raises as `change`."""
        author = replace(author, why=author.why or f"back to revision {revision}")
        return await self._change(deployment, await self._back_to(revision), _draft("rolled_back", author), seen)

    async def _back_to(self, revision: int) -> Callable[[Values], Sequence[Wish]]:
        entries = entries_of(await self._store.history(0, HISTORY_KEPT))
        return lambda values: back_to(revision, entries, values)

    async def rehearse(
        self, deployment: Deployment, wanted: Sequence[Wish] | int, *, seen: int | None = None
    ) -> Proposal:
        """Return what `change` (of these wishes) or `go_back` (to this revision) would result in, without doing it.

        Raises as they do.
        """
        wishes_of = await self._back_to(wanted) if isinstance(wanted, int) else lambda _: wanted
        return (await self._proposed(deployment, wishes_of, seen))[1]

    async def preview(self, deployment: Deployment, wishes: Sequence[Wish]) -> Proposal:
        """What a change would come to. Raises as `change`, but for the conflict."""
        return propose(deployment, understood((await self._store.book()).values), wishes)

    async def _change(
        self,
        deployment: Deployment,
        wishes_of: Callable[[Values], Sequence[Wish]],
        draft: Entry,
        seen: int | None,
    ) -> tuple[Entry | None, Proposal]:
        for _ in range(_ATTEMPTS):
            book, proposal = await self._proposed(deployment, wishes_of, seen)
            if not proposal.items:
                return None, proposal
            entry = replace(draft, at=self._clock(), revision=book.revision + 1, items=proposal.items)
            if await self._write(book, entry):
                return entry, proposal
        raise SettingsConflict("others change settings at this very moment, again and again; try once more")

    async def _proposed(
        self, deployment: Deployment, wishes_of: Callable[[Values], Sequence[Wish]], seen: int | None
    ) -> tuple[Book, Proposal]:
        if not deployment.settings_live:
            raise SettingsReadOnly(READ_ONLY)
        book = await self._store.book()
        values = understood(book.values)
        wishes = wishes_of(values)
        if seen is not None and seen != book.revision:
            refuse_if_overtaken(await self._since(seen), wishes, deployment)
        return book, propose(deployment, values, wishes)

    async def _write(self, book: Book, entry: Entry) -> bool:
        values = {i.name.text: None if i.after is None else json.dumps(i.after) for i in entry.items}
        revision = book.revision + 1
        if not await self._store.write(book.revision, revision, values, entry.text):
            return False
        merged = {**book.values, **values}
        self._take(replace(book, revision=revision, values={n: v for n, v in merged.items() if v is not None}))
        return True

    async def _since(self, revision: int) -> tuple[Entry, ...]:
        entries = entries_of(await self._store.history(0, HISTORY_KEPT))
        return tuple(entry for entry in entries if entry.revision is not None and entry.revision > revision)

    async def history(self, offset: int = 0, limit: int = 50) -> tuple[Entry, ...]:
        """The newest first. Raises StoreUnavailable."""
        return entries_of(await self._store.history(offset, limit))

    async def record(self, act: str, author: Author, subject: str, ended: int) -> None:
        """Put an act into the history that changes no setting. Raises StoreUnavailable."""
        entry = Entry(act, self._clock(), author.by, author.why, subject=subject, ended=ended)
        await self._store.record(entry.text)

    async def origins(self) -> dict[Name, Entry]:
        """Who made each value what it is, as far back as the history reaches. Raises StoreUnavailable."""
        found: dict[Name, Entry] = {}
        for entry in entries_of(await self._store.history(0, HISTORY_KEPT)):
            for item in entry.items:
                found.setdefault(item.name, entry)
        return found
