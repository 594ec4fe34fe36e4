"""`claims-proxy demo`: an AD FS double, a small CRM and the proxy between them."""

import click

from proxy.cli.output import complain
from proxy.demo.run import run_demo
from proxy.demo.stage import DemoCannotStart, Part
from proxy.model.provider import Protocol


@click.command()
@click.option("--port", default=8080, show_default=True, help="The proxy's port; AD FS and CRM take the next two.")
@click.option(
    "--only",
    type=click.Choice([part.value for part in Part]),
    help="Start AD FS or the CRM alone, beside a proxy that runs already.",
)
@click.option(
    "--protocol",
    type=click.Choice([protocol.value for protocol in Protocol]),
    default=Protocol.OIDC.value,
    show_default=True,
    help="How people sign in; by ws-federation with encrypted tokens.",
)
@click.option("--host-name", help="The name that browsers use for this machine, such as demo.localhost.")
@click.option(
    "--private-network",
    is_flag=True,
    help="Listen on every address. AD FS accepts any password: only for a network that nobody else reaches, "
    "as of containers whose ports are published on 127.0.0.1.",
)
def demo(*, port: int, only: str | None, protocol: str, host_name: str | None, private_network: bool) -> None:
    """Show everything on this machine, and print what to open and try."""
    try:
        run_demo(
            port=port,
            only=Part(only) if only else None,
            name=host_name,
            private_network=private_network,
            protocol=Protocol(protocol),
        )
    except DemoCannotStart as error:
        complain(str(error))
        raise SystemExit(1) from None
