"""Renewal against a certified OpenID provider that rotates refresh tokens and revokes all where one is used twice."""

import asyncio
import time
from collections import Counter

import aiohttp
import pytest

from proxy.demo.crm import crm_application
from support.patience import HANG
from support.processes import FileClock, ProxyProcess
from support.world import CLIENT_ID, CLIENT_SECRET, free_port, served, write_configuration

SESSION = "claims-session"
WHO = "/api/data/v9.2/WhoAmI"
MINUTE = 60.0


class Three:
    """Three proxy processes over one Redis before one CRM; the first one's origin is where people sign in."""

    def __init__(self, ports, clock, provider, processes) -> None:
        self.origins = [f"http://127.0.0.1:{port}" for port in ports]
        self.clock, self.provider, self.processes = clock, provider, processes

    def refreshed(self) -> int:
        """How often the provider granted a refresh."""
        return self.provider.log.read_text().count("granted refresh_token")

    async def logged(self, event: str, times: int) -> None:
        """Until the proxies have logged it so often."""
        async with asyncio.timeout(HANG):
            while sum(each.log.read_text().count(event) for each in self.processes) < times:  # noqa: ASYNC110 - others write
                await asyncio.sleep(0.02)


@pytest.fixture
async def three(tmp_path, redis_url, openid_provider):
    ports, crm_port, running = [free_port() for _ in range(3)], free_port(), []
    clock = FileClock(tmp_path / "clock")
    provider = openid_provider(
        clients=[
            {
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "redirect_uris": [f"http://127.0.0.1:{port}/.claims/callback" for port in ports],
                "post_logout_redirect_uris": [f"http://127.0.0.1:{port}/.claims/signed-out" for port in ports],
                "token_endpoint_auth_method": "client_secret_post",
            }
        ],
        clock_file=str(clock.path),
        refresh=True,
    )
    for number, port in enumerate(ports):
        path = write_configuration(
            tmp_path,
            port=port,
            issuer=provider.issuer,
            upstream=f"http://127.0.0.1:{crm_port}",
            state=redis_url,
            provider={"refresh": "on"},
        )
        running.append(ProxyProcess(path, clock, tmp_path, f"proxy-{number}"))
    for process in running:
        process.wait()
    async with served(crm_application(time.time), crm_port):
        yield Three(ports, clock, provider, running)
        assert [process.stop() for process in running] == [0] * 3
    for process in running:
        log = process.log.read_text()
        assert "Traceback" not in log, log
        assert "eyJ" not in log


async def test_200_requests_at_3_processes_use_each_refresh_token_once(three, browser):
    await browser.sign_in(f"{three.origins[0]}/main.aspx", "alice")
    headers = {"Cookie": f"{SESSION}={browser.cookie(SESSION)}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as client:

        async def get(number: int) -> int:
            async with client.get(f"{three.origins[number % 3]}{WHO}") as answer:
                return answer.status

        for round_ in range(1, 5):
            three.clock.advance(57 * MINUTE)
            assert Counter(await asyncio.gather(*map(get, range(200)))) == {200: 200}
            await three.logged("session_refreshed", round_)
            assert three.refreshed() == round_
        three.clock.advance(50 * MINUTE)
        assert Counter(await asyncio.gather(*map(get, range(30)))) == {200: 30}
    assert "invalid_grant" not in three.provider.log.read_text()


async def test_a_sign_out_revokes_the_refresh_token_at_the_provider(three, browser):
    one = three.origins[0]
    await browser.sign_in(f"{one}/main.aspx", "alice")
    await browser.open(f"{one}/.claims/sign-out")
    await browser.submit()
    async with asyncio.timeout(HANG):
        while "destroyed" not in three.provider.log.read_text():  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.02)
    assert three.refreshed() == 0
