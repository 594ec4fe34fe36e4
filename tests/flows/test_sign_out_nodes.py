"""Sign-out at one node, refusal at another: two proxies in processes of their own over one real Redis."""

import asyncio
import time
from dataclasses import replace

import aiohttp
import pytest

from proxy.sessions.service import Created
from support.desk import ALICE, Desk
from support.logout import logout_token
from support.patience import HANG
from support.ports import free_port
from support.processes import FileClock, ProxyProcess
from support.world import SECRET, World, custom

SESSION = "claims-session"
RUNS, SLOW_RUNS = 20, 500


class Nodes:
    """`one` and `two`: the origins of two proxies before one application."""

    def __init__(self, world: World, desk: Desk, ports: tuple[int, int]) -> None:
        self.world, self._desk = world, desk
        self.one, self.two = (f"http://127.0.0.1:{port}" for port in ports)

    async def session(self, number: int, **facts) -> Created:
        """A session of somebody new; of the same person for the same number."""
        who = replace(ALICE, key=f"default|sid|S-1-5-21-{number}", upn=f"person-{number}@contoso.com")
        return await self._desk.sign_in(principal=who, provider="default", **facts)


@pytest.fixture
async def nodes(tmp_path, redis_url, signing_key):
    clock, ports, running = FileClock(tmp_path / "clock"), (free_port(), free_port()), []
    desk = Desk(redis_url, clock, secrets=(SECRET,))
    limits = custom(nonce=True)
    async with World(tmp_path, clock, signing_key=signing_key, within=False, state=redis_url, **limits) as world:
        try:
            for number, port in enumerate(ports):
                running.append(ProxyProcess(world.write_configuration(port), clock, tmp_path, f"proxy-{number}"))
            for process in running:
                process.wait()
            yield Nodes(world, desk, ports)
        finally:
            await desk.sessions.close()
            codes = [process.stop() for process in running]
    assert codes == [0, 0]


def as_user(created: Created) -> dict[str, str]:
    return {"Cookie": f"{SESSION}={created.cookie}"}


async def status(client, origin: str, created: Created) -> int:
    async with client.get(f"{origin}/api/data/v9.2/WhoAmI", headers=as_user(created)) as answer:
        await answer.read()
        return answer.status


async def sign_out(client, origin: str, created: Created) -> None:
    headers = as_user(created) | {"Origin": origin}
    async with client.post(f"{origin}/.claims/sign-out", headers=headers, allow_redirects=False) as answer:
        assert answer.status == 303


async def refused_at(client, origin: str, created: Created) -> float:
    """When a node first refuses a session that it has served; then it refuses it for good."""
    async with asyncio.timeout(HANG):
        while await status(client, origin, created) == 200:
            pass
    instant = time.perf_counter()
    assert await status(client, origin, created) == 401
    return instant


async def one_run(client, nodes: Nodes, number: int) -> float:
    """Seconds from sending the sign-out at one node until the other node refuses the person's other session."""
    here, there = await nodes.session(number), await nodes.session(number)
    for created, origin in ((here, nodes.one), (there, nodes.two)):
        assert await status(client, origin, created) == 200
    watching = asyncio.create_task(refused_at(client, nodes.two, there))
    await asyncio.sleep(0.005)
    sent = time.perf_counter()
    await sign_out(client, nodes.one, here)
    return await watching - sent


async def signed_out_everywhere(nodes: Nodes, runs: int) -> None:
    """Sign people out at one node, each of whom the other refuses then; prints how long that takes (`pytest -s`)."""
    async with aiohttp.ClientSession() as client:
        taken = sorted([await one_run(client, nodes, number) for number in range(runs)])
    p50, p99 = taken[runs // 2], taken[runs * 99 // 100]
    print(f"sign-out to refusal on the other node, {runs} runs: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")


async def test_sign_out_at_one_node_is_refused_at_the_other(nodes):
    await signed_out_everywhere(nodes, RUNS)


@pytest.mark.slow
async def test_five_hundred_sign_outs_are_refused_at_the_other_node(nodes):
    await signed_out_everywhere(nodes, SLOW_RUNS)


async def open_socket(client, origin: str, created: Created):
    socket = await client.ws_connect(f"{origin}/live", headers=as_user(created) | {"Origin": origin})
    assert (await socket.receive()).type is aiohttp.WSMsgType.TEXT
    return socket


async def closes(socket) -> int:
    async with asyncio.timeout(HANG):
        while (message := await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
            assert message.type is aiohttp.WSMsgType.TEXT
    return message.data


async def by_front_channel(client, nodes, sid):
    query = {"iss": nodes.world.adfs.state.issuer.url, "sid": sid}
    async with client.get(f"{nodes.one}/.claims/frontchannel-logout", params=query) as answer:
        assert answer.status == 200


async def by_back_channel(client, nodes, subject):
    form = {"logout_token": logout_token(nodes.world.adfs, sid=..., sub=subject)}
    async with client.post(f"{nodes.one}/.claims/backchannel-logout", data=form) as answer:
        assert answer.status == 200


async def test_open_web_sockets_at_the_other_node_are_closed_by_every_sign_out(nodes):
    async with aiohttp.ClientSession() as client:
        for number in range(3):
            named = {"provider_session": f"sid-{number}", "subject": f"sub-{number}"}
            here, there = [await nodes.session(number, **named) for _ in range(2)]
            socket = await open_socket(client, nodes.two, there)
            match number:
                case 0:
                    await sign_out(client, nodes.one, here)
                case 1:
                    await by_front_channel(client, nodes, "sid-1")
                case _:
                    await by_back_channel(client, nodes, "sub-2")
            assert await closes(socket) == 1008
            assert [await status(client, each, here) for each in (nodes.one, nodes.two)] == [401, 401]


async def test_a_logout_token_is_taken_by_one_node_alone(nodes):
    token = logout_token(nodes.world.adfs, sid="sid-1")
    async with aiohttp.ClientSession() as client:

        async def send(origin: str) -> int:
            async with client.post(f"{origin}/.claims/backchannel-logout", data={"logout_token": token}) as answer:
                return answer.status

        answers = await asyncio.gather(*(send(origin) for origin in (nodes.one, nodes.two) * 4))
    assert sorted(answers) == [200, *[400] * 7]
