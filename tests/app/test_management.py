"""The management listener: what a load balancer, an orchestrator and Prometheus are told."""

import asyncio

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families as read_text

from proxy.app.management import RunningManagement, managed
from proxy.app.process import Follower, Watched
from proxy.errors import CannotStart
from proxy.model.deployment import Management
from proxy.model.health import Check
from support.patience import HANG
from support.ports import free_port
from support.world import custom


class Told:
    """What a test says of a proxy."""

    def __init__(self, *checks: Check) -> None:
        self.all = checks

    async def checks(self):
        return self.all


async def get(management: RunningManagement, path: str, method: str = "GET") -> tuple[int, dict]:
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, f"http://127.0.0.1:{management.port}{path}") as answer,
    ):
        return answer.status, await answer.json() if answer.content_type == "application/json" else {}


async def scrape(management: RunningManagement) -> dict[tuple[str, ...], float]:
    """{(name, label values…): value}."""
    async with aiohttp.ClientSession() as client:
        answer = await client.get(f"http://127.0.0.1:{management.port}/metrics")
        text = await answer.text()
    return {
        (sample.name.removeprefix("claims_proxy_"), *sample.labels.values()): sample.value
        for family in read_text(text)
        for sample in family.samples
    }


async def test_check_that_fails_unexpectedly_is_503_and_not_500(management):
    class Broken(Told):
        async def checks(self):
            raise RuntimeError("the handler is closed")

    status, said = await get(await management(Broken()), "/readyz")
    assert (status, said["status"], said["checks"]["process"]["ok"]) == (503, "not ready", False)
    status, said = await get(await management(Told(Check("store", ok=True))), "/readyz")
    assert (status, said["status"]) == (200, "ready")


@pytest.fixture
async def management():
    """`await management(watched)`: one that tells of it."""
    running = []

    async def start(watched) -> RunningManagement:
        one = await managed(watched, Management(port=0))
        running.append(one)
        return one

    yield start
    for one in running:
        await one.close()


async def test_a_proxy_is_ready_when_all_is_well(management):
    one = await management(Told(Check("store", ok=True, needed=True)))
    assert await get(one, "/healthz") == (200, {"status": "ok"})
    assert await get(one, "/readyz") == (
        200,
        {"status": "ready", "checks": {"store": {"ok": True, "reason": "", "needed": True}}},
    )


async def test_it_is_not_where_something_needed_is_away_and_is_where_it_is_not_needed(management):
    away = {"ok": False, "reason": "it does not answer"}
    one = await management(Told(Check("store", needed=True, **away)))
    assert (await get(one, "/readyz"))[0] == 503
    assert (await get(one, "/healthz"))[0] == 200
    one = await management(Told(Check("store", needed=False, **away)))
    assert (await get(one, "/readyz"))[0] == 200


async def test_one_that_stops_is_neither_well_nor_ready(management):
    one = await management(Told(Check("store", ok=True)))
    one.stopping = True
    assert await get(one, "/healthz") == (503, {"status": "stopping"})
    status, said = await get(one, "/readyz")
    assert (status, said["checks"]["process"]["reason"]) == (503, "stopping")


@pytest.mark.parametrize(("path", "method", "status"), [("/", "GET", 404), ("/healthz/x", "GET", 404)])
async def test_nothing_else_is_there(management, path, method, status):
    one = await management(Told())
    assert (await get(one, path, method))[0] == status
    assert (await get(one, "/healthz", "POST"))[0] == 405


async def test_where_it_is_off_there_is_none():
    assert await managed(Told(), None) is None


async def test_a_port_that_is_taken_is_named_with_what_would_be_right(management):
    one = await management(Told())
    with pytest.raises(CannotStart, match=rf"management\.address: 127\.0\.0\.1:{one.port} cannot be used.*or off"):
        await managed(Told(), Management(port=one.port))


async def heard(made) -> None:
    """The first heartbeat through the store comes back within moments; before that nobody is ready."""
    async with asyncio.timeout(HANG):
        while not made.proxy.sessions.hears:  # noqa: ASYNC110 - the store's own messages are waited for
            await asyncio.sleep(0.005)


@pytest.fixture
async def watched(world, browser, management, tmp_path, own_redis):
    """A world with alice signed in, its own Redis, and the management listener of its proxy."""
    made = await world(state=own_redis.url, **custom(session=480))
    await heard(made)
    await browser.sign_in(made.url("/main.aspx"), "alice")
    follower = Follower(made.proxy, made.write_configuration(made.port), {}, made.clock)
    made.management = await management(Watched(made.proxy, follower))
    made.follower = follower
    return made


async def test_what_happened_is_counted(watched, browser):
    await browser.fetch(watched.url("/api/data/v9.2/WhoAmI"))
    told = await scrape(watched.management)
    assert told["requests_total", "forward", "contoso", "2xx"] >= 2
    assert told["sign_ins_total", "contoso"] == 1
    assert told["sessions", "contoso"] == 1
    assert told["sessions_cached",] == 1
    assert told["session_cache_hits_total",] >= 1
    assert told["session_cache_misses_total",] >= 1
    assert told["upstream_seconds_count", "contoso"] >= 2
    assert told["provider_calls_total", "token", "ok", "default"] == 1
    assert told["provider_calls_total", "metadata", "ok", "default"] == 1
    assert told["store_calls_total", "create", "ok"] >= 1
    assert told["upstream_connections", f"127.0.0.1:{watched.crm_port}"] >= 1
    assert told["workers",] == 1
    assert told["open_streams",] == 0


async def test_no_metric_has_a_name_a_cookie_or_a_token(watched, browser):
    told = " ".join(part for key in await scrape(watched.management) for part in key)
    assert "alice" not in told
    assert browser.cookie("claims-session") not in told


async def test_a_sign_out_and_a_timeout_are_ends_by_reason(watched, browser, clock):
    clock.advance(481 * 60)
    await browser.fetch(watched.url("/api/data/v9.2/WhoAmI"))
    told = await scrape(watched.management)
    assert told["sessions_ended_total", "contoso", "session_timeout"] == 1
    await browser.sign_in(watched.url("/main.aspx"), "alice")
    await browser.open(watched.url("/.claims/sign-out"))
    await browser.submit()
    assert (await scrape(watched.management))["sessions_ended_total", "contoso", "signed_out"] == 1


async def test_an_outage_of_the_store_is_told_at_once_and_takes_the_node_away_after_the_grace(
    watched, own_redis, clock
):
    status, said = await get(watched.management, "/readyz")
    assert (status, said["checks"]["store"]["ok"], said["checks"]["provider default"]["ok"]) == (200, True, True)
    own_redis.stop()
    for _ in range(200):
        status, said = await get(watched.management, "/readyz")
        if not said["checks"]["store"]["ok"]:
            break
    assert (status, said["checks"]["store"]["needed"]) == (200, False)
    assert ("sessions", "contoso") not in await scrape(watched.management)
    clock.advance(watched.proxy.deployment.sessions.outage_grace + 1)
    status, said = await get(watched.management, "/readyz")
    assert (status, said["checks"]["store"]["needed"]) == (503, True)
    assert "no session can be told" in said["checks"]["store"]["reason"]


async def test_a_provider_that_is_away_is_told_and_takes_no_node_away(world, management):
    made = await world(provider={"issuer": f"http://127.0.0.1:{free_port()}/adfs"})
    await heard(made)
    follower = Follower(made.proxy, made.write_configuration(made.port), {}, made.clock)
    one = await management(Watched(made.proxy, follower))
    status, said = await get(one, "/readyz")
    assert status == 200
    assert said["checks"]["provider default"] == {
        "ok": False,
        "reason": said["checks"]["provider default"]["reason"],
        "needed": False,
    }
    assert said["checks"]["provider default"]["reason"].startswith("no metadata: ")


async def test_a_file_that_was_refused_is_told_until_it_is_mended(watched):
    path = watched.follower._config
    good = path.read_text()
    path.write_text("listen: 1")
    assert await watched.follower.reload(()) is False
    status, said = await get(watched.management, "/readyz")
    assert (status, said["checks"]["configuration"]["ok"]) == (200, False)
    assert "listen" in said["checks"]["configuration"]["reason"]
    path.write_text(good)
    assert await watched.follower.reload(()) is True
    told = await scrape(watched.management)
    assert (told["reloads_total", "ok"], told["reloads_total", "refused"]) == (1, 1)
    assert (await get(watched.management, "/readyz"))[1]["checks"]["configuration"]["ok"] is True
