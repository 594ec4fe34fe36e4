"""What one worker tells of itself: its counts for `/metrics`, and how it is for `/readyz`."""

import contextlib
from collections.abc import Mapping, Sequence

from proxy.app.health import checks_of
from proxy.app.parts import Lasting
from proxy.app.wiring import Wired
from proxy.errors import StoreUnavailable
from proxy.model.health import Check
from proxy.observability.metrics import Labels, Snapshot


class Telling:
    """`wired` is replaced with each configuration."""

    def __init__(self, lasting: Lasting, wired: Wired) -> None:
        self.wired = wired
        self._lasting = lasting
        self._listed: dict[str, int] = {}
        copies, metrics = lasting.sessions.copies, lasting.metrics
        metrics.read("session_cache_hits", lambda: {(): copies.hits})
        metrics.read("session_cache_misses", lambda: {(): copies.misses})
        metrics.watch("sessions_cached", lambda: {(): len(copies)})
        metrics.watch("sessions", lambda: {(name,): count for name, count in self._listed.items()})
        metrics.watch("open_streams", lambda: {(): len(lasting.streams)})
        metrics.watch("upstream_connections", lambda: _each(self.wired, 0))
        metrics.watch("upstream_up", lambda: _each(self.wired, 1))
        metrics.watch("workers", lambda: {(): 1})

    async def snapshot(self) -> Snapshot:
        """The counts now. Without its store a worker does not say how many sessions there are."""
        names = [organization.name for organization in self.wired.gateway.organizations]
        self._listed = {}
        with contextlib.suppress(StoreUnavailable):
            self._listed = await self._lasting.sessions.listed(names)
        return self._lasting.metrics.snapshot()

    async def checks(self) -> tuple[Check, ...]:
        """How the store and each provider are, within a second."""
        return await checks_of(self._lasting.sessions, self.wired.providers)


def _each(wired: Wired, which: int) -> Mapping[Labels, float]:
    """Organizations may share a pool, and several pools an address."""
    found: dict[Labels, float] = {}
    for pool in {id(pool): pool for pool in wired.pools.values()}.values():
        for authority, state in pool.states.items():
            found[authority,] = found.get((authority,), 0) + state[which]
    return found


def merged_checks(told: Sequence[Sequence[Check]]) -> tuple[Check, ...]:
    """Several workers as one: a thing is well where all find it so, and needed where any could not serve without."""
    found: dict[str, Check] = {}
    for check in (check for each in told for check in each):
        known = found.get(check.name, check)
        worse = known if not known.ok else check
        found[check.name] = Check(check.name, ok=worse.ok, reason=worse.reason, needed=known.needed or check.needed)
    return tuple(found.values())
