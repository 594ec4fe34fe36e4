"""Opens one connection to an upstream, in time."""

import asyncio
from collections.abc import Callable

from proxy.errors import UpstreamUnreachable
from proxy.gateway.upstream.address import UpstreamAddress, tls_fault
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.receiver import Home
from proxy.model.deployment import UpstreamTuning


async def open_connection(
    address: UpstreamAddress, tuning: UpstreamTuning, home: Home, judge_open: Callable[[], None]
) -> UpstreamConnection:
    """Return a connection that is open. Raises UpstreamUnreachable, as `judge_open` does for a pool that is closed."""
    loop, wait = asyncio.get_running_loop(), tuning.connect_timeout
    connection = UpstreamConnection(loop, tuning, home)
    try:
        async with asyncio.timeout(wait):
            await loop.create_connection(
                lambda: connection,
                address.host,
                address.port,
                ssl=address.tls,
                server_hostname=address.server_name,
            )
        judge_open()
    except BaseException as error:
        connection.abort()  # it may be there already while its opening is cancelled
        if isinstance(error, TimeoutError):
            raise UpstreamUnreachable(f"no connection within {wait:g} s") from error
        if isinstance(error, OSError):
            wrong = tls_fault(error) or str(error) or type(error).__name__
            raise UpstreamUnreachable(f"no connection: {wrong}") from error
        raise
    if connection.closed:
        raise UpstreamUnreachable("the connection closed as soon as it was there")
    return connection
