"""`claims-proxy settings`, and SetAdvancedSettings as administrators know it."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from proxy.admin.acts import Done, Forecast
from proxy.admin.views import entry_row, rules_by_organization, setting_rows, standing_of
from proxy.cli.administration import instant, json_option, office, run, shared_store, why_option
from proxy.cli.cmdlet import Cmdlet
from proxy.cli.completion import guids_like, organizations_like, settings_like
from proxy.cli.output import add_row, complain, config_option, say_json, show_table
from proxy.errors import SettingUnknown
from proxy.model.deployment import Deployment
from proxy.settings.catalogue import Entity, nearest, parse, setting_named
from proxy.settings.change import Wish, organization_named, said

_organization_option = click.option(
    "--organization", "-o", shell_complete=organizations_like, help="Of this organization (name or GUID); else of all."
)
_setting_argument = click.argument("setting", shell_complete=settings_like)
_dry_run_option = click.option("--dry-run", is_flag=True, help="Say what it would do, and do nothing.")


@click.group()
def settings() -> None:
    """Settings that act at once, on every node, with a history."""


@settings.command("list")
@config_option
@click.option(
    "--organization", "-o", shell_complete=organizations_like, help="Of this organization (name or GUID) alone."
)
@json_option
def list_settings(config: Path, organization: str | None, *, as_json: bool) -> None:
    """Every setting, its value in force, where that comes from, and the rules that follow."""
    run(_list(shared_store(config, organization), organization, as_json=as_json))


async def _list(deployment: Deployment, organization: str | None, *, as_json: bool) -> None:
    only = None if organization is None else organization_named(deployment, organization).name
    async with office(deployment) as at:
        standing = await standing_of(deployment, at.settings)
    rows, every = setting_rows(standing, only), rules_by_organization(standing.in_force)
    rules = {name: lines for name, lines in every.items() if only in (None, name)}
    if as_json:
        say_json({"revision": standing.revision, "settings": rows, "rules": rules})
        return
    table = Table("organization", "setting", "value", "from", title=f"revision {standing.revision}")
    for row in rows:
        add_row(table, row["organization"] or "(all)", row["setting"], _value(row["effective"]), _from(row))
    console = Console()
    show_table(table)
    for name, lines in rules.items():
        console.print(f"[bold]{name}[/bold]: {' '.join(lines)}", highlight=False)


@settings.command("get")
@config_option
@_setting_argument
@_organization_option
@json_option
def get_setting(config: Path, setting: str, organization: str | None, *, as_json: bool) -> None:
    """One setting's value in force."""
    run(_get(shared_store(config, organization), setting, organization, as_json=as_json))


async def _get(deployment: Deployment, setting: str, organization: str | None, *, as_json: bool) -> None:
    of = None if organization is None else organization_named(deployment, organization)
    known = setting_named(setting, of)
    async with office(deployment) as at:
        rows = setting_rows(await standing_of(deployment, at.settings))
    row = next(r for r in rows if (r["organization"], r["setting"]) == (of.name if of else None, known.name))
    if as_json:
        say_json(row)
    else:
        click.echo(_value(row["effective"]))


@settings.command("set")
@config_option
@_organization_option
@click.argument("assignments", nargs=-1, required=True, metavar="SETTING=VALUE...", shell_complete=settings_like)
@why_option
@_dry_run_option
@json_option
def set_settings(
    config: Path, organization: str | None, assignments: tuple[str, ...], why: str, *, dry_run: bool, as_json: bool
) -> None:
    """Change settings, together: SETTING=VALUE …; `default` is the configuration's value."""
    pairs = [assignment.partition("=") for assignment in assignments]
    if any(not separator for _, separator, _ in pairs):
        raise click.UsageError("write each as SETTING=VALUE, such as sessiontimeoutinmins=90")
    named = [(name, value) for name, _, value in pairs]
    run(_set(shared_store(config, organization), organization, named, why, dry_run=dry_run, as_json=as_json))


async def _set(
    deployment: Deployment,
    organization: str | None,
    pairs: list[tuple[str, str]],
    why: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    of = None if organization is None else organization_named(deployment, organization)
    wishes = [
        Wish(of.name if of else None, known.name, parse(known, text))
        for known, text in ((setting_named(name, of), text) for name, text in pairs)
    ]
    async with office(deployment) as at:
        if dry_run:
            _say_forecast(await at.acts.forecast(wishes), as_json=as_json)
        else:
            _say_done(await at.acts.change(wishes, at.author(why)), as_json=as_json)


@settings.command()
@config_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The newest so many.")
@json_option
def history(config: Path, limit: int, *, as_json: bool) -> None:
    """Every change and administrative act, the newest first: when, who, what, from, to, why."""
    run(_history(shared_store(config), limit, as_json=as_json))


async def _history(deployment: Deployment, limit: int, *, as_json: bool) -> None:
    async with office(deployment) as at:
        entries = await at.settings.history(0, limit)
    if as_json:
        for entry in entries:
            say_json(entry_row(entry), indent=None)
        return
    table = Table("revision", "at", "by", "what", "why")
    for entry in entries:
        what = [f"{i.setting} ({i.organization}): {said(i.before)} -> {said(i.after)}" for i in entry.items]
        if entry.subject:
            what.append(f"{entry.act}: {entry.subject}, {entry.ended or 0} ended")
        add_row(table, str(entry.revision or ""), instant(entry.at), entry.by, what, entry.why)
    Console().print(table if entries else "Nothing was changed yet.")


@settings.command()
@config_option
@click.argument("revision", type=click.IntRange(0))
@why_option
@json_option
def rollback(config: Path, revision: int, why: str, *, as_json: bool) -> None:
    """Make the settings what they were at a revision of the history; 0: as the configuration has them."""
    run(_rollback(shared_store(config), revision, why, as_json=as_json))


async def _rollback(deployment: Deployment, revision: int, why: str, *, as_json: bool) -> None:
    async with office(deployment) as at:
        _say_done(await at.acts.go_back(revision, at.author(why)), as_json=as_json)


# Microsoft's script validates no names and answers nothing; this does both.
@click.command("setadvancedsettings", cls=Cmdlet)
@config_option
@click.option("-configurationentityname", "entity", required=True, help="ServerSettings or Organization.")
@click.option(
    "-settingname", "setting", required=True, shell_complete=settings_like, help="Such as WSFedNonceCookieEnabled."
)
@click.option("-settingvalue", "value", required=True, help="true, false, or minutes.")
@click.option("-id", "guid", shell_complete=guids_like, help="With Organization: its GUID.")
@why_option
@json_option
def set_advanced_settings(
    *, config: Path, entity: str, setting: str, value: str, guid: str | None, why: str, as_json: bool
) -> None:
    """SetAdvancedSettings -ConfigurationEntityName E -SettingName S -SettingValue V [-Id GUID]."""
    try:
        kind = _entity(entity)
    except SettingUnknown as error:
        complain(f"-ConfigurationEntityName {error}")
        raise SystemExit(2) from None
    if (kind is Entity.ORGANIZATION) != (guid is not None):
        raise click.UsageError("-Id belongs to -ConfigurationEntityName Organization, and that needs it")
    run(_set(shared_store(config), guid, [(setting, value)], why, dry_run=False, as_json=as_json))


def _entity(text: str) -> Entity:
    known = {Entity.SERVER_SETTINGS, Entity.ORGANIZATION}
    for entity in known:
        if entity.casefold() == text.casefold():
            return entity
    raise SettingUnknown(f"{text}: no such entity; {nearest(text, sorted(known))}")


def _value(value: object) -> str:
    return "(not set)" if value is None else str(value).lower()


def _from(row: dict[str, Any]) -> str:
    if row["origin"] != "live" or row["at"] is None:
        return str(row["origin"]).replace("_", " ")
    return f"{row['by']}, {instant(row['at'])}"


def _say_forecast(forecast: Forecast, *, as_json: bool) -> None:
    ends = sum(forecast.ends.values())
    if as_json:
        say_json({"dry_run": True, "changes": len(forecast.proposal.items), "ends": ends})
        return
    for item in forecast.proposal.items:
        click.echo(f"{item.setting}: {said(item.before)} -> {said(item.after)}")
    click.echo(f"That would end {ends} session{'' if ends == 1 else 's'}." if forecast.proposal.items else "No change.")


def _say_done(done: Done, *, as_json: bool) -> None:
    if as_json:
        items = entry_row(done.entry)["items"] if done.entry else []
        say_json({"revision": done.revision, "items": items, "ended": done.ended})
        return
    if done.entry is None:
        click.echo(f"No change: it is so already (revision {done.revision}).")
        return
    for item in done.entry.items:
        click.echo(f"{item.setting}: {said(item.before)} -> {said(item.after)}")
    click.echo(f"Revision {done.revision}. {done.ended} session{'' if done.ended == 1 else 's'} ended.")
