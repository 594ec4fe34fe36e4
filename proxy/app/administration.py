"""The administrators' station of one configuration, wired."""

from collections.abc import Awaitable, Callable, Sequence

from proxy.admin.acts import Acts
from proxy.admin.api import Api
from proxy.admin.station import AdminStation
from proxy.admin.visitor import Reception
from proxy.model.deployment import Deployment
from proxy.model.health import Check
from proxy.model.time import Instant
from proxy.observability.audit import Audit
from proxy.pages.render import Pages
from proxy.sealing import Sealer
from proxy.sessions.service import Sessions
from proxy.settings.live import LiveSettings


def administration(
    deployment: Deployment,
    *,
    sessions: Sessions,
    settings: LiveSettings,
    pages: Pages,
    audit: Audit,
    clock: Callable[[], Instant],
    checks: Callable[[], Awaitable[Sequence[Check]]],
) -> AdminStation:
    """The endpoint `admin/`."""
    reception = Reception(deployment.administrators, Sealer(deployment.secrets), clock)
    acts = Acts(deployment, sessions, settings, audit, clock)
    api = Api(
        deployment=deployment,
        sessions=sessions,
        settings=settings,
        acts=acts,
        reception=reception,
        checks=checks,
        clock=clock,
    )
    return AdminStation(api, reception, pages, audit, deployment.listen.prefix)
