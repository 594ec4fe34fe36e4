"""The memory twin of held forms."""

from proxy.store.forms_port import OVERHEAD_BYTES


class MemoryForms:
    """A FormStore in this process."""

    def __init__(self) -> None:
        self._forms: dict[str, tuple[float, bytes]] = {}

    async def hold(self, name: str, sealed: bytes, seconds: int, now: float, budget: int) -> bool:
        """As the port says."""
        self._sweep(now)
        others = sum(len(each) + OVERHEAD_BYTES for other, (_, each) in self._forms.items() if other != name)
        if others + len(sealed) + OVERHEAD_BYTES > budget:
            return False
        self._forms[name] = now + seconds, sealed
        return True

    async def look(self, name: str, now: float) -> bytes | None:
        """As the port says."""
        self._sweep(now)
        return self._forms[name][1] if name in self._forms else None

    async def take(self, name: str, now: float) -> bytes | None:
        """As the port says."""
        self._sweep(now)
        return self._forms.pop(name)[1] if name in self._forms else None

    def _sweep(self, now: float) -> None:
        self._forms = {name: form for name, form in self._forms.items() if form[0] > now}
