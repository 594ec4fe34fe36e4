"""The command `claims-proxy`. Exit codes: 0 done, 1 could not be done, 2 the configuration or the call is at fault.

Shell completion is click's: `eval "$(_CLAIMS_PROXY_COMPLETE=bash_source claims-proxy)"`; zsh and fish likewise.
"""

import click

from proxy.cli.check import check
from proxy.cli.demo import demo
from proxy.cli.doctor import doctor
from proxy.cli.health import health
from proxy.cli.organizations import get_crm_organization, organizations
from proxy.cli.run import run
from proxy.cli.schema import schema
from proxy.cli.sessions import sessions
from proxy.cli.settings import set_advanced_settings, settings
from proxy.cli.token import token
from proxy.observability import logs, uncaught
from proxy.settings.catalogue import nearest


class _Commands(click.Group):
    """Commands in any letter case: administrators write SetAdvancedSettings and Get-CrmOrganization."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, cmd_name.lower())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown name is answered with the nearest."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f"{args[0]}: no such command; {nearest(args[0], self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="claims-proxy", prog_name="claims-proxy")
def main() -> None:
    """A claims-based authentication reverse proxy for Dynamics 365 (on-premises) and other web applications."""
    uncaught.install()
    logs.configure_command()


for _command in (
    *(run, check, doctor, health, demo, settings, sessions, organizations, token, schema),
    *(set_advanced_settings, get_crm_organization),
):
    main.add_command(_command)
