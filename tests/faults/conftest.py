"""A proxy in a process of its own, before an application that is slow on purpose, with users signed in."""

import asyncio
import contextlib
import json
import signal
import time
from pathlib import Path

import pytest
import redis.asyncio as redis

from support.browser import Browser
from support.load_upstream import LoadUpstream
from support.patience import HANG
from support.ports import free_port
from support.processes import FileClock, ProxyProcess
from support.world import World, served


class Site:
    """`config`: the file that the proxy goes by; `cookies`: one signed-in user's each.

    `lines_before`: how many lines the log had once they were signed in.
    """

    def __init__(self, world: World, config: Path, process: ProxyProcess, upstream: LoadUpstream, state: str) -> None:
        self.world, self.config, self.process, self.upstream, self.state = world, config, process, upstream, state
        self.port = world.port
        self.cookies: list[str] = []
        self.lines_before = 0
        self.upstream_port = 0

    async def sign_in(self, user: str) -> str:
        """The Cookie header of another browser."""
        async with Browser() as browser:
            page = await browser.sign_in(self.world.url("/small"), user)
            assert (page.status, page.text) == (200, "small"), [str(hop) for hop in browser.hops]
            return f"claims-session={browser.cookie('claims-session')}"

    def log(self) -> list[dict[str, object]]:
        """What the proxy wrote. Every line is JSON."""
        whole_lines = self.process.log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole_lines.splitlines()]

    def events(self) -> list[object]:
        return [line["event"] for line in self.log()]

    def errors(self) -> list[dict[str, object]]:
        return [line for line in self.log() if line["level"] in {"error", "critical"}]

    async def reload(self, change=lambda _: None, *, told: bool = True) -> dict[str, object]:
        """Change the configuration file, send SIGHUP unless the proxy is to see it by itself; what it says of it."""
        said = json.loads(self.config.read_text())
        change(said)
        return await self.reload_text(json.dumps(said), told=told)

    async def reload_text(self, text: str, *, told: bool = True) -> dict[str, object]:
        before = len(self._reloads())
        part = self.config.with_suffix(".part")
        part.write_text(text)
        part.rename(self.config)
        if told:
            self.process.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(HANG):
            while len(self._reloads()) == before:  # noqa: ASYNC110 - another process writes the log
                await asyncio.sleep(0.02)
        return self._reloads()[-1]

    def _reloads(self) -> list[dict[str, object]]:
        return [line for line in self.log() if str(line["event"]).startswith("reload")]

    async def stop(self) -> tuple[int, float]:
        """SIGTERM; (exit code, seconds it took)."""
        began = time.monotonic()
        self.process.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(self.process.process.wait, HANG)
        return code, time.monotonic() - began

    async def seen(self) -> list[float]:
        """When each session of the store was last active."""
        async with redis.Redis.from_url(self.state) as client:
            records = [key async for key in client.scan_iter(_type="hash")]
            found = [await client.hget(key, "seen") for key in records]
        return [float(each) for each in found if each is not None]


@pytest.fixture
def workers() -> int:
    """How many share the port; a test may parametrize it."""
    return 1


@pytest.fixture
async def site(tmp_path, redis_url, workers):
    upstream, port = LoadUpstream(), free_port()
    organization = {"upstream": f"http://127.0.0.1:{port}"}
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(served(upstream.application(), port))
        keys = {"state": redis_url, "organization": organization, "workers": workers}
        made = World(tmp_path, time.time, within=False, **keys)
        world = await stack.enter_async_context(made)
        config = world.write_configuration(world.port)
        process = ProxyProcess(config, FileClock(tmp_path / "clock"), tmp_path, "proxy")
        stack.callback(_end, process)
        await asyncio.to_thread(process.wait)
        one = Site(world, config, process, upstream, redis_url)
        one.cookies = [await one.sign_in(user) for user in ("alice", "bob")]
        one.lines_before, one.upstream_port = len(one.log()), port
        yield one


def _end(process: ProxyProcess) -> None:
    if process.process.poll() is None:
        process.process.kill()
        process.process.wait()
