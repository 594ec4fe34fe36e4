"""`claims-proxy demo`: an AD FS double, a small CRM and the proxy between them."""

import click

from proxy.cli.output import complain
from proxy.demo.run import run_demo
from proxy.demo.stage import DemoCannotStart


@click.command()
@click.option("--port", default=8080, show_default=True, help="The proxy's port; AD FS and CRM take the next two.")
def demo(port: int) -> None:
    """Show everything on this machine, and print what to open and try."""
    try:
        run_demo(port=port)
    except DemoCannotStart as error:
        complain(str(error))
        raise SystemExit(1) from None
