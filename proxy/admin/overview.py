"""How things are now and were over the last hours, from the counts that all workers keep in the store."""

from collections.abc import Sequence
from typing import Any

from proxy.model.health import Check
from proxy.model.time import Instant
from proxy.sessions.service import Sessions
from proxy.store.admin_port import BUCKET_SECONDS

_HOURS = 12


async def overview(
    sessions: Sessions, organizations: Sequence[str], checks: Sequence[Check], now: Instant
) -> dict[str, Any]:
    """Sessions now, what happened by ten minutes, and the health of what is needed. Raises StoreUnavailable."""
    newest = int(now // BUCKET_SECONDS)
    buckets = range(newest - _HOURS * 3600 // BUCKET_SECONDS + 1, newest + 1)
    found = await sessions.admin.events(tuple(buckets))
    series: dict[str, list[int]] = {}
    for index, counts in enumerate(found):
        for name, count in counts.items():
            event, reason, _ = name.split(" ", 2)
            label = f"{event} {reason}".strip()
            series.setdefault(label, [0] * len(found))[index] += count
    return {
        "at": now,
        "sessions": await sessions.listed(organizations),
        "bucket_seconds": BUCKET_SECONDS,
        "first_bucket_at": buckets[0] * BUCKET_SECONDS,
        "series": series,
        "health": [
            {"name": check.name, "ok": check.ok, "reason": check.reason, "needed": check.needed} for check in checks
        ],
    }
