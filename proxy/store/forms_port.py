"""What the store keeps of posted forms: sealed bytes for some minutes, within a bound over all nodes.

Two stores keep these promises under one suite (tests/store). Every method raises StoreUnavailable where the store
cannot tell. Instants are UTC seconds, passed in.
"""

from typing import Protocol

OVERHEAD_BYTES = 512
"""What a form is charged beside its own bytes, so that very many very small ones have a bound too."""


class FormStore(Protocol):
    """Held forms of all workers and nodes."""

    async def hold(self, name: str, sealed: bytes, seconds: int, now: float, budget: int) -> bool:
        """Keep it for so long, in the place of an earlier one of this name.

        False, and nothing has changed, where all forms together would come to more than `budget` bytes.
        """

    async def look(self, name: str, now: float) -> bytes | None:
        """The form of this name, which stays."""

    async def take(self, name: str, now: float) -> bytes | None:
        """The form of this name, which is gone then: of several that ask, one gets it."""
