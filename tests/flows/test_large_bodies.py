"""Bodies far larger than anybody's memory, through a proxy in a process of its own."""

import asyncio
import time

import aiohttp
import psutil
import pytest

from support.processes import FileClock, ProxyProcess
from support.world import World

GIBIBYTE = 1 << 30
MEBIBYTE = 1 << 20
PIECE = bytes(MEBIBYTE)


class PeakMemory:
    """Looks at a process's resident memory every 50 ms; `growth` in bytes over the first look."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.first = self.peak = self._process.memory_info().rss

    async def __aenter__(self):
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()

    async def _look(self):
        while True:
            self.peak = max(self.peak, self._process.memory_info().rss)
            await asyncio.sleep(0.05)

    @property
    def growth(self) -> int:
        return self.peak - self.first


@pytest.fixture
async def signed_in(tmp_path, redis_url, browser):
    """A proxy process with somebody signed in: (process, origin, Cookie header)."""
    async with World(tmp_path, time.time, within=False, state=redis_url) as world:
        process = ProxyProcess(world.write_configuration(world.port), FileClock(tmp_path / "clock"), tmp_path, "proxy")
        process.wait()
        await browser.sign_in(world.url("/main.aspx"), "alice")
        yield process, world.url(""), f"claims-session={browser.cookie('claims-session')}"
        assert process.stop() == 0, process.log.read_text()


@pytest.mark.slow
async def test_a_gibibyte_down_leaves_the_memory_flat(signed_in):
    process, origin, cookie = signed_in
    async with PeakMemory(process.process.pid) as memory, aiohttp.ClientSession() as client:
        started, received = time.monotonic(), 0
        async with client.get(f"{origin}/download?bytes={GIBIBYTE}", headers={"Cookie": cookie}) as answer:
            assert answer.status == 200
            async for piece in answer.content.iter_any():
                received += len(piece)
        seconds = time.monotonic() - started
    assert received == GIBIBYTE
    print(f"1 GiB down in {seconds:.1f} s, the proxy's memory grew by {memory.growth / MEBIBYTE:.1f} MiB")
    assert memory.growth < 16 * MEBIBYTE


@pytest.mark.slow
async def test_a_gibibyte_up_leaves_the_memory_flat(signed_in):
    process, origin, cookie = signed_in

    async def body():
        for _ in range(GIBIBYTE // MEBIBYTE):
            yield PIECE

    async with PeakMemory(process.process.pid) as memory, aiohttp.ClientSession() as client:
        started = time.monotonic()
        headers = {"Cookie": cookie, "Content-Length": str(GIBIBYTE)}
        async with client.post(f"{origin}/upload", headers=headers, data=body()) as answer:
            assert answer.status == 200
            assert (await answer.json())["bytes"] == GIBIBYTE
        seconds = time.monotonic() - started
    print(f"1 GiB up in {seconds:.1f} s, the proxy's memory grew by {memory.growth / MEBIBYTE:.1f} MiB")
    assert memory.growth < 16 * MEBIBYTE
