"""One worker process as its supervisor sees it."""

import asyncio
import contextlib
import signal
import socket
import sys

import structlog

from proxy.app.channel import Channel
from proxy.app.messages import Answer, Failed, Message

log = structlog.get_logger("app")

_PROGRAM = (sys.executable, "-m", "proxy.app.worker")
_KILL_SECONDS = 40.0  # a worker drains for 30, and then writes what is pending
_ANSWER_SECONDS = 30.0


class Worker:
    """One process. `number`: its place among the workers, from 1."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.number = number
        self.process = process
        self._channel = channel

    @classmethod
    async def spawn(cls, number: int, listener: socket.socket, program: tuple[str, ...] = _PROGRAM) -> "Worker":
        """A process that waits to be told what to serve on this socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            fds = (listener.fileno(), theirs.fileno())
            arguments = (str(number), *map(str, fds))
            process = await asyncio.create_subprocess_exec(*program, *arguments, pass_fds=fds)
        return cls(number, process, await Channel.over(ours))

    async def ask(self, message: Message) -> Answer:
        """Its answer. One that hangs is killed: what it would answer later would be taken for the next answer."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer: Answer = await self._channel.ask(message)
                return answer
        except TimeoutError:
            self.kill()
            return Failed(f"worker {self.number} did not answer")
        except (EOFError, OSError):
            return Failed(f"worker {self.number} has gone")

    async def gone(self) -> int:
        """Wait for its end; its exit code."""
        return await self.process.wait()

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def stop(self) -> None:
        """Let it finish what is in flight; one that does not come to an end is killed."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_KILL_SECONDS):
                await self.process.wait()
        except TimeoutError:
            log.warning("worker_killed", worker=self.number)
            self.kill()
            await self.process.wait()
        self._channel.close()
