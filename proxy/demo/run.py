"""`claims-proxy demo`: everything in one process, and what to try with it."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from proxy import app
from proxy.demo.adfs_model import Trust
from proxy.demo.deployment import demo_client, demo_deployment, federated
from proxy.demo.stage import Part, Places, neighbours, places
from proxy.model.provider import Protocol
from proxy.model.time import Instant
from proxy.observability import logs

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - taken only on the word that the network is private


def run_demo(
    *,
    port: int = 8080,
    only: Part | None = None,
    name: str | None = None,
    private_network: bool = False,
    protocol: Protocol = Protocol.OIDC,
    console: Console | None = None,
) -> None:
    """Serves the demonstration until SIGINT or SIGTERM: the proxy on `port`, AD FS and CRM on the next two.

    `only`: that part alone, beside a proxy that was started otherwise. `name`: the host name that browsers use, where
    it is not 127.0.0.1. `private_network`: listen on every address, on the caller's word that only this machine reaches
    them, as in a container whose ports are published on loopback. `protocol`: how people sign in.

    Raises DemoCannotStart (a message for the terminal) where the name is not this machine's or a port is taken, and
    ConfigurationError where the packaged configuration does not suit this version.
    """
    host = EVERY_ADDRESS if private_network else "127.0.0.1"
    known_as = name or ("127.0.0.1" if private_network else None)
    where = places(host, port, name=known_as, private_network=private_network)
    # The wall clock is handed out here, at the top; below, everything is given it.
    clock = time.time  # noqa: TID251 - see the line above
    console = console or Console()
    uvloop.run(
        serve_part(only, where, console, clock) if only else serve_demo(where, console, clock, protocol=protocol)
    )


async def serve_part(
    part: Part, where: Places, console: Console, clock: Callable[[], Instant], stop: asyncio.Event | None = None
) -> None:
    """One neighbour of the proxy inside a running loop; ends as `serve_demo` does."""
    deployment = demo_deployment(where)
    logs.configure(level=deployment.observability.log_level, log_format=deployment.observability.log_format)
    async with neighbours(where, demo_client(deployment), clock, parts=(part,)):
        console.print(f"{part}: {where.adfs}/adfs" if part is Part.PROVIDER else f"{part}: {where.crm}")
        await (stop or _signalled()).wait()


async def serve_demo(
    where: Places,
    console: Console,
    clock: Callable[[], Instant],
    stop: asyncio.Event | None = None,
    *,
    protocol: Protocol = Protocol.OIDC,
) -> None:
    """The same inside a running loop; ends when `stop` is set, or by SIGINT or SIGTERM where no `stop` is given."""
    deployment = demo_deployment(where)
    logs.configure(level=deployment.observability.log_level, log_format=deployment.observability.log_format)
    client = demo_client(deployment)
    trusts: tuple[Trust, ...] = ()
    with tempfile.TemporaryDirectory(prefix="claims-proxy-demo-") as folder:
        if protocol is Protocol.WS_FEDERATION:
            deployment, trust = await asyncio.to_thread(federated, deployment, where, Path(folder), clock())
            trusts = (trust,)
        async with neighbours(where, client, clock, trusts=trusts):
            running = await app.start(deployment, clock=clock)
            try:
                console.print(instructions(where, deployment.listen.prefix))
                await (stop or _signalled()).wait()
            finally:
                await running.close()


def instructions(where: Places, prefix: str) -> Panel:
    """What to open and what to try, numbered."""
    steps = (
        ("Open", f"{where.proxy}/main.aspx", "and sign in as Alice Ng; any password will do."),
        ("Watch", f"{where.proxy}/session", "shows the session live, and what to try: two minutes show it all."),
        ("Leave it", "for 1 minute", "and you are asked whether you are there; after 2 minutes you are out."),
        ("Stay busy", "for 2 minutes", "and you are told that the session will end: after 3 minutes it does."),
        ("Poll", f"{where.proxy}/WebResources/polling.html", "asks every 2 seconds. That does not keep you in."),
        ("Look", f"{where.proxy}/headers", "shows what the application learns of you, and what it does not."),
        ("Sign out", f"{where.proxy}{prefix}/sign-out", "and come back: AD FS asks for the password again."),
        ("Administrate", f"{where.proxy}{prefix}/admin/", "as Carla Reyes: each change asks for a sign-in, then acts."),
        ("Roll over", f"{where.adfs}/adfs/demo/rollover", "AD FS's signing certificate, then sign in once more."),
        ("Compare", f"{where.crm}/main.aspx", "is the CRM itself, past the proxy: it knows nobody."),
    )
    table = Table.grid(padding=(0, 1))
    for number, (what, place, words) in enumerate(steps, 1):
        shown = f"[link={place}]{place}[/link]" if place.startswith("http") else place
        table.add_row(f"{number}.", f"[bold]{what}[/bold]", f"[cyan]{shown}[/cyan]\n{words}")
    return Panel(
        table, title="claims-proxy: the demonstration", subtitle="Ctrl+C ends it", padding=(1, 2), expand=False
    )


def _signalled() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop
