"""`claims-proxy check`: whether a configuration can be run, with every fault at once."""

from pathlib import Path

import click

from proxy.admin.views import rules_by_organization
from proxy.cli.output import complain, config_option, load_or_exit, say
from proxy.model.redirect_uri import redirect_uri, redirect_uris


@click.command()
@config_option
def check(config: Path) -> None:
    """Check the configuration. Exit 0, or 2 with every fault as file:line:column: key: what is wrong; what is right.

    It says when sessions of each organization end, and which redirect URIs to register.

    Warnings (file:line:column: warning: key: …) name what works but misleads; they leave the exit code 0.
    """
    deployment = load_or_exit(config)
    for warning in deployment.warnings:
        complain(warning.as_warning())
    names = ", ".join(organization.name for organization in deployment.organizations)
    issuers = ", ".join(provider.issuer or str(provider.metadata) for provider in deployment.identity_providers)
    store = deployment.state.partition(":")[0]
    if (site := deployment.administration) is not None:
        where = f"{deployment.origin(site.hosts[0])}{deployment.listen.prefix}/admin/"
        click.echo(
            f"Administration: {where}. Redirect URI to register: {redirect_uri(deployment, site, site.hosts[0])}"
        )
    click.echo(f"{config}: good. Organizations: {names}. Identity provider: {issuers}. Sessions in: {store}.")
    for name, lines in rules_by_organization(deployment).items():
        say(f"{name}: {' '.join(lines)}")
    if deployment.settings_live:
        say("Administrators can have changed these rules: `claims-proxy settings list` shows those in force.")
    for provider, uris in redirect_uris(deployment).items():
        click.echo(f"Redirect URIs to register at {provider}, exactly and without wildcards: {', '.join(uris)}")
