"""Ending sessions: one, a principal's, whatever an administrator or a limit names."""

from collections.abc import Sequence
from dataclasses import replace

from proxy.errors import StoreUnavailable
from proxy.model.decision import Ending
from proxy.model.session import EndReason, Session, SessionReference, Tombstone
from proxy.model.time import Instant
from proxy.sealing import Sealer
from proxy.sessions.heart import Heart
from proxy.sessions.record import Summary
from proxy.store.port import EndOrder, Place, SessionStore, Stone

_SIGNS_OUT = frozenset({EndReason.SIGNED_OUT, EndReason.REVOKED})


class Endings:
    """The part of `service.Sessions` that ends them. Every end is a script of the store, and told to all nodes."""

    _store: SessionStore
    _sealer: Sealer
    _heart: Heart

    async def write_activity(self) -> None:
        """Write all that is pending here, so that nobody who is there just now is taken for idle."""
        await self._heart.write_all()

    async def end(self, session: Session, ending: Ending) -> bool:
        """End a session everywhere; whether this very call ended it. Idempotent. Raises StoreUnavailable.

        One ended for inactivity lives on where another worker has seen its user since, one ended with its token where
        another has renewed it. A bearer's was never stored: only its mark is.
        """
        place = Place(session.reference.tag, session.reference.id_hash) if session.reference else None
        idle = ending.reason is EndReason.INACTIVITY_TIMEOUT
        token = ending.reason is EndReason.TOKEN_LIFETIME
        order = EndOrder(
            place or Place("", ""),
            session.organization,
            ending.reason,
            ending.at,
            owes_credentials=ending.owes_credentials,
            signs_out=ending.reason in _SIGNS_OUT and place is not None,
            seen_at_most=session.last_activity if idle else None,
            token_end_at_most=session.token_end if token else None,
        )
        ended = await self._store.end(order) if place else False
        if not ended and place and (idle or token):
            return False
        if order.owes_credentials or order.signs_out:
            await self._mark_all(session.principal.key, order)
        if place:
            self._heart.ended(place, ending.reason)
        return ended

    async def _mark_all(self, principal_key: str, order: EndOrder) -> None:
        """Marks lie under every tag of the principal, or a sign-in under way under another would not see them."""
        for tag in self._tags(principal_key):
            if tag != order.place.tag:
                await self._store.end(replace(order, place=Place(tag, "")))

    async def end_principal(
        self,
        principal_key: str,
        organization: str | None,
        reason: EndReason,
        now: Instant,
        *,
        owes_credentials: bool,
    ) -> int:
        """End all sessions of a principal, of one organization or of all; how many. Raises StoreUnavailable."""
        order = EndOrder(Place("", ""), organization or "*", reason, now, owes_credentials, reason in _SIGNS_OUT)
        return len(await self._end_all(self._tags(principal_key), organization, order))

    async def end_everywhere(
        self,
        whose: str | SessionReference,
        organization: str | None,
        reason: EndReason,
        now: Instant,
        *,
        owes_credentials: bool,
    ) -> tuple[Tombstone, ...]:
        """As `end_principal`; which. `whose`: a principal's key, or a session of theirs, ended or not."""
        order = EndOrder(Place("", ""), organization or "*", reason, now, owes_credentials, reason in _SIGNS_OUT)
        tags = self._tags(whose) if isinstance(whose, str) else (whose.tag,)
        return tuple(
            [
                Tombstone(
                    SessionReference(place.tag, place.id_hash), organization or await self._where(place), reason, now
                )
                for place in await self._end_all(tags, organization, order)
            ]
        )

    async def _where(self, place: Place) -> str:
        """The organization of a session that ended; empty where the store does not tell any more, for it did end."""
        try:
            stone = await self._store.read(place, ())
        except StoreUnavailable:
            return ""
        return stone.organization if isinstance(stone, Stone) else ""

    async def end_tag(
        self, tag: str, reason: EndReason, now: Instant, *, organization: str | None = None, owes_credentials: bool
    ) -> int:
        """As `end_principal`, of whoever has this tag. Raises StoreUnavailable."""
        order = EndOrder(Place(tag, ""), organization or "*", reason, now, owes_credentials, reason in _SIGNS_OUT)
        return len(await self._end_all((tag,), organization, order))

    def _tags(self, principal_key: str) -> Sequence[str]:
        return self._sealer.tags(principal_key, purpose="principal")

    async def _end_all(self, tags: Sequence[str], organization: str | None, order: EndOrder) -> list[Place]:
        ended: list[Place] = []
        for tag in tags:
            here = await self._store.end_principal(tag, organization, replace(order, place=Place(tag, "")))
            for place in here:
                self._heart.ended(place, order.reason)
            ended += here
        return ended

    async def end_listed(self, summary: Summary, reason: EndReason, now: Instant, *, owes_credentials: bool) -> bool:
        """End a session that an administrator or a provider named. Raises StoreUnavailable."""
        return await self.end_at(
            summary.reference, summary.organization, reason, now, owes_credentials=owes_credentials
        )

    async def end_reached(self, summary: Summary, reached: Ending) -> bool:
        """End a listed session at its limit, unless it was seen or renewed since. Raises StoreUnavailable."""
        place = Place(summary.reference.tag, summary.reference.id_hash)
        idle = reached.reason is EndReason.INACTIVITY_TIMEOUT
        order = EndOrder(
            place,
            summary.organization,
            reached.reason,
            reached.at,
            owes_credentials=reached.owes_credentials,
            seen_at_most=summary.last_activity if idle else None,
            token_end_at_most=summary.token_end if reached.reason is EndReason.TOKEN_LIFETIME else None,
        )
        ended = await self._store.end(order)
        if ended:
            self._heart.ended(place, reached.reason)
        return ended

    async def end_at(
        self, reference: SessionReference, organization: str, reason: EndReason, now: Instant, *, owes_credentials: bool
    ) -> bool:
        """End the session that a reference names; whether this very call ended it. Raises StoreUnavailable."""
        place = Place(reference.tag, reference.id_hash)
        order = EndOrder(
            place,
            organization,
            reason,
            now,
            owes_credentials=owes_credentials,
            signs_out=reason in _SIGNS_OUT,
        )
        ended = await self._store.end(order)
        self._heart.ended(place, reason)
        return ended
