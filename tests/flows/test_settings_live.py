"""A change of settings by command in one process acts in another at once, and many sessions are searched at once, too.

The figures are printed: `pytest -s`.
"""

import asyncio
import secrets
import statistics
import time

import aiohttp
import pytest
import redis.asyncio as redis

from admin.conftest import Desk, live
from proxy.app import sessions_of
from proxy.configuration import load
from proxy.model.principal import Principal
from proxy.model.session import Session, SessionReference
from proxy.sessions.record import key_of, seal
from proxy.settings.change import Wish
from proxy.settings.live import Author, LiveSettings
from support.browser import CHROME, Browser
from support.patience import until
from support.ports import free_port
from support.processes import FileClock, ProxyProcess
from support.world import World

SESSIONS = 100_000


@pytest.fixture
async def apart(tmp_path, redis_url, signing_key):
    """A world whose proxy is a process of its own, over Redis: (world, its deployment)."""
    clock = FileClock(tmp_path / "clock")
    async with World(tmp_path, clock, signing_key=signing_key, within=False, **live(state=redis_url)) as world:
        config = world.write_configuration(world.port)
        process = ProxyProcess(config, clock, tmp_path, "proxy")
        await asyncio.to_thread(process.wait)
        yield world, load(config, {})
        await asyncio.to_thread(process.stop)


async def seconds_until_it_acts(client, address, cookie, length, signed_in_at) -> float:
    """From now until the other process says that a session ends by this length, minutes."""
    began = time.perf_counter()

    async def acts() -> bool:
        async with client.get(address, headers={"Cookie": f"claims-session={cookie}"}) as answer:
            left = (await answer.json())["session_ends_in"]
        # The lengths that the test sets are a minute apart; the sign-in itself takes a moment, too.
        return length * 60 - 5 <= left + (time.time() - signed_in_at) < length * 60 + 55

    await until(acts)
    return time.perf_counter() - began


async def changes_measured(apart, browser, count) -> list[float]:
    world, deployment = apart
    signed_in_at = time.time()
    await browser.sign_in(world.url("/main.aspx"), "alice")
    cookie, address = browser.cookie("claims-session"), world.url("/.claims/session")
    sessions = sessions_of(deployment, time.time)
    settings = LiveSettings(sessions.admin, time.time)
    took = []
    async with aiohttp.ClientSession() as client:
        for number in range(count):
            length = 100 + number
            await settings.change(deployment, [Wish("contoso", "sessiontimeoutinmins", length)], Author("test"))
            took.append(await seconds_until_it_acts(client, address, cookie, length, signed_in_at))
    await sessions.close()
    return took


async def test_each_change_in_one_process_takes_effect_in_another(apart, browser):
    await changes_measured(apart, browser, 20)


async def test_who_is_there_just_now_is_not_ended_by_a_shorter_limit(world, clock, redis_url, browser, other_browser):
    """His activity is on its way to the store, in the worker that the change comes to and in another."""
    one = await world(**live(state=redis_url))
    node = await one.start_proxy(free_port())
    async with Browser() as idle, Browser() as administrator:
        for each, account in ((browser, "admin"), (other_browser, "alice"), (idle, "bob")):
            await each.sign_in(one.url("/main.aspx"), account)
        clock.advance(20 * 60)
        desk = Desk(one, administrator)
        await administrator.sign_in(one.admin_url("/"), "admin")
        desk.token = (await desk.ask("me")).json()["token"]
        clock.advance(10 * 60 - 1)
        await browser.open(one.url("/main.aspx"))
        await other_browser.open(f"http://127.0.0.1:{node.port}/main.aspx")
        done = (await desk.change(("contoso", "inactivitytimeoutinmins", 5))).json()
        assert done["ended"] == 1
        assert (await browser.fetch(one.url("/.claims/session"))).json()["state"] == "live"
        assert (await other_browser.fetch(one.url("/.claims/session"))).json()["state"] == "live"
        assert (await idle.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 401


@pytest.mark.slow
async def test_two_hundred_changes_take_effect_in_another_process(apart, browser):
    took = sorted(await changes_measured(apart, browser, 200))
    p50, p99 = statistics.median(took), took[int(len(took) * 0.99)]
    print(f"a change acts in the other process after p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")


async def many_sessions(sessions, store, count: int) -> None:
    """Sessions as `create` leaves them, written in bulk: one by one they would take minutes."""
    now, listing = time.time(), sessions.directory
    for start in range(0, count, 1000):
        pipe = store.pipeline(transaction=False)
        for number in range(start, start + 1000):
            name, upn = f"User {number:06d}", f"user{number:06d}@contoso.com"
            tag = sessions._sealer.tag(f"default sid {number}", purpose="principal")
            key = key_of(f"{tag}.{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(16)}")
            reference = SessionReference(tag, key.place.id_hash)
            at = now + number / 1000
            session = Session(reference, "contoso", Principal(f"sid {number}", name, upn=upn), at, now + 3600, at)
            sealed = seal(session, key, sessions._sealer, {})
            plain = f"{at:.17g} {now + 3600:.17g} 0 contoso"
            pipe.hset(f"claims:{{{tag}}}:session:{key.place.id_hash}", mapping={"p": plain, "seen": repr(at), **sealed})
            for index in ("claims:organizations", "claims:organization:contoso"):
                pipe.zadd(index, {key.place.member: at})
            for index in listing.names_of_user(upn, name):
                pipe.zadd(f"claims:{index}", {key.place.member: at})
        await pipe.execute()


@pytest.mark.slow
async def test_first_page_and_search_work_over_many_sessions(world, browser, redis_url):
    one = await world(**live(state=redis_url))
    await browser.sign_in(one.admin_url("/"), "admin")
    cookies = "; ".join(f"{name}={browser.cookie(name)}" for name in ("claims-session", "claims-nonce"))
    sent = {"Cookie": cookies, "User-Agent": CHROME, "Host": f"{one.admin_host}:{one.port}"}
    asked = {
        "first page": "sessions",
        "search": "sessions?search=user054321@contoso.com",
        "organization": "sessions?organization=contoso",
    }
    async with redis.Redis.from_url(redis_url) as store, aiohttp.ClientSession(headers=sent) as client:
        await many_sessions(one.proxy.sessions, store, SESSIONS)
        for what, name in asked.items():
            await store.config_resetstat()
            took = []
            for _ in range(20):
                began = time.perf_counter()
                async with client.get(one.url(f"/.claims/admin/api/{name}")) as answer:
                    found = (await answer.json())["sessions"]
                took.append((time.perf_counter() - began) * 1000)
            stats = await store.info("commandstats")
            calls = sum(
                values["calls"] for key, values in stats.items() if key not in ("cmdstat_info", "cmdstat_publish")
            )
            assert len(found) == (1 if what == "search" else 50)
            print(f"{what} of {SESSIONS}: median {statistics.median(took):.1f} ms, {calls / 20:.1f} commands each")
        desk = Desk(one, browser)
        desk.token = (await desk.ask("me")).json()["token"]
        began = time.perf_counter()
        done = (await desk.change(("contoso", "sessiontimeoutinmins", 60))).json()
        took_whole = time.perf_counter() - began
        print(f"a change that looks at all of them: {took_whole:.1f} s, {done['ended']} ended")
        kept = [key async for key in store.scan_iter("claims:user:*", count=1000)]
        print(f"indexes by user: {len(kept)} keys, {await store.memory_usage(kept[0])} bytes the first")
