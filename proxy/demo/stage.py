"""The demonstration's stage: its ports, and the two servers around the proxy."""

import contextlib
import errno
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from proxy.configuration.checks import is_loopback
from proxy.demo.adfs import AdfsDouble
from proxy.demo.adfs_model import Client, Trust
from proxy.demo.crm import crm_application
from proxy.errors import ClaimsProxyError
from proxy.model.time import Instant

HIGHEST_BASE = 65533


class DemoCannotStart(ClaimsProxyError):
    """Why the demonstration cannot start, and what would help; for the person at the terminal."""


class Part(StrEnum):
    """What stands around the proxy."""

    PROVIDER = "provider"
    CRM = "crm"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the three listen: `port` is the proxy's, the AD FS double and the CRM take the next two.

    `host`: the address listened on. `name`: the host of the origins below, where browsers know another; else `host`.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    name: str | None = None

    @property
    def known_as(self) -> str:
        """The host of all three origins."""
        return self.name or self.host

    @property
    def proxy(self) -> str:
        """The proxy's origin."""
        return f"http://{self.known_as}:{self.port}"

    @property
    def adfs(self) -> str:
        """The AD FS double's origin."""
        return f"http://{self.known_as}:{self.port + 1}"

    @property
    def crm(self) -> str:
        """The CRM's origin."""
        return f"http://{self.known_as}:{self.port + 2}"


def places(host: str, port: int, *, name: str | None = None, private_network: bool = False) -> Places:
    """The three places. Raises DemoCannotStart where others could reach them, and for ports that do not exist.

    `private_network`: the caller's word that only this machine reaches the network of `host`; then any address will do,
    but a browser still knows them by a name of its own machine.
    """
    if not private_network and not _is_loopback_address(host):
        raise DemoCannotStart(
            f"the demonstration does not listen on {host}: its AD FS accepts any password, so it stays on this "
            "machine; 127.0.0.1 would do"
        )
    if name is not None and not is_loopback(name):
        raise DemoCannotStart(
            f"the demonstration is not known as {name}: its AD FS accepts any password, so it is for browsers on this "
            "machine; localhost or a name such as demo.localhost would do"
        )
    if not 1 <= port <= HIGHEST_BASE:
        raise DemoCannotStart(f"--port {port} leaves no three ports in a row; 1 to {HIGHEST_BASE} would")
    return Places(host, port, name)


def _is_loopback_address(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


@contextlib.asynccontextmanager
async def neighbours(
    where: Places,
    client: Client,
    clock: Callable[[], Instant],
    *,
    parts: Collection[Part] = tuple(Part),
    trusts: tuple[Trust, ...] = (),
) -> AsyncIterator[AdfsDouble]:
    """The AD FS double and the CRM, or one of them, served while the context is open.

    Raises DemoCannotStart where a port is taken; with both, the proxy's counts as well.
    """
    if len(parts) == len(Part):
        require_free(where.host, where.port)
    double = AdfsDouble(f"{where.adfs}/adfs", [client], clock, trusts=trusts)
    served = (
        (Part.PROVIDER, double.application(), where.port + 1),
        (Part.CRM, crm_application(clock), where.port + 2),
    )
    async with contextlib.AsyncExitStack() as stack:
        for part, application, port in served:
            if part not in parts:
                continue
            listener = stack.enter_context(require_free(where.host, port, keep=True))
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=2)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, listener).start()
        yield double


def require_free(host: str, port: int, *, keep: bool = False) -> socket.socket:
    """Takes the port, and lets go of it again unless `keep`. Raises DemoCannotStart where it cannot be taken."""
    try:
        listener = socket.create_server((host, port), backlog=128)
    except OSError as error:
        why = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise DemoCannotStart(
            f"port {port} on {host} {why}; choose the first of three free ports in a row, for example --port 18080"
        ) from error
    if not keep:
        listener.close()
    return listener
