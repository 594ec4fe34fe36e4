"""Waits in a line of `slots` within a coroutine."""

import asyncio
from collections.abc import Callable

from proxy.errors import UpstreamError
from proxy.gateway.upstream.connection import UpstreamConnection
from proxy.gateway.upstream.owners import Owner
from proxy.gateway.upstream.slots import Slots

Grant = UpstreamConnection | None  # a connection with its slot, or a slot in which to open one


async def turn_of(
    slots: Slots[Grant], owner: Owner | None, give_up: Callable[[Grant, Owner | None], None], *, first: bool
) -> Grant:
    """Return what is granted, with its part of the owner's shares. `give_up` gets a grant that came too late.

    Raises UpstreamBusy where the queue is full or no turn came in time, and whatever ended the waiting.
    """
    loop = asyncio.get_running_loop()
    granted: asyncio.Future[Grant] = loop.create_future()

    def ready(found: Grant | UpstreamError) -> bool:
        if granted.done():
            return False
        if isinstance(found, UpstreamError):
            granted.set_exception(found)
            return True
        if found is not None:
            found.owner = owner
        granted.set_result(found)
        return True

    turn = slots.wait(owner, loop.time(), ready, first=first)
    try:
        return await granted
    except asyncio.CancelledError:
        slots.withdraw(turn)
        if granted.done() and not granted.cancelled() and granted.exception() is None:
            give_up(granted.result(), owner)
        raise
