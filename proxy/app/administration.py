"""The administrators' pages and API of one configuration, wired."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from proxy.admin.acts import Acts
from proxy.admin.api import Api
from proxy.admin.changes import Changes
from proxy.admin.pending import PendingChanges
from proxy.admin.station import AdminStation
from proxy.admin.visitor import Reception
from proxy.app.parts import Parts
from proxy.model.health import Check


@dataclass(frozen=True, slots=True)
class Administration:
    """The endpoint `admin/`, and the changes that wait for a sign-in."""

    station: AdminStation
    pending: PendingChanges


def administration(parts: Parts, checks: Callable[[], Awaitable[Sequence[Check]]]) -> Administration:
    """Wire both."""
    deployment, lasting = parts.deployment, parts.lasting
    reception = Reception(deployment.administrators, parts.sealer, lasting.clock)
    acts = Acts(deployment, lasting.sessions, lasting.settings, parts.audit, lasting.clock)
    changes = Changes(acts, lasting.sessions.directory)
    pending = PendingChanges(
        changes=changes,
        rules=deployment.administrators,
        sealer=parts.sealer,
        use_once=lasting.sessions.use_once,
        pages=lasting.pages,
        audit=parts.audit,
        clock=lasting.clock,
    )
    api = Api(
        deployment=deployment,
        sessions=lasting.sessions,
        settings=lasting.settings,
        acts=acts,
        changes=changes,
        pending=pending,
        reception=reception,
        checks=checks,
        clock=lasting.clock,
    )
    return Administration(AdminStation(api, reception, lasting.pages, parts.audit, deployment.listen.prefix), pending)
