"""Sessions that other rules end: counted beforehand, ended afterwards."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import islice

from proxy.model.decision import Ending
from proxy.model.session import EndReason
from proxy.model.settings import TimeRules
from proxy.model.time import Instant, Seconds
from proxy.policy.limits import ending
from proxy.sessions.record import Summary
from proxy.sessions.service import Sessions
from proxy.store.port import Record

_AT_ONCE = 64


async def past_the_end(
    sessions: Sessions, organization: str, rules: TimeRules, now: Instant, resolution: Seconds
) -> AsyncIterator[tuple[Summary, Ending]]:
    """Every session of an organization that these rules have ended at `now`. Raises StoreUnavailable.

    Activity reaches the store `resolution` seconds late at most: whoever idles for less than that beyond the limit is
    left to the next request, whose worker knows better.
    """

    def may_be_past(record: Record) -> bool:
        # By the plain facts and for any client: to open each of many thousands would take seconds.
        end = record.token_end if rules.session_length is None else record.signed_in_at + rules.session_length
        idle = math.inf if rules.inactivity is None else record.seen + rules.inactivity
        return now >= min(end, idle)

    async for summary in sessions.directory.every(organization, may_be_past):
        reached = ending(summary, rules, now)
        if reached is None:
            continue
        if reached.reason is EndReason.INACTIVITY_TIMEOUT and now < reached.at + resolution:
            continue
        yield summary, reached


async def end_all(
    sessions: Sessions, found: Sequence[tuple[Summary, Ending]], on_end: Callable[[Summary, Ending], None]
) -> None:
    """End these; each that this very call ended is told to `on_end`. Raises StoreUnavailable."""
    remaining = iter(found)
    while several := tuple(islice(remaining, _AT_ONCE)):
        ended = await asyncio.gather(*(sessions.end_reached(summary, reached) for summary, reached in several))
        for (summary, reached), was in zip(several, ended, strict=True):
            if was:
                on_end(summary, reached)
