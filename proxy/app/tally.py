"""The workers as one: their counts added up and never falling, their checks as one worker would find them."""

import asyncio
from dataclasses import replace
from typing import Any
from weakref import WeakSet

from proxy.app.messages import Done, Message, TellChecks, TellCounts
from proxy.app.telling import merged_checks
from proxy.app.worker_process import Worker
from proxy.model.health import Check
from proxy.model.time import Seconds
from proxy.observability.metrics import Snapshot, merged

_PATIENCE: Seconds = 2.0


class Tally:
    """Keeps the last counts of each worker, so that no count falls when a worker dies or does not answer.

    A worker that did not answer in time is not asked again until it has: nobody waits for it twice.
    """

    def __init__(self) -> None:
        self._departed = merged(())
        self._last: dict[Worker, Snapshot] = {}
        self._left: WeakSet[Worker] = WeakSet()
        self._late: set[asyncio.Task[Any]] = set()
        self._silent: set[Worker] = set()

    async def snapshot(self, workers: tuple[Worker, ...]) -> Snapshot:
        """Return the counts of all workers, former ones included; gauges are those of workers that answer now."""
        told = await self._counts(workers)
        silent = (replace(last, gauges={}) for worker, last in self._last.items() if worker not in told)
        return merged((self._departed, *(self._last[worker] for worker in told if worker in self._last), *silent))

    async def checks(self, workers: tuple[Worker, ...], wanted: int) -> tuple[Check, ...]:
        """Return the checks of all workers that answer. `wanted`: the number of workers that should."""
        told = await self._tell(workers, TellChecks())
        reason = "" if len(told) == wanted else f"{len(told)} of {wanted} workers answer"
        return (Check("workers", ok=not reason, reason=reason, needed=not told), *merged_checks(list(told.values())))

    async def leaves(self, worker: Worker) -> None:
        """Take the last counts of a worker that is about to be stopped."""
        await self._counts((worker,))
        self.left(worker)

    def left(self, worker: Worker) -> None:
        """Keep what a worker counted that has ended; what it held is released."""
        self._left.add(worker)
        last = self._last.pop(worker, None)
        if last is not None:
            self._departed = merged((self._departed, replace(last, gauges={})))

    async def _counts(self, workers: tuple[Worker, ...]) -> dict[Worker, Snapshot]:
        told = await self._tell(workers, TellCounts())
        # A worker that ended while another was waited for has its counts in `_departed` already.
        self._last |= {worker: snapshot for worker, snapshot in told.items() if worker not in self._left}
        return told

    async def _tell(self, workers: tuple[Worker, ...], message: Message) -> dict[Worker, Any]:
        """Return what each worker says that answers in time.

        The others are not interrupted: their answer must not be taken for that of a later question.
        """
        tasks = {asyncio.ensure_future(worker.ask(message)): worker for worker in workers if worker not in self._silent}
        if not tasks:
            return {}
        done, late = await asyncio.wait(tasks, timeout=_PATIENCE)
        for task in late:
            self._waits_for(task, tasks[task])
        answers = {tasks[task]: task.result() for task in done}
        return {worker: answer.said for worker, answer in answers.items() if isinstance(answer, Done)}

    def _waits_for(self, task: asyncio.Task[Any], worker: Worker) -> None:
        def answered(_: asyncio.Task[Any]) -> None:
            self._late.discard(task)
            self._silent.discard(worker)

        self._late.add(task)
        self._silent.add(worker)
        task.add_done_callback(answered)
