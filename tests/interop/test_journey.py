"""The whole journey against a certified OpenID provider: two proxy processes, one real Redis, a small CRM."""

import asyncio
import time
from dataclasses import dataclass

import pytest
import redis.asyncio as redis

from proxy.demo.crm import crm_application
from support.patience import HANG
from support.processes import FileClock, ProxyProcess
from support.world import CLIENT_ID, CLIENT_SECRET, custom, free_port, served, write_configuration

SESSION = "claims-session"
MINUTE = 60.0


@dataclass
class Farm:
    """Two proxies before one CRM; `one` and `two` are their origins."""

    one: str
    two: str
    clock: FileClock


@pytest.fixture
async def farm(tmp_path, redis_url, openid_provider):
    running, ports = [], (free_port(), free_port())
    clock, crm_port = FileClock(tmp_path / "clock"), free_port()
    origins = [f"http://127.0.0.1:{port}" for port in ports]
    provider = openid_provider(
        clients=[
            {
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "redirect_uris": [f"{origin}/.claims/callback" for origin in origins],
                "post_logout_redirect_uris": [f"{origin}/.claims/signed-out" for origin in origins],
                "token_endpoint_auth_method": "client_secret_post",
            }
        ],
        clock_file=str(clock.path),
    )

    async def start(**keys) -> Farm:
        for number, port in enumerate(ports):
            path = write_configuration(
                tmp_path,
                port=port,
                issuer=provider.issuer,
                upstream=f"http://127.0.0.1:{crm_port}",
                state=redis_url,
                **keys,
            )
            running.append(ProxyProcess(path, clock, tmp_path, f"proxy-{number}"))
        for process in running:
            process.wait()
        return Farm(*origins, clock)

    async with served(crm_application(time.time), crm_port):
        yield start
        codes = [process.stop() for process in running]
    assert codes == [0] * len(codes)
    for process in running:
        log = process.log.read_text()
        assert "Traceback" not in log, log
        assert CLIENT_SECRET not in log
        assert "eyJ" not in log


def asked_for_credentials(page) -> bool:
    return page.form_with("login") is not None


async def test_one_sign_in_is_good_at_both_proxies(farm, browser):
    both = await farm()
    page = await browser.sign_in(f"{both.one}/main.aspx?etn=account", "alice")
    assert (page.status, str(page.url)) == (200, f"{both.one}/main.aspx?etn=account")
    for origin in (both.one, both.two):
        headers = await browser.fetch(f"{origin}/headers", headers={"Accept": "application/json"})
        assert "alice@contoso.com" in headers.text


async def test_the_session_timeout_holds_at_both_and_asks_for_credentials(farm, browser):
    both = await farm(**custom(session=60))
    await browser.sign_in(f"{both.one}/main.aspx", "alice")
    both.clock.advance(59 * MINUTE)
    assert (await browser.fetch(f"{both.two}/api/data/v9.2/WhoAmI")).status == 200
    both.clock.advance(MINUTE)
    for origin in (both.two, both.one):
        refused = await browser.fetch(f"{origin}/api/data/v9.2/WhoAmI")
        assert (refused.status, refused.json()["error"]) == (401, "session_timeout")
    page = await browser.open(f"{both.one}/main.aspx")
    assert asked_for_credentials(page)
    assert (await browser.complete_sign_in(page, "alice")).status == 200


async def last_activity(store: redis.Redis) -> float:
    """What the store knows of the one session's last activity."""
    (key,) = [key async for key in store.scan_iter("claims:*:session:*")]
    return float(await store.hget(key, "seen"))


async def test_activity_at_one_proxy_counts_at_the_other(farm, browser, redis_url):
    both = await farm(**custom(session=90, inactivity=15), sessions={"activity_resolution": 0.05})
    await browser.sign_in(f"{both.one}/main.aspx", "alice")
    async with redis.Redis.from_url(redis_url) as store:
        for origin in (both.two, both.one, both.two, both.one):
            both.clock.advance(14 * MINUTE)
            assert (await browser.open(f"{origin}/main.aspx")).hops[0].status == 200
            async with asyncio.timeout(HANG):
                # Activity is written in batches, off the request's way; a quarter of an hour would be ample.
                while await last_activity(store) < both.clock() - MINUTE:  # noqa: ASYNC110 - another process writes
                    await asyncio.sleep(0.01)
    both.clock.advance(15 * MINUTE)
    refused = await browser.fetch(f"{both.two}/api/data/v9.2/WhoAmI")
    assert (refused.status, refused.json()["error"]) == (401, "inactivity_timeout")
    assert asked_for_credentials(await browser.open(f"{both.one}/main.aspx"))


async def test_the_token_s_lifetime_counts_without_custom_limits_and_nobody_types_again(farm, browser):
    both = await farm()
    await browser.sign_in(f"{both.one}/main.aspx", "alice")
    both.clock.advance(61 * MINUTE)
    refused = await browser.fetch(f"{both.one}/api/data/v9.2/WhoAmI")
    assert (refused.status, refused.json()["error"]) == (401, "token_lifetime")
    page = await browser.open(f"{both.one}/main.aspx")
    assert (page.status, str(page.url)) == (200, f"{both.one}/main.aspx")


async def test_a_cookie_deleted_at_minute_59_buys_nothing(farm, browser):
    both = await farm(**custom(session=60))
    await browser.sign_in(f"{both.one}/main.aspx", "alice")
    both.clock.advance(59 * MINUTE)
    browser.forget(SESSION)
    assert not asked_for_credentials(await browser.open(f"{both.two}/main.aspx"))
    both.clock.advance(2 * MINUTE)
    assert asked_for_credentials(await browser.open(f"{both.one}/main.aspx"))


async def test_signing_out_at_one_ends_it_at_the_other_and_at_the_provider(farm, browser):
    both = await farm()
    await browser.sign_in(f"{both.one}/main.aspx", "alice")
    assert (await browser.fetch(f"{both.two}/api/data/v9.2/WhoAmI")).status == 200
    cookie = browser.cookie(SESSION)
    await browser.open(f"{both.one}/.claims/sign-out")
    page = await browser.submit()
    if page.forms:
        # The provider asks whether to end its own session as well.
        page = await browser.submit(logout="yes")
    assert str(page.url).startswith(f"{both.one}/.claims/signed-out")
    stolen = {"Cookie": f"{SESSION}={cookie}"}
    for _ in range(50):
        refused = await browser.fetch(f"{both.two}/api/data/v9.2/WhoAmI", headers=stolen, cookies=False)
        if refused.status == 401:
            break
    assert (refused.status, refused.json()["error"]) == (401, "signed_out")
    assert asked_for_credentials(await browser.open(f"{both.one}/main.aspx"))
