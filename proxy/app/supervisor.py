"""Several workers on one port, started, reloaded, replaced and stopped as one proxy.

Each has a listening socket of its own (SO_REUSEPORT: the kernel spreads connections over them) that this process keeps
open. So whoever connects while a worker is replaced waits for the next one; nobody is refused.
"""

import asyncio
import contextlib
import signal
import socket

import structlog

from proxy.app.messages import Done, Failed, NeedsRestart, Reload, Start
from proxy.app.tally import Tally
from proxy.app.worker_process import Worker
from proxy.configuration.difference import differences
from proxy.errors import CannotReload, CannotStart
from proxy.model.deployment import Deployment
from proxy.model.health import Check
from proxy.model.time import Seconds
from proxy.observability.metrics import Snapshot
from proxy.store.tasks import end_tasks

log = structlog.get_logger("app")

_BACKLOG = 1024
_FIRST_PAUSE, _LONGEST_PAUSE, _SHORT_LIFE = 0.5, 30.0, 5.0  # seconds


class Supervisor:
    """The workers of one configuration. `port` is the one they got; `deployment` what they go by."""

    def __init__(self, deployment: Deployment, count: int) -> None:
        self.deployment = deployment
        self._count = count
        self._sockets: list[socket.socket] = []
        self._workers: dict[int, Worker] = {}
        self._keepers: dict[int, asyncio.Task[None]] = {}
        self._tally = Tally()

    @property
    def port(self) -> int:
        """The listeners' port."""
        port: int = self._sockets[0].getsockname()[1]
        return port

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The workers', in their order."""
        return tuple(worker.process.pid for _, worker in sorted(self._workers.items()))

    async def start(self) -> None:
        """Open the sockets and start every worker. Raises OSError, CannotStart; nothing stays open then."""
        async with contextlib.AsyncExitStack() as undoing:
            undoing.push_async_callback(self.close)
            self._sockets = _listen(self.deployment.listen.host, self.deployment.listen.port, self._count)
            beginning = (self._begin(number, self.deployment) for number in range(1, self._count + 1))
            # All have begun or failed before anything is closed.
            for failed in filter(None, await asyncio.gather(*beginning, return_exceptions=True)):
                raise failed
            undoing.pop_all()
        log.info("started", address=f"{self.deployment.listen.host}:{self.port}", workers=self._count)

    async def _begin(self, number: int, deployment: Deployment) -> None:
        """One worker that serves, in place of the one there was. Raises CannotStart."""
        worker = await Worker.spawn(number, self._sockets[number - 1])
        try:
            answer = await worker.ask(Start(deployment))
        except asyncio.CancelledError:
            # The proxy stops meanwhile: this worker is not yet among those that it stops.
            worker.kill()
            await worker.gone()
            raise
        if not isinstance(answer, Done):
            await worker.stop()
            raise CannotStart(answer.why)
        keeper = self._keepers.pop(number, None)
        if keeper is not None and keeper is not asyncio.current_task():
            await end_tasks([keeper])
        earlier = self._workers.get(number)
        self._workers[number] = worker
        self._keepers[number] = asyncio.get_running_loop().create_task(self._keep(worker))
        if earlier is not None:
            await self._tally.leaves(earlier)
            await earlier.stop()

    async def _keep(self, worker: Worker) -> None:
        """When a worker dies, put another in its place; each attempt that fails doubles the pause before the next."""
        born = asyncio.get_running_loop().time()
        code = await worker.gone()
        log.error("worker_died", worker=worker.number, **ending_of(code))
        self._tally.left(worker)
        pause = _FIRST_PAUSE
        if asyncio.get_running_loop().time() - born < _SHORT_LIFE:
            await asyncio.sleep(pause)
        while True:
            try:
                await self._begin(worker.number, self.deployment)
            except (CannotStart, OSError) as error:
                log.warning("worker_not_started", worker=worker.number, error=str(error), pause=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return

    async def snapshot(self) -> Snapshot:
        """What all workers counted so far, those that are gone too."""
        return await self._tally.snapshot(tuple(self._workers.values()))

    async def checks(self) -> tuple[Check, ...]:
        """How everything is that requests need."""
        return await self._tally.checks(tuple(self._workers.values()), self._count)

    async def reload(self, deployment: Deployment) -> tuple[str, ...]:
        """Let every worker go by another configuration, one after another; what it changed, as lines.

        A worker that cannot while it runs is replaced: the next one serves before it drains.

        Raises CannotReload where this process itself would have to be another, CannotStart where a worker cannot use
        what is named; then all go by what they went by.
        """
        _refuse_what_needs_a_restart(self.deployment, deployment)
        before = self.deployment
        done: list[int] = []
        for number in sorted(self._workers):
            try:
                await self._reload_one(number, deployment)
            except CannotStart:
                self.deployment = before
                for back in done:
                    await self._reload_one(back, before)
                raise
            done.append(number)
            # Who dies from here on comes back by the configuration that the others have.
            self.deployment = deployment
        return differences(before, deployment)

    async def _reload_one(self, number: int, deployment: Deployment) -> None:
        match await self._workers[number].ask(Reload(deployment)):
            case Done():
                pass
            case NeedsRestart():
                log.info("worker_replaced", worker=number)
                await self._begin(number, deployment)
            case Failed(why=why):
                raise CannotStart(why)

    async def close(self, drain_seconds: Seconds = 30.0) -> None:  # noqa: ARG002 - workers know how long they may
        """Take no further client, and let all workers finish what is in flight."""
        await end_tasks(self._keepers.values())
        # The workers' own hold the port until they close it, and with it what the kernel has connected by then.
        for each in self._sockets:
            each.close()
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))
        self._workers.clear()


def ending_of(return_code: int) -> dict[str, int | str]:
    """Return how a process ended, for the log: its exit code, or the name of the signal that killed it."""
    if return_code >= 0:
        return {"exit_code": return_code}
    try:
        return {"signal": signal.Signals(-return_code).name}
    except ValueError:
        # A real-time signal has no name of its own.
        return {"signal": f"SIG{-return_code}"}


def _refuse_what_needs_a_restart(before: Deployment, after: Deployment) -> None:
    pairs = {
        "listen.address": ((before.listen.host, before.listen.port), (after.listen.host, after.listen.port)),
        "management.address": (before.management, after.management),
        "workers": (before.workers, after.workers),
    }
    changed = [key for key, (one, other) in pairs.items() if one != other]
    if changed:
        raise CannotReload(f"{', '.join(changed)}: cannot change while the proxy runs; restart it, or put it back")


def _listen(host: str, port: int, count: int) -> list[socket.socket]:
    """So many sockets that listen on one port. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    # With SO_REUSEPORT a port that another proxy of this user serves would look free.
    socket.create_server((host, port), family=family).close()
    with contextlib.ExitStack() as opening:
        sockets: list[socket.socket] = []
        for _ in range(count):
            each = opening.enter_context(socket.socket(family, socket.SOCK_STREAM))
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if count > 1:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind((address[0], sockets[0].getsockname()[1] if sockets else port))
            each.listen(_BACKLOG)
            each.setblocking(False)
            sockets.append(each)
        opening.pop_all()
    return sockets
