"""The command `claims-proxy`. Exit codes: 0 done, 1 could not be done, 2 the configuration or the call is at fault."""

import click

from proxy.cli.check import check
from proxy.cli.demo import demo
from proxy.cli.health import health
from proxy.cli.run import run
from proxy.cli.schema import schema
from proxy.cli.sessions import sessions
from proxy.cli.token import token


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="claims-proxy", prog_name="claims-proxy")
def main() -> None:
    """A claims-based authentication reverse proxy for Dynamics 365 (on-premises) and other web applications."""


for _command in (run, check, health, demo, sessions, token, schema):
    main.add_command(_command)
