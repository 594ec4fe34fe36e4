"""`claims-proxy run`: serve until told to stop."""

from pathlib import Path

import click

from proxy.app import run as run_app
from proxy.cli.output import complain, config_option, load_or_exit
from proxy.errors import ClaimsProxyError
from proxy.observability import logs


@click.command()
@config_option
def run(config: Path) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished first."""
    deployment = load_or_exit(config)
    logs.configure(level=deployment.observability.log_level, log_format=deployment.observability.log_format)
    try:
        run_app(config, deployment)
    except (OSError, ClaimsProxyError) as error:
        complain(f"cannot start: {error}")
        raise SystemExit(1) from None
