"""The link to Redis: commands and scripts with a time limit, a breaker, and one error for everything that can fail."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any, TypeAlias, TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LinkBroken
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError, ResponseError

from proxy.errors import StoreUnavailable
from proxy.model.time import Seconds

log = structlog.get_logger("store")

_ANSWER_WITHIN = 1.0
_REPLICA_WITHIN_MS = 500
_LOOK_EVERY = 10.0
_PROBE_EVERY = 0.25
_CONNECTIONS = 32
_BY_THEMSELVES = frozenset({"touch", "settings", "hold", "held"})
"""Scripts that do not work on a principal's sessions."""

_Answer = TypeVar("_Answer")

Observe: TypeAlias = Callable[[str, str, Seconds], None]
"""(command or script; `ok`, `refused`, `unavailable` or `cancelled`; how long it took), for each question asked."""


@cache
def script(name: str) -> tuple[str, str]:
    """A script's text, with what the scripts share before it, and the SHA-1 that Redis knows it by."""
    folder = resources.files("proxy.store") / "scripts"
    shared = "" if name in _BY_THEMSELVES else (folder / "common.lua").read_text()
    text = shared + (folder / f"{name}.lua").read_text()
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def client(url: str, ca_file: str | None, *, retries: int) -> Redis:
    """A client whose connections answer within a second or fail. A broken connection is tried anew `retries` times."""
    options: dict[str, Any] = {"ssl_ca_certs": ca_file} if ca_file and url.startswith("rediss:") else {}
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=_ANSWER_WITHIN,
        socket_timeout=_ANSWER_WITHIN,
        socket_connect_timeout=_ANSWER_WITHIN,
        retry=Retry(NoBackoff(), retries, supported_errors=(LinkBroken,)),
        **options,
    )
    return Redis.from_pool(pool)


class Link:
    """Runs commands. Every failure is StoreUnavailable.

    A store that does not answer is asked by one command at a time, 250 ms after the last failed; the others fail at
    once. A store that answers with an error is there: what it refuses to one command says nothing of the next.
    """

    def __init__(self, url: str, ca_file: str | None, observe: Observe | None = None) -> None:
        self._observe = observe
        # One more try on a fresh connection: a store that restarted left the kept connections dead. Every command here
        # may safely run twice; a replay mark taken twice refuses, which is the safe side.
        self._redis: Any = client(url, ca_file, retries=1)
        self._broken = False
        self._probe_at = 0.0
        self._has_replica = False
        self._look_at = 0.0

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()

    async def look_for_replicas(self) -> None:
        """Learn, once in 10 seconds, whether a replica follows. Where Redis does not say, none is waited for."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_EVERY
            with contextlib.suppress(StoreUnavailable):
                role = await self.run("ROLE")
                self._has_replica = role[0] == b"master" and len(role) > 2 and bool(role[2])  # noqa: PLR2004 - its place

    async def run(self, *command: str | bytes | float, lasting: bool = False) -> Any:
        """One command's answer.

        `lasting`: what it writes must survive a failover, so where a replica follows it has it by then. One that does
        not say so within 500 ms is logged, and holds up nobody.
        """
        return await self._guard(str(command[0]), lambda: self._ask(command, lasting=lasting))

    async def run_all(self, commands: Sequence[Sequence[str | bytes | float]], *, lasting: bool = False) -> list[Any]:
        """The answers of several commands, sent in one go; not a transaction."""
        return await self._guard(str(commands[0][0]), lambda: self._pipe(commands, lasting=lasting))

    async def script(self, name: str, key: str, *arguments: str | bytes | float, lasting: bool = False) -> Any:
        """The answer of a script that works on the slot of `key`."""
        text, sha = script(name)

        async def attempt() -> Any:
            try:
                return await self._ask(("EVALSHA", sha, 1, key, *arguments), lasting=lasting)
            except NoScriptError:
                return await self._ask(("EVAL", text, 1, key, *arguments), lasting=lasting)

        return await self._guard(name, attempt)

    async def script_all(self, name: str, calls: Sequence[tuple[str, str]]) -> None:
        """Run a script once per (key, argument), sent in one go."""
        text, sha = script(name)
        commands = [("EVALSHA", sha, 1, *call) for call in calls]

        async def attempt() -> None:
            try:
                await self._pipe(commands)
            except NoScriptError:
                await self._redis.execute_command("SCRIPT LOAD", text)
                await self._pipe(commands)

        await self._guard(name, attempt)

    async def _ask(self, command: Sequence[Any], *, lasting: bool) -> Any:
        if lasting:
            return (await self._pipe([command], lasting=True))[0]
        return await self._redis.execute_command(*command)

    async def _pipe(self, commands: Sequence[Sequence[Any]], *, lasting: bool = False) -> list[Any]:
        if lasting and not self._look_at:
            await self.look_for_replicas()
        # WAIT speaks of what its own connection wrote, so it goes with the writes.
        waits = [("WAIT", 1, _REPLICA_WITHIN_MS)] if lasting and self._has_replica else []
        async with self._redis.pipeline(transaction=False) as pipe:
            for command in (*commands, *waits):
                pipe.execute_command(*command)
            answers = list(await pipe.execute())
        if waits and not answers.pop():
            # Until the next look: many that wait for one that stands still would hold all connections.
            self._has_replica = False
            log.warning("replica_late", waited_ms=_REPLICA_WITHIN_MS)
        return answers

    async def _guard(self, operation: str, attempt: Callable[[], Awaitable[_Answer]]) -> _Answer:
        if self._broken:
            if time.monotonic() < self._probe_at:
                raise StoreUnavailable("the store did not answer a moment ago")
            # This one asks. Nobody waits with it: a store that hangs would hold every request for a second.
            self._probe_at = time.monotonic() + 2 * _ANSWER_WITHIN
        began, outcome = time.monotonic(), "unavailable"
        try:
            async with asyncio.timeout(2 * _ANSWER_WITHIN):
                answer = await attempt()
            outcome = "ok"
        except ResponseError as error:
            self._broken, outcome = False, "refused"
            if isinstance(error, ReadOnlyError):
                # A primary that became a replica keeps its connections; the address may mean another by now.
                await self._redis.connection_pool.disconnect(inuse_connections=False)
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        except (RedisError, OSError, TimeoutError) as error:
            self._broken, self._probe_at = True, time.monotonic() + _PROBE_EVERY
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        except asyncio.CancelledError:
            self._probe_at = 0.0  # the next command probes in this one's place
            outcome = "cancelled"
            raise
        finally:
            if self._observe is not None:
                self._observe(operation.lower(), outcome, time.monotonic() - began)
        self._broken = False
        return answer
