"""A proxy that serves, and takes another configuration while it does."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

import structlog

from proxy.app.parts import Lasting
from proxy.app.telling import Telling
from proxy.app.wiring import retention_of, sessions_of, wire
from proxy.configuration.difference import differences
from proxy.edge.server import serve
from proxy.errors import CannotReload
from proxy.gateway.certificates import LoadedPair, ServerCertificates, load_pair
from proxy.gateway.current import CurrentGateway
from proxy.gateway.handler import Gateway
from proxy.gateway.server import RunningServer
from proxy.gateway.streams import OpenStreams
from proxy.model.deployment import Deployment
from proxy.model.health import Check
from proxy.model.time import Instant, Seconds
from proxy.observability import logs
from proxy.observability.metrics import Metrics, Snapshot
from proxy.sealing import Sealer
from proxy.sessions.event_counts import EventCounts
from proxy.sessions.service import Sessions
from proxy.settings.live import LiveSettings
from proxy.store.tasks import end_tasks

log = structlog.get_logger("app")


class RunningProxy:
    """A proxy that serves. `port` is the one it got; `deployment` what it goes by; `sessions` are to be looked at."""

    def __init__(
        self, deployment: Deployment, sessions: Sessions, clock: Callable[[], Instant], metrics: Metrics
    ) -> None:
        self.deployment = deployment
        self.sessions = sessions
        settings = LiveSettings(sessions.admin, clock, lambda: self.deployment.settings_live)
        sessions.follow(settings.changed, lambda: settings.is_known or not self.deployment.settings_live)
        self._lasting = Lasting(
            sessions, settings, clock, OpenStreams(sessions), metrics, EventCounts(sessions.admin, clock)
        )
        settings.listen(lambda _: self._lasting.announcements.changed())
        self._certificates: ServerCertificates | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._retired: set[contextlib.AsyncExitStack] = set()
        self._held = contextlib.AsyncExitStack()
        self._telling: Telling
        self._current: CurrentGateway
        self._server: RunningServer

    @property
    def port(self) -> int:
        """The listener's port."""
        return self._server.port

    async def start(self, listening: socket.socket | None = None) -> None:
        """Begin to serve. Raises as `start` below does; nothing stays open then."""
        listen = self.deployment.listen
        try:
            await self.sessions.start()
            await self._lasting.settings.start()
            self._lasting.events.start()
            wired = wire(self.deployment, self._lasting, self._held)
            gateway = wired.gateway
            self._lasting.streams.follow(gateway.judge, gateway.organizations)
            self._current = CurrentGateway(gateway)
            self._telling = Telling(self._lasting, wired)
            tls = self._show_certificates()
            self._server = await serve(
                self._current, self._lasting.streams, listen.host, listen.port, tls, listening=listening
            )
        except BaseException:
            await self._let_go()
            raise
        log.info("started", address=f"{listen.host}:{self.port}", organizations=len(self.deployment.organizations))

    def _show_certificates(self) -> ssl.SSLContext | None:
        files = self.deployment.listen.tls
        if files is None:
            return None
        certificates = self._certificates = ServerCertificates(files)
        self._lasting.metrics.watch("certificate_expires_timestamp_seconds", lambda: {(): certificates.expires_at})
        return certificates.context

    async def snapshot(self) -> Snapshot:
        """What was counted so far."""
        return await self._telling.snapshot()

    async def checks(self) -> tuple[Check, ...]:
        """How everything is that requests need."""
        return await self._telling.checks()

    async def reload(self, deployment: Deployment) -> tuple[str, ...]:
        """Go by another configuration from now on, whole; what it changed, in lines without secrets.

        Requests in flight finish as they began. Nobody is signed out, save who was signed in under a secret that is
        gone.

        Raises CannotReload where a restart is needed and CannotStart where a file cannot be used; nothing has changed
        then.
        """
        _refuse_what_needs_a_restart(self.deployment, deployment)
        tls = deployment.listen.tls
        # However often a file was read before: it may say something else by now.
        pair = await asyncio.to_thread(load_pair, tls) if tls else None
        async with contextlib.AsyncExitStack() as building:
            wired = wire(deployment, self._lasting, building)
            gateway = wired.gateway
            # From here on nothing fails and nothing waits: there is no moment with half of each.
            before, self.deployment = self.deployment, deployment
            earlier = self._current.replace(gateway)
            self._telling.wired = wired
            self._adopt(before, deployment, pair)
            self._lasting.streams.follow(gateway.judge, gateway.organizations)
            self._retire(earlier, self._held)
            self._held = building.pop_all()
            self._lasting.announcements.changed()
        return differences(before, deployment)

    def _adopt(self, before: Deployment, deployment: Deployment, pair: LoadedPair | None) -> None:
        if self._certificates and pair:
            self._certificates.use(pair)
        self.sessions.adopt(
            Sealer(deployment.secrets),
            deployment.sessions,
            retention=retention_of(deployment),
            drop_copies=not set(before.secrets) <= set(deployment.secrets),
        )
        logs.configure(level=deployment.observability.log_level, log_format=deployment.observability.log_format)

    def _retire(self, earlier: Gateway, held: contextlib.AsyncExitStack) -> None:
        """Let go of what the earlier configuration held once its last request has ended."""

        async def retire() -> None:
            await self._current.finished(earlier)
            self._retired.discard(held)
            await held.aclose()

        self._retired.add(held)
        task = asyncio.get_running_loop().create_task(retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def close(self, drain_seconds: Seconds = 30.0) -> None:
        """Finish the requests in flight, at most for `drain_seconds`, write what is pending, then let go of all."""
        await self._server.close(drain_seconds)
        await self._let_go()

    async def _let_go(self) -> None:
        await end_tasks(self._retiring)
        for held in (*self._retired, self._held):
            await held.aclose()
        await self._lasting.settings.close()
        await self._lasting.events.close()
        await self.sessions.close()


def _refuse_what_needs_a_restart(before: Deployment, after: Deployment) -> None:
    pairs = {
        "listen.address": ((before.listen.host, before.listen.port), (after.listen.host, after.listen.port)),
        "listen.tls": (before.listen.tls is None, after.listen.tls is None),
        "management.address": (before.management, after.management),
        "state": (before.state, after.state),
    }
    changed = [key for key, (one, other) in pairs.items() if one != other]
    if changed:
        raise CannotReload(f"{', '.join(changed)}: cannot change while the proxy runs; restart it, or put it back")


async def start(
    deployment: Deployment, *, clock: Callable[[], Instant], listening: socket.socket | None = None
) -> RunningProxy:
    """Build a proxy and begin to serve. `clock` gives UTC seconds; `listening`: a socket to serve on.

    Raises OSError where the address is taken, CannotStart where a file of certificates cannot be used. A store or a
    provider that does not answer is no reason not to start: requests are answered with what can be told.
    """
    metrics = Metrics()
    running = RunningProxy(deployment, sessions_of(deployment, clock, metrics), clock, metrics)
    await running.start(listening)
    return running
