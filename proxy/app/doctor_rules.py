"""The doctor's look at what a configuration does: when sessions end, what takes no effect, what misleads its reader."""

import contextlib
from collections.abc import Callable, Iterable

from proxy.admin.views import rules_by_organization
from proxy.app.wiring import sessions_of
from proxy.configuration.cautions import cautions
from proxy.configuration.document import spell
from proxy.errors import StoreUnavailable
from proxy.model.deployment import Deployment
from proxy.model.time import Instant
from proxy.settings.live import LiveSettings
from proxy.settings.values import in_force


async def with_live_values(deployment: Deployment, clock: Callable[[], Instant]) -> Deployment:
    """Return the configuration with the values of administrators; unchanged if it has none or the store is away."""
    if not deployment.settings_live or deployment.state.startswith("memory:"):
        return deployment
    sessions = sessions_of(deployment, clock)
    try:
        settings = LiveSettings(sessions.admin, clock)
        with contextlib.suppress(StoreUnavailable):
            await settings.read()
        return in_force(deployment, settings.values)
    finally:
        await sessions.close()


def warnings_of(deployment: Deployment) -> Iterable[tuple[str, str]]:
    """Yield (what misleads, what to write) for every warning that `check` gives as well."""
    for path, wrong, right in cautions(deployment):
        yield f"{spell(path)}: {wrong}", right.removeprefix("fix: ")


def rules_of_each(deployment: Deployment) -> Iterable[tuple[str, str]]:
    """Yield (organization, its rules in plain words)."""
    for name, lines in rules_by_organization(deployment).items():
        yield name, " ".join(lines)
