"""What commands of administrators have in common: the store of the running proxies, and who they are."""

import asyncio
import contextlib
import os
import pwd
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import structlog

from proxy.admin.acts import Acts
from proxy.app import sessions_of
from proxy.cli.output import complain, load_or_exit
from proxy.errors import CannotStart, SettingsError, StoreUnavailable
from proxy.model.deployment import Deployment
from proxy.observability.audit import Audit
from proxy.observability.audit_file import AuditFile
from proxy.pages.reference import make_reference
from proxy.sessions.event_counts import EventCounts
from proxy.sessions.service import Sessions
from proxy.settings.change import organization_named
from proxy.settings.live import Author, LiveSettings
from proxy.settings.values import in_force

_IN_MEMORY = 'with state "memory:" this is known to the running proxy alone; with state: redis://… commands reach it'

json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
why_option = click.option("--why", default="", help="Why, for the history.")


@dataclass(frozen=True, slots=True)
class Office:
    """What a command works with. `in_force`: the configuration with the values of administrators in it."""

    deployment: Deployment
    in_force: Deployment
    sessions: Sessions
    settings: LiveSettings
    acts: Acts
    audit: Audit

    def author(self, why: str = "") -> Author:
        """Who runs the command."""
        return Author(account(), why)


def shared_store(config: Path, organization: str | None = None) -> Deployment:
    """The configuration, where its sessions and settings are kept outside one process; else exit 2."""
    deployment = load_or_exit(config)
    if deployment.state.startswith("memory:"):
        complain(_IN_MEMORY)
        raise SystemExit(2)
    if organization is not None:
        try:
            organization_named(deployment, organization)
        except SettingsError as error:
            complain(f"--organization {error}")
            raise SystemExit(2) from None
    return deployment


@contextlib.asynccontextmanager
async def office(deployment: Deployment) -> AsyncIterator[Office]:
    """Sessions and settings as the running proxies have them. Raises StoreUnavailable."""
    # A command is its own composition root, so it has the wall clock.
    clock = time.time  # noqa: TID251 - see the line above
    structlog.contextvars.bind_contextvars(reference=make_reference())
    sessions = sessions_of(deployment, clock)
    file = _audit_file(deployment)
    counts = EventCounts(sessions.admin, clock)
    audit = Audit(file, on_event=counts.note)
    settings = LiveSettings(sessions.admin, clock)
    try:
        await settings.read()
        values = settings.values if deployment.settings_live else {}
        acts = Acts(deployment, sessions, settings, audit, clock)
        yield Office(deployment, in_force(deployment, values), sessions, settings, acts, audit)
        await counts.close()
    finally:
        if file is not None:
            file.close()
        await sessions.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Do it. A store that is away is exit 1, a change that is not made exit 2, each with its reason."""
    try:
        asyncio.run(work)
    except StoreUnavailable as error:
        complain(f"the store cannot be reached: {error}")
        raise SystemExit(1) from None
    except SettingsError as error:
        complain(str(error))
        raise SystemExit(2) from None


def account() -> str:
    """The account of the operating system that runs this; its number where it has no name, as in containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def instant(seconds: float) -> str:
    """UTC, RFC 3339, to the second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _audit_file(deployment: Deployment) -> AuditFile | None:
    """The file that the proxy writes, too. Where it cannot be used acts go on: the events are then shown."""
    path = deployment.observability.audit_file
    try:
        return AuditFile(path) if path else None
    except CannotStart as error:
        complain(str(error))
        return None
