"""What every test may ask for: the production event loop, a clock that a test moves, and a real Redis."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import uvloop
from hypothesis import HealthCheck, settings

from proxy.demo.adfs_keys import make_signing_key
from support.browser import Browser
from support.loggers import forget_what_they_write_to
from support.redis_server import RedisServer
from support.world import World

# No clock decides a test, and two runs of one tree try the same examples. `make test-long` tries many others.
settings.register_profile(
    "short",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.register_profile(
    "long",
    settings.get_profile("short"),
    derandomize=False,
    print_blob=True,
    max_examples=int(os.environ.get("LONG_EXAMPLES", "100000")),
)
settings.load_profile("short")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_asyncio_loop_factories(config, item):
    """Production runs on uvloop, so the tests do."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def _each_test_finds_the_logs_as_they_were() -> Iterator[None]:
    """A test that sets up logging, as commands do, leaves no logger behind that another test cannot listen to."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    if structlog.is_configured():
        root.handlers[:], level = before
        root.setLevel(level)
        structlog.reset_defaults()
        forget_what_they_write_to()


class MovableClock:
    """Wall time in the hand of a test: call it for `now`, `advance` it by seconds."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        self.now += seconds
        return self.now


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    if not SHARED.is_dir():
        pytest.skip("shared: the folder of real artefacts is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis_url(redis_server: RedisServer) -> str:
    """A Redis that is empty at the start of the test."""
    import redis.asyncio as redis  # noqa: PLC0415 - only tests of the store need it

    client = redis.Redis.from_url(redis_server.url)
    await client.flushall()
    await client.aclose()
    return redis_server.url


@pytest.fixture
def own_redis(tmp_path) -> Iterator[RedisServer]:
    """A Redis for one test alone, which may stop, kill and restart it."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def signing_key():
    """One RSA key for all worlds: making one takes longer than most tests."""
    return make_signing_key(1_790_000_000.0)


@pytest.fixture
async def world(tmp_path, clock, signing_key):
    """Makes worlds: `await world(**keys)`; all end with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(**keys) -> World:
            return await stack.enter_async_context(World(tmp_path, clock, signing_key=signing_key, **keys))

        yield make


@pytest.fixture
async def browser():
    async with Browser() as one:
        yield one


@pytest.fixture
async def other_browser():
    async with Browser() as one:
        yield one


def pytest_collection_modifyitems(items):
    """A browser takes its time: the demonstration's journeys stand for all of them until `make test-all`."""
    for item in items:
        match item.path.parent.name:
            case "chromium" if item.path.name != "test_demo.py":
                item.add_marker("chromium")
            case "fuzz":
                item.add_marker("fuzz")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test is a failure, unless the folder of real artefacts is what is missing."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith("shared:"):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, where everything is to run: {reason}"
    return report
