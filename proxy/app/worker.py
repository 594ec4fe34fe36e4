"""One worker of several: a process that serves on a socket it was given, and does what its supervisor asks.

usage: python -m proxy.app.worker NUMBER LISTENER_FD CHANNEL_FD
"""

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import assert_never

import structlog
import uvloop

from proxy.app.channel import Channel
from proxy.app.messages import Answer, Done, Failed, Message, NeedsRestart, Reload, Start, TellChecks, TellCounts
from proxy.app.running import RunningProxy, start
from proxy.errors import CannotReload, CannotStart
from proxy.model.time import Instant
from proxy.observability import logs, uncaught

log = structlog.get_logger("app")


async def work(number: int, listener: socket.socket, end: socket.socket, clock: Callable[[], Instant]) -> None:
    """Serve until SIGTERM, or until the supervisor is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(uncaught.log_loop_error)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    for handled_above in (signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(handled_above, lambda: None)
    structlog.contextvars.bind_contextvars(worker=number)
    channel = await Channel.over(end)
    try:
        proxy = await _started(channel, listener, clock)
        if proxy is None:
            return
        serving = loop.create_task(_answer(channel, proxy))
        stopping = loop.create_task(stop.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, stopping):
            task.cancel()
        await proxy.close()
    finally:
        channel.close()


async def _started(channel: Channel, listener: socket.socket, clock: Callable[[], Instant]) -> RunningProxy | None:
    message = await channel.receive()
    if not isinstance(message, Start):
        raise TypeError("the first message says what to serve")
    observability = message.deployment.observability
    logs.configure(level=observability.log_level, log_format=observability.log_format)
    try:
        proxy = await start(message.deployment, clock=clock, listening=listener)
    except (OSError, CannotStart) as error:
        await channel.send(Failed(str(error)))
        return None
    await channel.send(Done())
    return proxy


async def _answer(channel: Channel, proxy: RunningProxy) -> None:
    """Answer the supervisor until it is gone: a worker without one would serve by what nobody can change."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            await channel.send(await _answer_to(await channel.receive(), proxy))


async def _answer_to(message: Message, proxy: RunningProxy) -> Answer:
    match message:
        case Start():
            return Failed("this worker serves already")
        case Reload(deployment=deployment):
            try:
                return Done(await proxy.reload(deployment))
            except CannotReload as error:
                return NeedsRestart(str(error))
            except CannotStart as error:
                return Failed(str(error))
        case TellCounts():
            return Done(await proxy.snapshot())
        case TellChecks():
            return Done(await proxy.checks())
        case _:
            assert_never(message)


if __name__ == "__main__":
    uncaught.install()
    own_number, listener_fd, channel_fd = map(int, sys.argv[1:4])
    # The one wall clock: everything below is given it.
    wall = time.time  # noqa: TID251 - see the line above
    uvloop.run(work(own_number, socket.socket(fileno=listener_fd), socket.socket(fileno=channel_fd), wall))
