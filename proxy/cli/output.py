"""How commands speak, and the configuration that most of them begin with."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.configuration import load
from proxy.errors import ConfigurationError
from proxy.model.deployment import Deployment
from proxy.observability.escaping import escape_json
from proxy.printable import printable

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
    """Print one line on standard error that says what went wrong."""
    click.echo(printable(text), err=True)


def say(text: str) -> None:
    """Print one line on standard output."""
    click.echo(printable(text))


def say_json(value: object, *, indent: int | None = 2) -> None:
    """Print JSON; `indent=None` puts it on one line."""
    click.echo(escape_json(json.dumps(value, ensure_ascii=False, indent=indent), keep="\n"))


def add_row(table: Table, *cells: str | Sequence[str]) -> None:
    """Add a row of plain text, which a user's name cannot style or break; several texts of one cell are its lines."""
    lines = [[cell] if isinstance(cell, str) else cell for cell in cells]
    table.add_row(*(Text("\n".join(map(printable, each))) for each in lines))


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
        for fault in error.faults:
            complain(str(fault))
        raise SystemExit(2) from None
