"""`claims-proxy sessions`: who is signed in, and ending it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import click
from rich.table import Table

from proxy.cli.administration import Office, instant, json_option, office, run, shared_store, why_option
from proxy.cli.completion import organizations_like
from proxy.cli.output import add_row, complain, config_option, say_json, show_table
from proxy.model.deployment import Deployment
from proxy.policy.limits import inactivity_end, session_end
from proxy.sessions.service import Summary
from proxy.settings.change import organization_named
from proxy.settings.current import rules_of

_AT_ONCE = 500
_ID_AFTER_A_DASH = re.compile(r"-[A-Za-z0-9_-]{42}")
_organization_option = click.option(
    "--organization", shell_complete=organizations_like, help="Of one organization (name or GUID) alone."
)


class _OfOneSession(click.Command):
    """A command whose argument is a session's id. One id in 64 begins with a dash, and is no option for that."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with such an id last, where it cannot be taken for an option."""
        ids = [word for word in args if _ID_AFTER_A_DASH.fullmatch(word)]
        if ids and "--" not in args:
            args = [*(word for word in args if word not in ids), "--", *ids]
        return super().parse_args(ctx, args)


@click.group()
def sessions() -> None:
    """List, show and revoke sessions kept in Redis."""


@sessions.command("list")
@config_option
@_organization_option
@click.option("--user", help="Search: UPN or its first part, `sub`, display name or a word of it.")
@json_option
def list_sessions(config: Path, organization: str | None, user: str | None, *, as_json: bool) -> None:
    """Who is signed in where, since when, and when last active; the newest first."""
    deployment = shared_store(config, organization)
    run(_list(deployment, _name(deployment, organization), user, as_json=as_json))


def _name(deployment: Deployment, organization: str | None) -> str | None:
    """The name that sessions are kept by, whichever way an organization was named."""
    return None if organization is None else organization_named(deployment, organization).name


async def _list(deployment: Deployment, organization: str | None, user: str | None, *, as_json: bool) -> None:
    async with office(deployment) as at:
        if user is None:
            found = [summary async for summary in at.sessions.directory.every(organization)]
        else:
            found = await _of_user(at, user, organization)
    if as_json:
        for summary in found:
            say_json(_row(summary), indent=None)
        return
    table = Table("id", "organization", "user", "display name", "client", "signed in", "last activity")
    for summary in found:
        add_row(table, *(str(value) for value in _row(summary).values()))
    if found:
        show_table(table)
    else:
        click.echo("Nobody is signed in.")


@sessions.command(cls=_OfOneSession)
@config_option
@click.argument("session_id")
@json_option
def show(config: Path, session_id: str, *, as_json: bool) -> None:
    """One session by the id that `list` shows: whose, since when, what ends it next, and when."""
    run(_show(shared_store(config), session_id, as_json=as_json))


async def _show(deployment: Deployment, session_id: str, *, as_json: bool) -> None:
    async with office(deployment) as at:
        summary = await _by_id(at, session_id)
        facts = _row(summary) | _ends(at.in_force, summary)
    if as_json:
        say_json(facts)
        return
    table = Table(show_header=False)
    for name, value in facts.items():
        add_row(table, name, str(value))
    show_table(table)


async def _by_id(at: Office, session_id: str) -> Summary:
    """Raises SystemExit(1) where there is none."""
    summary = await at.sessions.directory.with_id(session_id)
    if summary is not None:
        return summary
    complain(
        f"{session_id}: there is no such session, or it has ended; `claims-proxy sessions list` shows those there are"
    )
    raise SystemExit(1)


def _ends(deployment: Deployment, summary: Summary) -> dict[str, str | None]:
    organization = next((each for each in deployment.sites if each.name == summary.organization), None)
    if organization is None:
        return {}
    rules = rules_of(deployment, organization)
    at, reason = session_end(summary, rules)
    idle = inactivity_end(summary, rules)
    return {
        "session_ends": instant(at),
        "ended_by": str(reason),
        "inactivity_ends": None if idle is None else instant(idle),
    }


@sessions.command()
@config_option
@_organization_option
@click.option("--user", help="Every session of this user: UPN, or `sub` where there is no UPN; never a display name.")
@click.option("--provider", help="With --user: only the user of this identity provider; left out: of every provider.")
@click.option("--session", "session_id", help="One session, by the id that `list` shows.")
@why_option
@json_option
def revoke(
    *,
    config: Path,
    organization: str | None,
    user: str | None,
    provider: str | None,
    session_id: str | None,
    why: str,
    as_json: bool,
) -> None:
    """End sessions immediately on every node. Their users must enter credentials to sign in again."""
    if bool(user) == bool(session_id):
        raise click.UsageError("say whose sessions: --user alice@contoso.com, or --session ID")
    if provider is not None and user is None:
        raise click.UsageError("--provider requires --user: a session's id already names one session")
    deployment = shared_store(config, organization)
    known = [each.name for each in deployment.identity_providers]
    if provider is not None and provider not in known:
        raise click.UsageError(f"--provider: there is no identity provider of this name; known: {', '.join(known)}")
    run(_revoke(deployment, _name(deployment, organization), Whose(user, provider, session_id), why, as_json=as_json))


@dataclass(frozen=True, slots=True)
class Whose:
    """The sessions meant: all of a user, of one provider or of every, or one by its id."""

    user: str | None = None
    provider: str | None = None
    session_id: str | None = None


async def _revoke(
    deployment: Deployment,
    organization: str | None,
    whose: Whose,
    why: str,
    *,
    as_json: bool,
) -> None:
    async with office(deployment) as at:
        if whose.user is None:
            one = await at.sessions.directory.with_id(whose.session_id or "")
            found = [one] if one is not None and organization in (None, one.organization) else []
        else:
            alike = await _of_user(at, whose.user, organization)
            found = [each for each in alike if each.is_of(whose.user, whose.provider)]
        count = 0
        for summary in found:
            count += await at.acts.revoke_session(summary, at.author(why))
    click.echo(json.dumps({"ended": count}) if as_json else f"{count} session{'s' if count != 1 else ''} ended.")
    if not count:
        raise SystemExit(1)


async def _of_user(at: Office, user: str, organization: str | None) -> list[Summary]:
    found: list[Summary] = []
    cursor = "0"
    while cursor:
        page = await at.sessions.directory.search(user, organization, _AT_ONCE, cursor)
        found += page.sessions
        cursor = page.cursor
    return found


def _row(summary: Summary) -> dict[str, str | None]:
    return {
        "id": summary.reference.id_hash,
        "organization": summary.organization,
        "user": summary.user,
        "display_name": summary.name,
        "client": str(summary.client_kind),
        "signed_in": instant(summary.signed_in_at),
        "last_activity": instant(summary.last_activity),
    }
