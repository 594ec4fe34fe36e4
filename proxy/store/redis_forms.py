"""Held forms in Redis: all on one slot, because their sum is bounded."""

from proxy.store.forms_port import OVERHEAD_BYTES
from proxy.store.link import Link

_KEPT = "claims:{forms}:kept"


class RedisForms:
    """A FormStore that all workers and nodes share."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def hold(self, name: str, sealed: bytes, seconds: int, now: float, budget: int) -> bool:
        """As the port says."""
        charge = len(sealed) + OVERHEAD_BYTES
        return bool(await self._link.script("hold", _KEPT, name, sealed, repr(now), seconds, charge, budget))

    async def look(self, name: str, now: float) -> bytes | None:
        """As the port says."""
        return await self._read(name, now, take=False)

    async def take(self, name: str, now: float) -> bytes | None:
        """As the port says."""
        return await self._read(name, now, take=True)

    async def _read(self, name: str, now: float, *, take: bool) -> bytes | None:
        found = await self._link.script("held", _KEPT, name, repr(now), int(take))
        return found if isinstance(found, bytes) else None
