"""What costs something to have and is wanted by one configuration after another: pools, providers, open files."""

import contextlib
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Held:
    what: Any
    holders: int = 0


class Shared:
    """Each is made once for its key and closed when its last holder has let go."""

    def __init__(self) -> None:
        self._held: dict[Hashable, _Held] = {}

    def take(
        self,
        holder: contextlib.AsyncExitStack,
        key: Hashable,
        make: Callable[[], T],
        close: Callable[[T], Awaitable[object]] | None = None,
    ) -> T:
        """What `key` means, held until `holder` is closed. Raises what `make` raises."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held(make())
        held.holders += 1

        async def let_go() -> None:
            held.holders -= 1
            if held.holders == 0:
                if self._held.get(key) is held:
                    del self._held[key]
                if close is not None:
                    await close(held.what)

        holder.push_async_callback(let_go)
        what: T = held.what
        return what
