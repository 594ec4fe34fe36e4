"""Sessions as the stations see them: load, create, end, note activity, watch, list."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256

import structlog

from proxy.errors import SealBroken, StoreUnavailable
from proxy.model.binding import DeviceKey
from proxy.model.deployment import SessionTuning
from proxy.model.session import (
    CannotTell,
    Ended,
    EndReason,
    Live,
    NoSession,
    Session,
    SessionLookup,
    SessionReference,
    Tombstone,
    Vouched,
)
from proxy.model.time import Instant, Seconds
from proxy.sealing import Sealer, to_text
from proxy.sessions import devices
from proxy.sessions import record as records
from proxy.sessions.activity import ActivityWriter
from proxy.sessions.cache import SessionCache, digest
from proxy.sessions.creation import Created, CredentialsOwed, NewSession, creation_of, is_newer, session_of
from proxy.sessions.endings import Endings
from proxy.sessions.heart import Heart
from proxy.sessions.listing import Listing, Page
from proxy.sessions.record import Key, Summary, key_of
from proxy.sessions.refresh import Renewals, Tokens, read_tokens
from proxy.sessions.watch import OnEnd, Watches
from proxy.store.admin_port import AdminStore
from proxy.store.forms_port import FormStore
from proxy.store.port import (
    TOMBSTONE_SECONDS,
    EndOrder,
    Owed,
    Place,
    Record,
    SessionStore,
    Stone,
)

__all__ = ["Created", "CredentialsOwed", "NewSession", "Page", "Sessions", "Summary"]

_log = structlog.get_logger("sessions")

_ID_BYTES = 16
_ATTEMPTS = 5
_FINEST: Seconds = 0.25
"""A burst of requests is one sign of activity: a last activity may be that much too early."""


class Sessions(Endings):
    """The sessions of one worker over the store of all. `retention`: seconds a session is kept at most."""

    def __init__(
        self,
        store: SessionStore,
        sealer: Sealer,
        tuning: SessionTuning,
        clock: Callable[[], Instant],
        *,
        retention: Seconds,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._grace = tuning.outage_grace
        self._clock = clock
        self._retention = retention
        self._cache = SessionCache(tuning.cache)
        self._activity = ActivityWriter(store, tuning.activity_resolution, tuning.cache)
        self._watches = Watches()
        self._listing = Listing(store, sealer)
        self._can_tell: Callable[[], bool] = lambda: True
        self._heart = Heart(store, self._cache, self._activity, self._watches, clock)
        self.renewals = Renewals(store, lambda: self._sealer, self._names, self._heart, clock)

    def adopt(self, sealer: Sealer, tuning: SessionTuning, *, retention: Seconds, drop_copies: bool) -> None:
        """Go on under another configuration; sessions stay, and what is pending is written.

        `drop_copies`: a secret is gone, so the copies of what it sealed must not go on either.
        """
        self._sealer = sealer
        self._listing = Listing(self._store, sealer)
        self._grace = tuning.outage_grace
        self._store.retention = self._retention = retention
        self._activity.tune(tuning.activity_resolution, tuning.cache)
        self._cache.resize(tuning.cache)
        if drop_copies:
            self._cache.clear()

    def follow(self, on_settings: Callable[[], None], are_known: Callable[[], bool]) -> None:
        """Say when settings were changed; while they are not known no session can be told, for its end cannot."""
        self._heart.on_settings = on_settings
        self._can_tell = are_known

    @property
    def admin(self) -> AdminStore:
        """What administrators keep in the same store."""
        return self._store.admin

    @property
    def forms(self) -> FormStore:
        """Posted forms that are kept in the same store."""
        return self._store.forms

    @property
    def directory(self) -> Listing:
        """Sessions as administrators find them."""
        return self._listing

    async def start(self) -> None:
        """Begin to listen and to write activity. A store that is away is no reason not to start."""
        await self._heart.start()

    async def close(self) -> None:
        """Write the activity that is pending and let go of the store."""
        await self._heart.close()

    def cached(self, cookie: str, organization: str) -> Session | None:
        """This worker's own copy, where it may answer by itself. No I/O."""
        return self.copy(self.key(cookie, organization))

    def key(self, cookie: str, organization: str) -> bytes:
        """What `copy` knows a session by: it opens nothing."""
        return digest(cookie, organization)

    def copy(self, key: bytes) -> Session | None:
        """As `cached`, for one who asks again and again."""
        return self._cache.hit(key)

    async def load(self, cookie: str | None, organization: str, *, past_cache: bool = False) -> SessionLookup:
        """Whose cookie it is. `past_cache` asks the store itself. Never raises StoreUnavailable: answers CannotTell."""
        if not cookie:
            return NoSession()
        own = digest(cookie, organization)
        copy = None if past_cache else self._cache.hit(own)
        if copy is not None:
            return Live(copy, from_store=False)
        key = key_of(cookie)
        if key is None:
            return NoSession()
        if not self._can_tell():
            return CannotTell()
        try:
            return await self._ask(key, own, organization)
        except StoreUnavailable:
            copy = None if past_cache else self._cache.in_grace(own, self._clock(), self._grace)
            return CannotTell() if copy is None else Live(copy, from_store=False)

    async def _ask(self, key: Key, own: bytes, organization: str) -> SessionLookup:
        """The store's answer, kept as a copy unless the session was ended since it was given."""
        self._cache.misses += 1
        for _ in range(_ATTEMPTS):
            with self._cache.flight(key.place) as flight:
                found = await self._store.read(key.place, (records.LISTED, records.PRIVATE, records.DEVICE))
                lookup = self._understand(found, key, organization)
                # Only a live session may be news of the past; an end stays an end.
                if flight.voided and isinstance(lookup, Live):
                    continue
                if isinstance(lookup, Live):
                    self._cache.put(own, lookup.session, key.place.id_hash)
                return lookup
        return CannotTell()

    def _understand(self, found: Record | Stone | None, key: Key, organization: str) -> SessionLookup:
        if found is None or found.organization != organization:
            return NoSession()
        if isinstance(found, Stone):
            self._heart.ended(key.place, found.reason)
            reference = SessionReference(key.place.tag, key.place.id_hash)
            return Ended(Tombstone(reference, found.organization, records.reason_of(found.reason), found.ended_at))
        try:
            session = records.unseal(found, key, self._sealer)
        except SealBroken as error:
            _log.warning("session_seal_broken", organization=organization, error=str(error))
            return NoSession()
        now = self._clock()
        if now >= max(session.signed_in_at + self._retention, session.token_end) + TOMBSTONE_SECONDS:
            return NoSession()  # a store that was restored may hold what it would have forgotten
        # A last activity that has not happened yet, by whatever clock or hand, buys no time.
        seen = self._activity.seen(key.place, min(found.seen, now))
        return Live(replace(session, last_activity=seen), from_store=True)

    async def create(self, new: NewSession) -> Created | CredentialsOwed:
        """Make a session unless credentials are owed. Raises StoreUnavailable."""
        self._must_tell()
        sealer, listing = self._sealer, self._listing  # the same throughout, whatever is adopted meanwhile
        tag, *older = sealer.tags(new.principal.key, purpose="principal")
        cookie = f"{tag}.{_random()}.{_random()}"
        key = key_of(cookie)
        if key is None:
            raise AssertionError("a cookie of ours reads as one")
        creation = creation_of(new, key.place)
        for old in older:
            # What a tag of an older secret knows of this principal still binds.
            answer = await self._store.prepare(replace(creation, place=Place(old, key.place.id_hash), replaced=""))
            if isinstance(answer, Owed):
                return CredentialsOwed(answer.after)
            if answer.at < min(new.now, creation.earlier or new.now):
                creation = replace(creation, earlier=answer.at)
        names = listing.names(new.provider, new.provider_session, new.subject)
        names += listing.names_of_user(new.principal.user, new.principal.name)
        answer = await self._store.prepare(creation)
        for _ in range(_ATTEMPTS):
            if isinstance(answer, Owed):
                return CredentialsOwed(answer.after)
            session = session_of(new, key.place, answer)
            tokens = {records.ID_TOKEN: new.id_token, records.REFRESH_TOKEN: new.refresh_token}
            sealed = records.seal(session, key, sealer, tokens)
            offered, answer = answer, await self._store.create(creation, answer.at, sealed, names)
            if answer == offered:
                sign_out = await self._store.names_signed_out_after(
                    listing.all_names(new.provider, new.provider_session, new.subject)
                )
                # After it was written: a sign-out that looked for sessions before found none, and stands there now.
                if sign_out is not None and not is_newer(new, sign_out):
                    await self._store.end(EndOrder(key.place, new.organization, EndReason.SIGNED_OUT, sign_out))
                    return CredentialsOwed(sign_out)
                await self._replace(new, tag)
                return Created(cookie, session)
        raise StoreUnavailable("the sign-in's instant changed again and again while it was written")

    async def _replace(self, new: NewSession, tag: str) -> None:
        if new.replaces is None:
            return
        place = Place(new.replaces.tag, new.replaces.id_hash)
        if place.tag != tag:
            await self._store.end(EndOrder(place, new.organization, EndReason.REPLACED, new.now))
        self._heart.ended(place, EndReason.REPLACED)

    def note_activity(self, session: Session, now: Instant, inactivity: Seconds | None) -> None:
        """Somebody is there. Seen by this worker at once, by the store soon; near the inactivity end at once, too."""
        if session.reference is None or 0 <= now - session.last_activity < _FINEST:
            return
        place = Place(session.reference.tag, session.reference.id_hash)
        urgent = self._activity.note(place, session.last_activity, now, inactivity)
        self._cache.active(place.id_hash, now)
        if urgent:
            self._heart.write_now(place)

    def activity_resolution(self, inactivity: Seconds | None) -> Seconds:
        """Seconds within which further signs of activity change nothing, never more than 1/20 of the timeout."""
        return self._activity.resolution(inactivity)

    async def tokens(self, cookie: str, organization: str) -> Tokens:
        """The tokens that are kept beside the session, none where there is none. Raises StoreUnavailable."""
        return await read_tokens(self._store, self._sealer, cookie, organization)

    def _names(self, session: Session, provider: str) -> Sequence[str]:
        named, who = self._listing.names(provider, session.provider_session, session.subject), session.principal
        return named + self._listing.names_of_user(who.user, who.name)

    async def register_device(self, reference: SessionReference, organization: str, device: DeviceKey) -> bool:
        """See `devices.register`."""
        done = await devices.register(self._store, self._sealer, reference, organization, device)
        self._heart.changed(Place(reference.tag, reference.id_hash))
        return done

    async def device_of(self, reference: SessionReference, organization: str) -> DeviceKey | None:
        """See `devices.device_of`."""
        return await devices.device_of(self._store, self._sealer, reference, organization)

    def watch(self, session: Session, on_end: OnEnd) -> Callable[[], None]:
        """Call `on_end` once this worker learns that the session was ended anywhere; the answer stops that."""
        if session.reference is None:
            return lambda: None
        place = Place(session.reference.tag, session.reference.id_hash)
        unwatch = self._watches.add(place, on_end)
        if not self._cache.has(place.id_hash):
            # Its end may have been told between its load and now, and nothing is told twice.
            self._heart.look_at(place)
        return unwatch

    async def signed_out_after(self, principal_key: str, organization: str) -> Instant | None:
        """Bearer tokens issued before it are refused; None where there was no sign-out. Raises StoreUnavailable."""
        self._must_tell()
        tags = self._sealer.tags(principal_key, purpose="principal")
        return (await self._store.marks(tags, organization)).signed_out_after

    def _must_tell(self) -> None:
        if not self._can_tell():
            raise StoreUnavailable("the settings in force are not known yet")

    async def use_once(self, name: str, seconds: Seconds) -> bool:
        """True the first time within `seconds`. Raises StoreUnavailable."""
        return await self._store.use_once(to_text(sha256(name.encode()).digest()), seconds, self._clock())

    @property
    def copies(self) -> SessionCache:
        """This worker's own copies, to be counted."""
        return self._cache

    @property
    def hears(self) -> bool:
        """Whether the store answers and its messages arrive."""
        return self._cache.is_clean

    @property
    def tells(self) -> bool:
        """Whether sessions can be told: the store answers, or has not been away for longer than the outage grace."""
        return self._cache.is_clean or self._cache.is_in_grace(self._clock(), self._grace)

    async def listed(self, organizations: Sequence[str]) -> dict[str, int]:
        """How many sessions are listed of each; some may be gone. Raises StoreUnavailable."""
        return dict(zip(organizations, await self._store.count(organizations), strict=True))

    async def listing(self, organization: str | None = None, *, limit: int = 50, cursor: str = "") -> Page:
        """Sessions for administrators, of one organization or of all. Raises StoreUnavailable."""
        return await self._listing.page(organization, limit, cursor)

    async def signed_out_by_provider(
        self,
        provider: str,
        *,
        provider_session: str | None,
        subject: str | None,
        now: Instant,
        vouched: Vouched = Vouched.SIGNED,
    ) -> tuple[Summary, ...]:
        """Return the sessions that a provider's sign-out means, by its `sid`, else by its `sub`. The caller ends them.

        From now on no sign-in in progress makes another session from an earlier authentication. Raises
        StoreUnavailable.
        """
        names = self._listing.all_names(provider, provider_session, None if provider_session else subject)
        known = vouched is Vouched.SIGNED or any([await self._store.find(name, 0, 1) for name in names])
        if known or vouched is Vouched.UNSIGNED:
            await self._store.sign_out_names(names, now, known=known)
        return await self._listing.named(names) if known else ()


def _random() -> str:
    return to_text(secrets.token_bytes(_ID_BYTES))
