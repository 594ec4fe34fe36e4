"""The management listener: `/healthz`, `/readyz` and `/metrics`, for those who watch the proxy and for nobody else.

A node is ready once its store answers, and stays so until the store has been away for longer than `outage_grace`: until
then sessions that are known go on, and a load balancer that took all nodes away at once would end what grace is for. A
provider that cannot be reached makes no node unready, for open sessions go on without it; nor does a configuration file
that was refused, for the one before it is in force. Both are told.
"""

from collections.abc import Sequence
from typing import Protocol

import structlog
from aiohttp import web

from proxy.errors import CannotStart
from proxy.model.deployment import Management
from proxy.model.health import Check, is_ready
from proxy.observability.exposition import exposition
from proxy.observability.metrics import Snapshot

log = structlog.get_logger("app")

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Watched(Protocol):
    """What is told of."""

    async def snapshot(self) -> Snapshot:
        """What was counted so far."""

    async def checks(self) -> Sequence[Check]:
        """How everything is."""


class RunningManagement:
    """The listener."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self.stopping = False  # whoever asks is then told not to send anything further
        application = web.Application(handler_args={"access_log": None})
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)

    @property
    def port(self) -> int:
        """The port it got."""
        port: int = self._runner.addresses[0][1]
        return port

    async def start(self, where: Management) -> None:
        """Listen. Raises OSError."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, where.host, where.port).start()
        except BaseException:
            await self._runner.cleanup()
            raise

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        if self.stopping:
            return _json({"status": "stopping"}, ok=False)
        return _json({"status": "ok"}, ok=True)

    async def _readyz(self, _: web.Request) -> web.Response:
        checks = await self._checks()
        ready = is_ready(checks)
        said = {
            "status": "ready" if ready else "not ready",
            "checks": {
                check.name: {"ok": check.ok, "reason": check.reason, "needed": check.needed} for check in checks
            },
        }
        return _json(said, ok=ready)

    async def _checks(self) -> Sequence[Check]:
        if self.stopping:
            return (Check("process", ok=False, reason="stopping", needed=True),)
        try:
            return await self._watched.checks()
        except Exception:
            # A load balancer that is told 500 cannot tell a fault of this answer from one of the proxy.
            log.exception("readiness_failed")
            return (Check("process", ok=False, reason="its checks failed; see the log", needed=True),)

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = exposition(await self._watched.snapshot(), request.headers.get("Accept", ""))
        return web.Response(body=body, headers={**_HEADERS, "Content-Type": content_type})


def _json(said: object, *, ok: bool) -> web.Response:
    return web.json_response(said, status=200 if ok else 503, headers=_HEADERS)


async def managed(watched: Watched, where: Management | None) -> RunningManagement | None:
    """The listener, where there is to be one. Raises CannotStart where its address cannot be had."""
    if where is None:
        return None
    management = RunningManagement(watched)
    try:
        await management.start(where)
    except OSError as error:
        wrong = f"management.address: {where.host}:{where.port} cannot be used: {error.strerror or error}"
        raise CannotStart(f"{wrong}; name an address of this machine and a free port, or off") from error
    log.info("management_started", address=f"{where.host}:{management.port}")
    return management
