"""Debian's Chromium, driven by Playwright, against the demonstration."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from proxy.demo.adfs_keys import make_signing_key
from support.certificates import make_certificate
from support.patience import HANG
from support.watched import Watched
from support.world import World

expect.set_options(timeout=HANG * 1000)
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
    page.set_default_timeout(HANG * 1000)
    yield page
    await context.close()


@pytest.fixture
def trusted_certificate(tmp_path) -> dict[str, str]:
    """One that Chromium trusts, by the database of NSS in `trusted_home`: for 127.0.0.1 and a name of another site."""
    if shutil.which("certutil") is None:
        pytest.skip("no certutil: install Debian's package libnss3-tools")
    files = make_certificate(tmp_path, "crm.contoso.test")
    database = tmp_path / ".pki" / "nssdb"
    database.mkdir(parents=True)
    subprocess.run(["certutil", "-d", f"sql:{database}", "-N", "--empty-password"], check=True)
    trust = ["-A", "-t", "C,,", "-n", "tests", "-i", files["certificate"]]
    subprocess.run(["certutil", "-d", f"sql:{database}", *trust], check=True)
    return files


@pytest.fixture
def trusted_home(trusted_certificate, tmp_path) -> Path:
    """The home of a browser that trusts it."""
    return tmp_path


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

    async def take(page, name: str, **options) -> None:
        await page.screenshot(path=SCREENSHOTS / f"{name}.png", **options)

    return take


@pytest.fixture
async def watched(chromium, world):
    """`await watched(**keys)`: a world, and a browser in whose pages the session is watched."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(*, one=None, browser=None, **keys) -> Watched:
            one = one or await world(**keys)
            context = await chromium.new_context(viewport={"width": 1000, "height": 700}, **(browser or {}))
            stack.push_async_callback(context.close)
            made = Watched(one, context)
            await made.prepare()
            return made

        yield make
