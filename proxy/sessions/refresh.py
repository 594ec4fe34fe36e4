"""Renewing a session: one caller among all nodes, and a write that changes only what nobody has changed meanwhile.

`begin` takes a lease in the store, `finish` writes under it. What binds the two is the sealed refresh token itself: the
write happens only where the session still holds the very bytes that `begin` read. So a session that ended stays ended,
a caller that was too slow overwrites nothing, and of two refresh tokens the one that the provider knows last is kept.
The session's id, its cookie and its signed-in instant stay.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from proxy.errors import SealBroken
from proxy.model.session import EndReason, Session
from proxy.model.time import Instant, Seconds
from proxy.sealing import Sealer
from proxy.sessions import record as records
from proxy.sessions.heart import Heart
from proxy.sessions.record import Key, key_of
from proxy.store.port import EndOrder, Record, Renewal, SessionStore

_log = structlog.get_logger("sessions")

LEASE_SECONDS: Seconds = 90.0
"""Longer than a provider may take (each question to it ends after 10 s, and one renewal asks at most three) and the
store may be away meanwhile with sessions going on: `sessions.outage_grace` is 60 s. Whoever came too early would use a
refresh token that is spent.
"""

_OWNER_BYTES = 16


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """The tokens that are kept beside a session; None where there is none."""

    id_token: str | None = None
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Lease:
    """The right to renew one session, and what is needed for it. `session`: as the store has it; `provider`: whose."""

    session: Session
    tokens: Tokens
    key: Key
    owner: str
    made_from: bytes
    provider: str


async def read_tokens(store: SessionStore, sealer: Sealer, cookie: str, organization: str) -> Tokens:
    """The tokens beside the session that a cookie opens. Raises StoreUnavailable."""
    key = key_of(cookie)
    found = await store.read(key.place, (records.ID_TOKEN, records.REFRESH_TOKEN)) if key else None
    if key is None or not isinstance(found, Record) or found.organization != organization:
        return Tokens()
    try:
        return _tokens(found, key, sealer)
    except SealBroken:
        _log.warning("session_seal_broken", organization=organization, error="tokens")
        return Tokens()


class Renewals:
    """Renews the sessions of one worker.

    `sealer`: the one in force. `names`: the further indexes of a session that a provider's user signed in to.
    """

    def __init__(
        self,
        store: SessionStore,
        sealer: Callable[[], Sealer],
        names: Callable[[Session, str], Sequence[str]],
        heart: Heart,
        clock: Callable[[], Instant],
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._names = names
        self._heart = heart
        self._clock = clock

    async def begin(self, cookie: str, organization: str, provider: str) -> Lease | None:
        """The lease on the cookie's session, signed in at this provider.

        None where another has it, or there is nothing to renew (any more). Raises StoreUnavailable.
        """
        key = key_of(cookie)
        if key is None:
            return None
        owner = secrets.token_urlsafe(_OWNER_BYTES)
        if not await self._store.lease(key.place, owner, LEASE_SECONDS, self._clock()):
            return None
        lease = await self._read(key, organization, owner, provider)
        if lease is None or self._clock() < lease.session.refresh_at:
            # Somebody renewed it between this worker's reading of it and now.
            await self._store.lease(key.place, owner, 0, self._clock())
            return None
        return lease

    async def _read(self, key: Key, organization: str, owner: str, provider: str) -> Lease | None:
        names = (records.LISTED, records.PRIVATE, records.ID_TOKEN, records.REFRESH_TOKEN)
        found = await self._store.read(key.place, names)
        if not isinstance(found, Record) or found.organization != organization:
            return None
        made_from = found.sealed.get(records.REFRESH_TOKEN)
        if made_from is None:
            return None
        try:
            session, tokens = records.unseal(found, key, self._sealer()), _tokens(found, key, self._sealer())
            return Lease(session, tokens, key, owner, made_from, provider)
        except SealBroken as error:
            _log.warning("session_seal_broken", organization=organization, error=str(error))
            return None

    async def finish(self, lease: Lease, session: Session, tokens: Tokens, inactivity: Seconds | None) -> bool:
        """Write the session as it is now, and the tokens; one of None stays as it was. Whether that was done.

        Not where the session ended meanwhile, reached its end, or idled for `inactivity` seconds. Raises
        StoreUnavailable.
        """
        kept = {
            records.ID_TOKEN: tokens.id_token or lease.tokens.id_token,
            # Sealed anew even where it is the same: its bytes tell the next writer that this one has been.
            records.REFRESH_TOKEN: tokens.refresh_token or lease.tokens.refresh_token,
        }
        renewed = replace(session, reference=lease.session.reference, signed_in_at=lease.session.signed_in_at)
        written = await self._store.renew(
            Renewal(
                place=lease.key.place,
                organization=renewed.organization,
                owner=lease.owner,
                now=self._clock(),
                made_from=lease.made_from,
                sealed=records.seal(renewed, lease.key, self._sealer(), kept),
                signed_in=renewed.signed_in_at,
                token_end=renewed.token_end,
                inactivity=inactivity,
                names=self._names(renewed, lease.provider),
            )
        )
        if written:
            self._heart.changed(lease.key.place)
        return written

    async def put_off(self, lease: Lease, seconds: Seconds) -> None:
        """Nobody tries again for so long, on any node. Raises StoreUnavailable."""
        await self._store.lease(lease.key.place, lease.owner, seconds, self._clock())

    async def refuse(self, lease: Lease) -> bool:
        """End the session because it may not be renewed; whether this very call ended it. Raises StoreUnavailable.

        It lives on where another has renewed it since: its refresh token is then another than the one refused.
        """
        place = lease.key.place
        order = EndOrder(
            place,
            lease.session.organization,
            EndReason.REFRESH_REFUSED,
            self._clock(),
            made_from=lease.made_from,
        )
        ended = await self._store.end(order)
        if ended:
            self._heart.ended(place, EndReason.REFRESH_REFUSED)
        return ended


def _tokens(found: Record, key: Key, sealer: Sealer) -> Tokens:
    id_token, refresh_token = (
        records.unseal_token(found, name, key, sealer) for name in (records.ID_TOKEN, records.REFRESH_TOKEN)
    )
    return Tokens(id_token, refresh_token)
