"""A proxy in a process of its own: signals, and files that change under it."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.patience import HANG
from support.processes import FileClock, ProxyProcess
from support.world import World

WHO_AM_I = "/api/data/v9.2/WhoAmI"


class Process:
    """A proxy before a world's servers; `events` are the names of its log's lines so far."""

    def __init__(self, world, config: Path, process: ProxyProcess) -> None:
        self.world = world
        self.config = config
        self.process = process

    def lines(self, event: str) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self.process.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == event]

    def hang_up(self) -> None:
        self.process.process.send_signal(signal.SIGHUP)

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        said = json.loads(self.config.read_text())
        change(said)
        self.config.write_text(json.dumps(said))

    async def heard(self, event: str, times: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(HANG):
            while len(self.lines(event)) < times:  # noqa: ASYNC110 - another process writes the file
                await asyncio.sleep(0.02)
        return self.lines(event)[-1]


@pytest.fixture
async def process(tmp_path, browser, signing_key):
    clock = FileClock(tmp_path / "clock")
    async with World(tmp_path, clock, signing_key=signing_key, within=False) as world:
        config = world.write_configuration(world.port)
        running = ProxyProcess(config, clock, tmp_path, "proxy")
        try:
            await asyncio.to_thread(running.wait)
            assert (await browser.sign_in(world.url("/main.aspx"), "alice")).status == 200
            yield Process(world, config, running)
        finally:
            code = await asyncio.to_thread(running.stop)
    assert code == 0


async def test_sighup_reloads_and_signs_nobody_out(process, browser):
    process.hang_up()
    told = await process.heard("reloaded")
    assert told["changes"] == []
    assert (await browser.fetch(process.world.url(WHO_AM_I))).status == 200


async def test_a_changed_file_is_followed_by_itself(process, browser):
    process.change(lambda said: said["organizations"][0].update(anonymous=["/open"]))
    told = await process.heard("reloaded")
    assert told["files"] == [str(process.config)]
    assert told["changes"] == ["organizations[contoso].anonymous: [] -> [/open]"]
    assert (await browser.fetch(process.world.url(WHO_AM_I))).status == 200


async def test_a_broken_file_is_refused_with_its_faults_and_the_mended_one_is_taken(process, browser):
    process.change(lambda said: said.update(secrte="a", workers="many"))
    refused = await process.heard("reload_refused")
    assert any("did you mean secret?" in fault for fault in refused["faults"])
    assert any("workers" in fault for fault in refused["faults"])
    assert (await browser.fetch(process.world.url(WHO_AM_I))).status == 200

    def mend(said: dict[str, Any]) -> None:
        del said["secrte"], said["workers"]
        said["organizations"][0]["anonymous"] = ["/open"]

    process.change(mend)
    await process.heard("reloaded")
    assert (await browser.fetch(process.world.url(WHO_AM_I))).status == 200


async def test_what_needs_a_restart_is_said_so(process, browser):
    process.change(lambda said: said.update(state="redis://127.0.0.1:1/0"))
    refused = await process.heard("reload_refused")
    assert refused["faults"] == ["state: cannot change while the proxy runs; restart it, or put it back"]
    assert (await browser.fetch(process.world.url(WHO_AM_I))).status == 200


async def test_no_secret_is_logged_by_a_rotation(process, browser):
    later = "another-secret-that-is-long-enough-for-us"
    process.change(lambda said: said.update(secret=[later, said["secret"]]))
    await process.heard("reloaded")
    assert later not in process.process.log.read_text()
    assert (await browser.fetch(process.world.url(WHO_AM_I))).status == 200
