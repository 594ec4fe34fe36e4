"""Debian's Chromium, driven by Playwright, against the demonstration."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from proxy.demo.adfs_keys import make_signing_key
from support.world import World

SCREENSHOTS = Path(__file__).parent / "screenshots"
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium: install Debian's package chromium")
    return found


@pytest.fixture
async def chromium(chromium_path):
    """A browser; each test makes its own contexts, which are as apart as two people's browsers."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=[*QUIET, *sandbox])
        yield browser
        await browser.close()


@pytest.fixture
async def page(chromium):
    context = await chromium.new_context(viewport={"width": 1000, "height": 700})
    page = await context.new_page()
    page.set_default_timeout(10_000)
    yield page
    await context.close()


@pytest.fixture(scope="session")
def signing_key():
    return make_signing_key(1_790_000_000.0)


@pytest.fixture
async def world(tmp_path, clock, signing_key):
    """Makes worlds whose clock the test moves: `await world(**keys)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(**keys) -> World:
            return await stack.enter_async_context(World(tmp_path, clock, signing_key=signing_key, **keys))

        yield make


@pytest.fixture
def screenshot():
    """Keeps what a person would see, for a person to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)

    async def take(page, name: str) -> None:
        await page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return take
