"""What shells are told to complete words with, beside click's own commands and options."""

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from proxy.configuration import load
from proxy.errors import ConfigurationError
from proxy.model.organization import Organization
from proxy.settings.catalogue import SETTINGS


def settings_like(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of settings, in any letter case."""
    start = incomplete.casefold()
    return [CompletionItem(s.name, help=s.description) for s in SETTINGS if s.name.casefold().startswith(start)]


def organizations_like(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the configuration's organizations."""
    start = incomplete.casefold()
    names = [(each.name, each.friendly_name) for each in _organizations(context)]
    return [CompletionItem(name, help=help_ or None) for name, help_ in names if name.casefold().startswith(start)]


def guids_like(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """GUIDs of the configuration's organizations."""
    start = incomplete.casefold()
    return [CompletionItem(o.id, help=o.name) for o in _organizations(context) if o.id.casefold().startswith(start)]


def _organizations(context: click.Context) -> tuple[Organization, ...]:
    """None where there is no configuration yet, or none that is good: a shell is no place to complain."""
    config = context.params.get("config") or os.environ.get("CLAIMS_PROXY_CONFIG")
    if not config:
        return ()
    try:
        return load(Path(config), os.environ).organizations
    except (ConfigurationError, OSError):
        return ()
