"""The process around a proxy: signals, and the files of its configuration."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
import uvloop

from proxy.app.management import managed
from proxy.app.running import RunningProxy, start
from proxy.app.sources import Sources, files_of
from proxy.app.supervisor import Supervisor
from proxy.configuration import load
from proxy.errors import CannotStart, ConfigurationError
from proxy.model.deployment import Deployment
from proxy.model.health import Check
from proxy.model.time import Instant, Seconds
from proxy.observability.metrics import Metrics, Snapshot, merged
from proxy.observability.uncaught import log_loop_error

log = structlog.get_logger("app")

LOOK_SECONDS = 1.0
_CONFIGURATION = "configuration"
_KEPT = "what the file says now was refused, and what it said before is in force"


def run(config: Path, deployment: Deployment) -> None:
    """Serve what was loaded from `config` until SIGTERM or SIGINT. Raises as `start` does."""
    # The one wall clock: everything below is given it.
    clock = time.time  # noqa: TID251 - see the line above
    uvloop.run(serve_until_told(config, deployment, clock))


async def serve_until_told(
    config: Path,
    deployment: Deployment,
    clock: Callable[[], Instant],
    *,
    environment: Mapping[str, str] | None = None,
    ready: Callable[[RunningProxy | Supervisor], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP or a changed file of the configuration reloads it.

    `environment` fills in `${NAME}`, the process's own by default; `ready` is called once it serves.
    """
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    proxy = await _started(deployment, clock)
    follower = Follower(proxy, config, os.environ if environment is None else environment, clock)
    try:
        management = await managed(Watched(proxy, follower), deployment.management)
    except BaseException:
        await proxy.close()
        raise
    following = loop.create_task(follower.follow(reload, LOOK_SECONDS))
    if ready is not None:
        ready(proxy)
    await stop.wait()
    log.info("stopping")
    following.cancel()
    await asyncio.wait([following])
    if management is not None:
        management.stopping = True
    await proxy.close()
    if management is not None:
        await management.close()
    log.info("stopped")


async def _started(deployment: Deployment, clock: Callable[[], Instant]) -> RunningProxy | Supervisor:
    workers = workers_of(deployment)
    if workers == 1:
        return await start(deployment, clock=clock)
    supervisor = Supervisor(deployment, workers)
    await supervisor.start()
    return supervisor


def workers_of(deployment: Deployment) -> int:
    """How many processes serve. What is kept in memory is known to one alone."""
    if deployment.state == "memory:":
        return 1
    return deployment.workers or len(os.sched_getaffinity(0))


class Watched:
    """A proxy and the file that it follows, as the management listener tells of them."""

    def __init__(self, proxy: RunningProxy | Supervisor, follower: "Follower") -> None:
        self._proxy = proxy
        self._follower = follower

    async def snapshot(self) -> Snapshot:
        """What was counted so far."""
        return merged((await self._proxy.snapshot(), self._follower.metrics.snapshot()))

    async def checks(self) -> tuple[Check, ...]:
        """How everything is."""
        return (self._follower.check, *await self._proxy.checks())


class Follower:
    """Keeps a running proxy to what its file says. `check`: whether it is; `metrics` count the attempts."""

    def __init__(
        self,
        proxy: RunningProxy | Supervisor,
        config: Path,
        environment: Mapping[str, str],
        clock: Callable[[], Instant],
    ) -> None:
        self.metrics = Metrics()
        self.check = Check(_CONFIGURATION, ok=True)
        self._clock = clock
        self._proxy = proxy
        self._config = config
        self._environment = environment
        self._sources = Sources(files_of(proxy.deployment))

    async def follow(self, told: asyncio.Event, every: Seconds) -> None:
        """Reload when told to and when a file has changed, looking every so many seconds."""
        while True:
            try:
                async with asyncio.timeout(every):
                    await told.wait()
            except TimeoutError:
                changed = await asyncio.to_thread(self._sources.changed)
                if changed:
                    await self.reload(changed)
            else:
                told.clear()
                await self.reload(())

    async def reload(self, files: tuple[str, ...]) -> bool:
        """Read the configuration and go by it; whether it was good. A bad one changes nothing.

        `files`: those that changed, for the log.
        """
        wrong = await self._reload(files)
        self.check = Check(_CONFIGURATION, ok=wrong is None, reason=wrong or "")
        self.metrics.reloaded("ok" if wrong is None else "refused", self._clock())
        return wrong is None

    async def _reload(self, files: tuple[str, ...]) -> str | None:
        """What was wrong; None where nothing was."""
        try:
            deployment = await asyncio.to_thread(load, self._config, self._environment)
            changes = await self._proxy.reload(deployment)
        except (ConfigurationError, CannotStart) as error:
            log.warning("reload_refused", files=files, faults=str(error).splitlines())
            return f"{_KEPT}: {error}"
        except Exception:
            # Whatever it was, a proxy that serves goes on serving.
            log.exception("reload_failed", files=files)
            return f"{_KEPT}; see the log"
        self._sources.watch(files_of(deployment))
        log.info("reloaded", files=files, changes=changes)
        return None
