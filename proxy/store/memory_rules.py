"""What the memory twin keeps of one principal, and the rules by which the scripts judge: create.lua and end.lua."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from proxy.store.port import Creation, EndOrder, Record

REFRESH_TOKEN = "r"  # noqa: S105 - the name of a field, as in the scripts
_LATER = (math.inf, math.inf)


@dataclass(slots=True)
class Tag:
    """All records of one principal."""

    sessions: dict[str, Record] = field(default_factory=dict)
    credentials_after: dict[str, float] = field(default_factory=dict)
    signed_out_after: dict[str, float] = field(default_factory=dict)
    authentications: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By organization: (authentication instant, signed-in instant first given for it), in order."""

    used_at: float = 0.0


def may_end(known: Record, order: EndOrder) -> bool:
    """Whether the order's conditions hold."""
    if order.seen_at_most is not None and known.seen > order.seen_at_most:
        return False
    if order.token_end_at_most is not None and known.token_end > order.token_end_at_most:
        return False
    return order.made_from is None or known.sealed.get(REFRESH_TOKEN) == order.made_from


def nearer_end(record: Record, c: Creation) -> tuple[float, str]:
    """The instant at which a session ends by itself, and why."""
    at, reason = record.token_end, "token_lifetime"
    if c.session_length is not None:
        at, reason = record.signed_in_at + c.session_length, "session_timeout"
    if c.inactivity is not None and not record.exempt:
        idle = record.seen + c.inactivity
        if idle < at or (idle == at and reason == "token_lifetime"):
            return idle, "inactivity_timeout"
    return at, reason


def recorded(kept: list[tuple[float, float]], c: Creation) -> tuple[float | None, float | None]:
    """The signed-in instant that is known for this authentication, and the same where it is exactly this one's."""
    if not c.counts_as_credentials:
        return (kept[-1][1] if kept else None), None
    if c.authenticated_at is None:
        known = kept[-1][1] if kept else None
        over = known is not None and c.session_length is not None and known + c.session_length <= c.now
        return (None if over else known), None
    made, signed_in = next((entry for entry in kept if entry[0] >= c.authenticated_at), _LATER)
    known = None if made == math.inf else signed_in
    return known, known if made == c.authenticated_at else None


def is_newer(c: Creation, after: float, exact: float | None) -> bool:
    """Whether this authentication pays what is owed since `after`."""
    if c.authenticated_at is None or not c.counts_as_credentials:
        return False
    asked = c.asked_at is not None and c.asked_at > after and c.authenticated_at >= c.asked_at - c.leeway
    used = exact is not None and exact <= after
    return not used and (asked or c.authenticated_at > after + c.leeway)


def was_under_way(c: Creation, out: float) -> bool:
    """Whether a sign-out at `out` overtook this sign-in."""
    if c.now < out:
        return True
    since = c.authenticated_at is not None and c.authenticated_at > out + c.leeway
    return c.started_at is not None and c.started_at < out and not since


def marks_of(kept: Mapping[str, float], organization: str) -> Iterator[float]:
    """An organization's mark and the one that holds for all, as far as they are set."""
    return (kept[name] for name in (organization, "*") if name in kept)


def raise_mark(kept: dict[str, float], organization: str, at: float) -> None:
    """Set a mark, unless a later one stands."""
    kept[organization] = max(kept.get(organization, at), at)


def mark(mine: Tag, order: EndOrder, organization: str) -> None:
    """Set the marks that an order asks for."""
    if order.owes_credentials:
        raise_mark(mine.credentials_after, organization, order.ended_at)
    if order.signs_out:
        raise_mark(mine.signed_out_after, organization, order.ended_at)
