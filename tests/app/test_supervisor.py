"""Several workers on one port: each does its share, each is replaced when it dies, a reload reaches all or none."""

import asyncio
import os
import signal
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from proxy.app.management import RunningManagement, managed
from proxy.app.supervisor import Supervisor
from proxy.app.worker_process import Worker
from proxy.errors import CannotReload, CannotStart
from proxy.model.deployment import Deployment, Listen, Management
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, SecretText
from support.patience import HANG
from support.ports import free_port
from support.world import served


@pytest.fixture
async def upstream():
    application, port = web.Application(), free_port()
    application.router.add_get("/{path:.*}", hello)
    async with served(application, port):
        yield f"http://127.0.0.1:{port}"


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


@pytest.fixture
def deployment(upstream, redis_url):
    return Deployment(
        listen=Listen(port=0),
        state=SecretText(redis_url),
        secrets=(SecretText("x" * 32),),
        identity_providers=(IdentityProvider("default", "http://127.0.0.1:1/adfs", "a", SecretText("b")),),
        organizations=(Organization("contoso", "1", ("127.0.0.1",), upstream, anonymous=("/open",)),),
        workers=2,
    )


@pytest.fixture
async def supervisor(deployment):
    made = Supervisor(deployment, 2)
    await made.start()
    yield made
    await made.close()


async def ask(supervisor: Supervisor, path: str = "/open") -> int:
    """One request on a connection of its own."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as client,
        client.get(f"http://127.0.0.1:{supervisor.port}{path}") as answer,
    ):
        await answer.read()
        return answer.status


async def test_workers_serve_one_port(supervisor):
    assert len(set(supervisor.process_ids)) == 2
    assert await asyncio.gather(*(ask(supervisor) for _ in range(20))) == [200] * 20


async def test_a_worker_that_dies_is_replaced_and_its_clients_wait(supervisor):
    first, second = supervisor.process_ids
    os.kill(first, signal.SIGKILL)
    answers = await asyncio.gather(*(ask(supervisor) for _ in range(20)), return_exceptions=True)
    async with asyncio.timeout(HANG):
        while first in supervisor.process_ids:  # noqa: ASYNC110 - another process is born
            await asyncio.sleep(0.01)
    # Whose connection the dead one had accepted lost it; nobody was refused.
    assert not any(isinstance(answer, ConnectionRefusedError) for answer in answers)
    assert second in supervisor.process_ids
    assert await asyncio.gather(*(ask(supervisor) for _ in range(20))) == [200] * 20


async def test_a_reload_reaches_every_worker(supervisor, deployment):
    (contoso,) = deployment.organizations
    changes = await supervisor.reload(replace(deployment, organizations=(replace(contoso, anonymous=()),)))
    assert changes == ("organizations[contoso].anonymous: [/open] -> []",)
    assert await asyncio.gather(*(ask(supervisor) for _ in range(20))) == [401] * 20


async def test_what_a_worker_cannot_change_while_it_runs_replaces_it_and_loses_no_request(supervisor, deployment):
    before, stop, answers = supervisor.process_ids, asyncio.Event(), []

    async def keep_asking() -> None:
        while not stop.is_set():
            answers.append(await ask(supervisor))

    asking = [asyncio.create_task(keep_asking()) for _ in range(4)]
    database = f"{deployment.state.rpartition('/')[0]}/1"
    await supervisor.reload(replace(deployment, state=SecretText(database)))
    stop.set()
    await asyncio.gather(*asking)
    assert set(before).isdisjoint(supervisor.process_ids)
    assert set(answers) == {200}


async def test_a_file_that_no_worker_can_use_is_refused_and_all_go_on(supervisor, deployment, tmp_path):
    wanted = replace(deployment, ca_file=str(tmp_path / "nowhere.pem"))
    with pytest.raises(CannotStart, match=r"ca_file: .*nowhere\.pem cannot be used"):
        await supervisor.reload(wanted)
    assert supervisor.deployment is deployment
    assert await ask(supervisor) == 200
    assert await supervisor.reload(deployment) == ()


@pytest.mark.parametrize("change", [{"listen": Listen(port=1)}, {"workers": 3}])
async def test_what_the_supervisor_cannot_change_is_refused_by_name(supervisor, deployment, change):
    with pytest.raises(CannotReload, match="cannot change while the proxy runs"):
        await supervisor.reload(replace(deployment, **change))
    assert await ask(supervisor) == 200


async def test_a_worker_that_cannot_start_is_an_error_with_its_words(deployment):
    missing = Supervisor(replace(deployment, ca_file="/nowhere.pem"), 2)
    with pytest.raises(CannotStart, match=r"ca_file: /nowhere\.pem cannot be used"):
        await missing.start()


async def test_a_port_that_is_taken_is_an_error(supervisor, deployment):
    other = Supervisor(replace(deployment, listen=Listen(port=supervisor.port)), 2)
    with pytest.raises(OSError, match="already in use"):
        await other.start()


async def test_workers_end_with_their_supervisor(deployment):
    made = Supervisor(deployment, 2)
    await made.start()
    processes = made.process_ids
    await made.close()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


async def requests_of(supervisor: Supervisor) -> float:
    return sum((await supervisor.snapshot()).counters["requests"].values())


async def test_what_workers_count_is_added_up_and_never_falls(supervisor, deployment):
    await asyncio.gather(*(ask(supervisor) for _ in range(20)))
    told = await supervisor.snapshot()
    assert sum(told.counters["requests"].values()) == 20
    assert told.gauges["workers"] == {(): 2}
    assert told.gauges["sessions"] == {("contoso",): 0}
    # A worker that is replaced, and one that dies.
    await supervisor.reload(replace(deployment, state=SecretText(f"{deployment.state.rpartition('/')[0]}/1")))
    assert await requests_of(supervisor) == 20
    first = supervisor.process_ids[0]
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(HANG):
        while first in supervisor.process_ids:  # noqa: ASYNC110 - another process is born
            await asyncio.sleep(0.01)
    await ask(supervisor)
    assert await requests_of(supervisor) == 21


async def readiness(management: RunningManagement) -> tuple[int, str]:
    """The status of /readyz, and the reason of its check of the workers."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{management.port}/readyz") as answer,
        client.get(f"http://127.0.0.1:{management.port}/metrics") as metrics,
    ):
        assert metrics.status == 200
        said = await answer.json() if answer.content_type == "application/json" else {"checks": {}}
        return answer.status, said["checks"].get("workers", {}).get("reason")


@pytest.fixture
async def management(supervisor):
    made = await managed(supervisor, Management(port=0))
    async with asyncio.timeout(HANG):
        # A worker's first heartbeat comes back within moments.
        while await readiness(made) != (200, ""):  # noqa: ASYNC110 - the workers are other processes
            await asyncio.sleep(0.01)
    yield made
    await made.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_node_stays_ready_while_one_worker_does_not_answer(supervisor, management, number):
    first = supervisor.process_ids[0]
    os.kill(first, number)
    seen = []
    async with asyncio.timeout(60):
        while (200, "1 of 2 workers answer") not in seen:
            seen.append(await readiness(management))
        if number is signal.SIGSTOP:
            os.kill(first, signal.SIGCONT)
        while seen[-1] != (200, ""):
            seen.append(await readiness(management))
    assert {status for status, _ in seen} <= {200, 503}  # 503 only where a loaded machine lets the other one be late


async def test_stop_ends_a_worker_that_is_being_started(deployment, monkeypatch):
    spawned = []
    spawn = Worker.spawn

    async def spawn_and_note(*given):
        spawned.append(await spawn(*given))
        return spawned[-1]

    monkeypatch.setattr(Worker, "spawn", spawn_and_note)
    made = Supervisor(deployment, 2)
    await made.start()
    os.kill(made.process_ids[0], signal.SIGKILL)
    async with asyncio.timeout(HANG):
        while len(spawned) < 3:  # noqa: ASYNC110 - another process dies
            await asyncio.sleep(0.01)
        await made.close()
        for worker in spawned:
            await worker.gone()


async def test_node_is_not_ready_while_no_worker_answers(supervisor, management):
    processes = supervisor.process_ids
    for each in processes:
        os.kill(each, signal.SIGSTOP)
    try:
        assert await readiness(management) == (503, "0 of 2 workers answer")
    finally:
        for each in processes:
            os.kill(each, signal.SIGCONT)


async def test_checks_are_those_of_all_workers(supervisor):
    async with asyncio.timeout(HANG):
        # A worker's first heartbeat comes back within moments.
        while not all(check.ok for check in (await supervisor.checks())[:2]):  # noqa: ASYNC110 - others are asked
            await asyncio.sleep(0.01)
    checks = {check.name: check for check in await supervisor.checks()}
    assert list(checks) == ["workers", "store", "provider default"]
    assert (checks["workers"].ok, checks["provider default"].ok, checks["provider default"].needed) == (
        True,
        False,
        False,
    )


async def test_a_worker_that_does_not_answer_is_told_and_holds_up_nobody(supervisor):
    first = supervisor.process_ids[0]
    os.kill(first, signal.SIGSTOP)
    try:
        workers = (await supervisor.checks())[0]
        assert (workers.ok, workers.needed, workers.reason) == (False, False, "1 of 2 workers answer")
        assert (await supervisor.snapshot()).gauges["workers"] == {(): 1}
    finally:
        os.kill(first, signal.SIGCONT)
    async with asyncio.timeout(HANG):
        while not (await supervisor.checks())[0].ok:  # noqa: ASYNC110 - another process goes on
            await asyncio.sleep(0.01)
