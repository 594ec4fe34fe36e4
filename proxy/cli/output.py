"""How commands speak, and the configuration that most of them begin with."""

import os
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from proxy.configuration import load
from proxy.errors import ConfigurationError
from proxy.model.deployment import Deployment

_WIDEST = 1000

config_option = click.option(
    "--config",
    "config",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CLAIMS_PROXY_CONFIG",
    show_envvar=True,
    help="The YAML file.",
)


def complain(text: str) -> None:
    """Say on standard error what went wrong."""
    click.echo(text, err=True)


def show_table(table: Table) -> None:
    """As wide as it is: a GUID or an id that was cut short could not be copied."""
    console = Console()
    natural = console.measure(table, options=console.options.update(width=_WIDEST)).maximum
    Console(width=max(console.width, natural)).print(table)


def load_or_exit(config: Path) -> Deployment:
    """The configuration; where it is at fault, every fault on standard error and exit 2."""
    try:
        return load(config, os.environ)
    except ConfigurationError as error:
        complain(str(error))
        raise SystemExit(2) from None
