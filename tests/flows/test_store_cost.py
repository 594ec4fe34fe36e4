"""What a signed-in request and a session cost the store, measured through a whole proxy on a real Redis."""

import asyncio

import aiohttp
import redis.asyncio as redis

from support.patience import HANG

REQUESTS = 2_000
LARGEST_RECORD = 1_024
COMMANDS_PER_REQUEST = 0.02


async def commands(store: redis.Redis) -> int:
    """Commands that Redis has run for others than this test."""
    stats = await store.info("commandstats")
    return sum(values["calls"] for name, values in stats.items() if name not in ("cmdstat_info", "cmdstat_hello"))


async def test_a_signed_in_request_costs_the_store_next_to_nothing(world, browser, redis_url):
    one = await world(state=redis_url)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    cookie = browser.cookie("claims-session")
    headers = {"Cookie": f"claims-session={cookie}"}
    async with redis.Redis.from_url(redis_url) as store, aiohttp.ClientSession(headers=headers) as client:
        # Steady state: a worker trusts its copies once its first heartbeat has come back.
        async with asyncio.timeout(HANG):
            while one.proxy.sessions.cached(cookie, "contoso") is None:
                await client.get(one.url("/api/data/v9.2/WhoAmI"))
        before = await commands(store)
        for _ in range(REQUESTS):
            async with client.get(one.url("/api/data/v9.2/WhoAmI")) as answer:
                assert answer.status == 200
        each = (await commands(store) - before) / REQUESTS
    print(f"Redis commands per signed-in request: {each:.4f}")
    assert each <= COMMANDS_PER_REQUEST


async def test_a_session_takes_few_bytes(world, browser, redis_url):
    one = await world(state=redis_url)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    async with redis.Redis.from_url(redis_url, decode_responses=True) as store:
        (record,) = [key async for key in store.scan_iter("claims:*:session:*")]
        fields = {name: await store.hstrlen(record, name) for name in await store.hkeys(record)}
        others = {key: await store.memory_usage(key) async for key in store.scan_iter("claims:*") if key != record}
    tokens = fields.pop("i", 0) + fields.pop("r", 0)
    size = sum(fields.values())
    print(f"record {size} bytes, tokens {tokens} bytes, {len(others)} further keys {sum(others.values())} bytes")
    assert size <= LARGEST_RECORD
