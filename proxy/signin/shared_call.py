"""One call for all who wait for the same: a provider that does not answer costs them one time-out, not one each."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class SharedCall(Generic[Answer]):
    """Runs `call` once for everybody who asks while it runs. Who goes away does not take it from the others."""

    def __init__(self, call: Callable[[], Awaitable[Answer]]) -> None:
        self._call = call
        self._task: asyncio.Task[Answer] | None = None

    @property
    def is_running(self) -> bool:
        """Whether somebody waits for it."""
        return self._task is not None

    async def __call__(self) -> Answer:
        """Its answer, or what it raises."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
            self._task.add_done_callback(self._done)
        return await asyncio.shield(self._task)

    async def _run(self) -> Answer:
        return await self._call()

    def _done(self, task: asyncio.Task[Answer]) -> None:
        self._task = None
        if not task.cancelled():
            # Looked at here, for nobody may be left to do it.
            task.exception()
