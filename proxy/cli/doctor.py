"""`claims-proxy doctor`: what is wrong, for an administrator in a hurry."""

import asyncio
import time
from dataclasses import asdict
from pathlib import Path

import click

from proxy.app.doctor import Finding, Grade, examined
from proxy.cli.administration import json_option
from proxy.cli.output import config_option, load_or_exit, say, say_json
from proxy.printable import printable

_SHOWN = {Grade.OK: ("ok", "green"), Grade.WARNING: ("WARNING", "yellow"), Grade.FAULT: ("FAULT", "red")}


@click.command()
@config_option
@json_option
def doctor(config: Path, *, as_json: bool) -> None:
    """Look at everything the proxy needs: configuration, secrets, certificate, store, providers, clocks, upstreams.

    It asks them as the proxy would, changes nothing, and shows no secret. Exit 0 where nothing is broken, 1 where
    something is, 2 where the configuration is at fault.
    """
    deployment = load_or_exit(config)
    names = ", ".join(organization.name for organization in deployment.organizations)
    # A command is its own composition root, so it has the wall clock.
    clock = time.time  # noqa: TID251 - see the line above
    found = (Finding("configuration", Grade.OK, f"{config}: {names}"), *asyncio.run(examined(deployment, clock)))
    if as_json:
        say_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            _show(finding)
    raise SystemExit(any(finding.grade is Grade.FAULT for finding in found))


def _show(finding: Finding) -> None:
    word, colour = _SHOWN[finding.grade]
    click.echo(f"{click.style(f'{word:8}', fg=colour)} {printable(f'{finding.check}: {finding.said}')}")
    if finding.right:
        say(f"{'':8} right would be: {finding.right}")
