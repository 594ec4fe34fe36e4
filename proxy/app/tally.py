"""What several workers tell, as one: counts added up and never falling, checks as one would find them."""

import asyncio
from dataclasses import replace
from typing import Any

from proxy.app.messages import Done, Message, TellChecks, TellCounts
from proxy.app.telling import merged_checks
from proxy.app.worker_process import Worker
from proxy.model.health import Check
from proxy.model.time import Seconds
from proxy.observability.metrics import Snapshot, merged

_PATIENCE: Seconds = 2.0


class Tally:
    """Remembers what each worker told last, so that a count does not fall when a worker goes."""

    def __init__(self) -> None:
        self._departed = merged(())
        self._last: dict[Worker, Snapshot] = {}
        self._asking: set[asyncio.Task[Any]] = set()

    async def snapshot(self, workers: tuple[Worker, ...]) -> Snapshot:
        """The counts of these and of all that left."""
        await self._ask(workers)
        return merged((self._departed, *(self._last[worker] for worker in workers if worker in self._last)))

    async def checks(self, workers: tuple[Worker, ...], wanted: int) -> tuple[Check, ...]:
        """How everything is. `wanted`: so many workers should serve."""
        told = await self._tell(workers, TellChecks())
        reason = "" if len(told) == wanted else f"{len(told)} of {wanted} answer"
        return (Check("workers", ok=not reason, reason=reason, needed=not told), *merged_checks(list(told.values())))

    async def leaves(self, worker: Worker) -> None:
        """This worker is about to be stopped."""
        await self._ask((worker,))
        self.left(worker)

    def left(self, worker: Worker) -> None:
        """This worker is gone: what it counted stays; what it held is no more."""
        last = self._last.pop(worker, None)
        if last is not None:
            self._departed = merged((self._departed, replace(last, gauges={})))

    async def _ask(self, workers: tuple[Worker, ...]) -> None:
        for worker, snapshot in (await self._tell(workers, TellCounts())).items():
            self._last[worker] = snapshot

    async def _tell(self, workers: tuple[Worker, ...], message: Message) -> dict[Worker, Any]:
        """What each says that answers in time.

        The others are not interrupted: their answer must not be taken for that of a later question.
        """
        if not workers:
            return {}
        tasks = {asyncio.ensure_future(worker.ask(message)): worker for worker in workers}
        self._asking.update(tasks)
        for task in tasks:
            task.add_done_callback(self._asking.discard)
        done, _ = await asyncio.wait(tasks, timeout=_PATIENCE)
        answers = {tasks[task]: task.result() for task in done}
        return {worker: answer.said for worker, answer in answers.items() if isinstance(answer, Done)}
