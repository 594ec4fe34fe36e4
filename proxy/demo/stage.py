"""The demonstration's stage: its ports, and the two servers around the proxy."""

import contextlib
import errno
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from proxy.demo.adfs import AdfsDouble
from proxy.demo.adfs_model import Client
from proxy.demo.crm import crm_application
from proxy.errors import ClaimsProxyError
from proxy.model.time import Instant

HIGHEST_BASE = 65533


class DemoCannotStart(ClaimsProxyError):
    """Why the demonstration cannot start, and what would help; for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the three listen: `port` is the proxy's, the AD FS double and the CRM take the next two."""

    host: str = "127.0.0.1"
    port: int = 8080

    @property
    def proxy(self) -> str:
        """The proxy's origin."""
        return f"http://{self.host}:{self.port}"

    @property
    def adfs(self) -> str:
        """The AD FS double's origin."""
        return f"http://{self.host}:{self.port + 1}"

    @property
    def crm(self) -> str:
        """The CRM's origin."""
        return f"http://{self.host}:{self.port + 2}"


def places(host: str, port: int) -> Places:
    """The three places. Raises DemoCannotStart where others could reach them, and for ports that do not exist."""
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise DemoCannotStart(
            f"the demonstration does not listen on {host}: its AD FS accepts any password, so it stays on this "
            "machine; 127.0.0.1 would do"
        )
    if not 1 <= port <= HIGHEST_BASE:
        raise DemoCannotStart(f"--port {port} leaves no three ports in a row; 1 to {HIGHEST_BASE} would")
    return Places(host, port)


@contextlib.asynccontextmanager
async def neighbours(where: Places, client: Client, clock: Callable[[], Instant]) -> AsyncIterator[AdfsDouble]:
    """The AD FS double and the CRM, served while the context is open. Raises DemoCannotStart where a port is taken."""
    require_free(where.host, where.port)
    double = AdfsDouble(f"{where.adfs}/adfs", [client], clock)
    async with contextlib.AsyncExitStack() as stack:
        for application, port in ((double.application(), where.port + 1), (crm_application(clock), where.port + 2)):
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
