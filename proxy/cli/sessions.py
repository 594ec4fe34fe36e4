"""`claims-proxy sessions`: who is signed in, and ending it."""

import asyncio
import json
import os
import pwd
import time
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import structlog
from rich.console import Console
from rich.table import Table

from proxy.app import sessions_of
from proxy.cli.output import complain, config_option, load_or_exit
from proxy.errors import CannotStart, StoreUnavailable
from proxy.model.deployment import Deployment
from proxy.model.session import EndReason
from proxy.observability.audit import Audit, AuditEvent
from proxy.observability.audit_file import AuditFile
from proxy.pages.reference import make_reference
from proxy.sessions.service import Sessions, Summary

_IN_MEMORY = 'sessions in "memory:" are known to the running proxy alone; with state: redis://… they could be listed'


@click.group()
def sessions() -> None:
    """List and revoke sessions kept in Redis."""


@sessions.command("list")
@config_option
@click.option("--organization", help="Of one organization alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_sessions(config: Path, organization: str | None, *, as_json: bool) -> None:
    """Who is signed in where, since when, and when last active; the newest first."""
    _run(_list(_shared_store(config, organization), organization, as_json=as_json))


@sessions.command()
@config_option
@click.option("--organization", help="In one organization alone.")
@click.option("--user", help="Every session of this user: UPN, or name where there is none.")
@click.option("--session", "session_id", help="One session, by the id that `list` shows.")
def revoke(config: Path, organization: str | None, user: str | None, session_id: str | None) -> None:
    """End sessions at once, on every node; who is revoked must sign in with credentials."""
    if bool(user) == bool(session_id):
        raise click.UsageError("say whose sessions: --user alice@contoso.com, or --session ID")
    _run(_revoke(_shared_store(config, organization), organization, user, session_id))


def _shared_store(config: Path, organization: str | None) -> Deployment:
    deployment = load_or_exit(config)
    if deployment.state.startswith("memory:"):
        complain(_IN_MEMORY)
        raise SystemExit(2)
    names = [known.name for known in deployment.organizations]
    if organization is not None and organization not in names:
        complain(f"--organization {organization}: there is none of this name; known are {', '.join(names)}")
        raise SystemExit(2)
    return deployment


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except StoreUnavailable as error:
        complain(f"the store cannot be reached: {error}")
        raise SystemExit(1) from None


async def _every(live: Sessions, organization: str | None) -> AsyncIterator[Summary]:
    cursor = ""
    while True:
        page = await live.listing(organization, limit=200, cursor=cursor)
        for summary in page.sessions:
            yield summary
        if not page.cursor:
            return
        cursor = page.cursor


def _live(deployment: Deployment) -> Sessions:
    # A command is its own composition root, so it has the wall clock.
    return sessions_of(deployment, time.time)  # noqa: TID251 - see the line above


async def _list(deployment: Deployment, organization: str | None, *, as_json: bool) -> None:
    live = _live(deployment)
    try:
        found = [summary async for summary in _every(live, organization)]
    finally:
        await live.close()
    if as_json:
        for summary in found:
            click.echo(json.dumps(_row(summary), ensure_ascii=False))
        return
    table = Table("id", "organization", "user", "client", "signed in", "last activity")
    for summary in found:
        table.add_row(*(str(value) for value in _row(summary).values()))
    console = Console()
    console.print(table if found else "Nobody is signed in.")


def _row(summary: Summary) -> dict[str, str]:
    return {
        "id": summary.reference.id_hash,
        "organization": summary.organization,
        "user": summary.upn or summary.name,
        "client": str(summary.client_kind),
        "signed_in": _instant(summary.signed_in_at),
        "last_activity": _instant(summary.last_activity),
    }


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _audit_file(deployment: Deployment) -> AuditFile | None:
    """The file that the proxy writes, too. Where it cannot be used revoking goes on: the events are then shown."""
    path = deployment.observability.audit_file
    try:
        return AuditFile(path) if path else None
    except CannotStart as error:
        complain(str(error))
        return None


def _account() -> str:
    """The account of the operating system that runs this; its number where it has no name, as in containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


async def _revoke(deployment: Deployment, organization: str | None, user: str | None, session_id: str | None) -> None:
    live, count = _live(deployment), 0
    now = time.time()  # noqa: TID251 - as above
    file = _audit_file(deployment)
    audit, by = Audit(file), _account()
    structlog.contextvars.bind_contextvars(reference=make_reference())
    try:
        async for summary in _every(live, organization):
            named = user is not None and user.casefold() == (summary.upn or summary.name).casefold()
            if not named and summary.reference.id_hash != session_id:
                continue
            if await live.end_listed(summary, EndReason.REVOKED, now, owes_credentials=True):
                count += 1
                audit.record(
                    AuditEvent.SESSION_REVOKED,
                    organization=summary.organization,
                    principal=summary.upn or summary.name,
                    reason=EndReason.REVOKED,
                    session=summary.reference.id_hash,
                    by=by,
                )
    finally:
        if file is not None:
            file.close()
        await live.close()
    click.echo(f"{count} session{'s' if count != 1 else ''} ended.")
    if not count:
        raise SystemExit(1)
