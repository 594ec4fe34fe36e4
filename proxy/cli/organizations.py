"""`claims-proxy organizations`, and Get-CrmOrganization as administrators know it."""

from pathlib import Path

import click
from rich.table import Table

from proxy.cli.administration import json_option
from proxy.cli.cmdlet import Cmdlet
from proxy.cli.completion import organizations_like
from proxy.cli.output import add_row, complain, config_option, load_or_exit, say_json, show_table
from proxy.errors import SettingUnknown
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.settings.change import organization_named


@click.group()
def organizations() -> None:
    """What the proxy stands in front of."""


@organizations.command("list")
@config_option
@json_option
def list_organizations(config: Path, *, as_json: bool) -> None:
    """Every organization: GUID, names, state, address."""
    _show(load_or_exit(config), None, as_json=as_json)


@click.command("get-crmorganization", cls=Cmdlet)
@config_option
@click.option(
    "-name",
    "name",
    shell_complete=organizations_like,
    help="One organization, by its unique name or GUID; left out: all.",
)
@json_option
def get_crm_organization(config: Path, name: str | None, *, as_json: bool) -> None:
    """Get-CrmOrganization [-Name N]: Id, UniqueName, FriendlyName, State, Url."""
    _show(load_or_exit(config), name, as_json=as_json)


def _show(deployment: Deployment, name: str | None, *, as_json: bool) -> None:
    try:
        found = deployment.organizations if name is None else (organization_named(deployment, name),)
    except SettingUnknown as error:
        complain(str(error))
        raise SystemExit(2) from None
    rows = [_row(deployment, organization) for organization in found]
    if as_json:
        say_json(rows)
        return
    table = Table(*rows[0])
    for row in rows:
        add_row(table, *row.values())
    show_table(table)


def _row(deployment: Deployment, organization: Organization) -> dict[str, str]:
    return {
        "Id": organization.id,
        "UniqueName": organization.name,
        "FriendlyName": organization.friendly_name or organization.name,
        "State": "Enabled",
        "Kind": str(organization.kind),
        "Url": url_of(deployment, organization),
    }


def url_of(deployment: Deployment, organization: Organization) -> str:
    """Where browsers find it, as far as the configuration tells."""
    return f"{deployment.origin(organization.hosts[0])}{organization.path}/"
