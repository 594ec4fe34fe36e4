"""`claims-proxy check`: whether a configuration can be run, with every fault at once."""

from pathlib import Path

import click

from proxy.cli.output import complain, config_option, load_or_exit
from proxy.model.redirect_uri import redirect_uris


@click.command()
@config_option
def check(config: Path) -> None:
    """Check the configuration. Exit 0, or 2 with every fault as file:line:column: key: what is wrong; what is right.

    Warnings (file:line:column: warning: key: …) name what works but misleads; they leave the exit code 0.
    """
    deployment = load_or_exit(config)
    for warning in deployment.warnings:
        complain(warning.as_warning())
    names = ", ".join(organization.name for organization in deployment.organizations)
    issuers = ", ".join(provider.issuer or str(provider.metadata) for provider in deployment.identity_providers)
    store = deployment.state.partition(":")[0]
    click.echo(f"{config}: good. Organizations: {names}. Identity provider: {issuers}. Sessions in: {store}.")
    for provider, uris in redirect_uris(deployment).items():
        click.echo(f"Redirect URIs to register at {provider}, exactly and without wildcards: {', '.join(uris)}")
