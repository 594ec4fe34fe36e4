"""A running proxy takes another configuration: whole or not at all, and nobody is signed out."""

import asyncio
import json
from dataclasses import replace

import pytest
from aiohttp import web

from proxy.configuration import load
from proxy.errors import CannotReload, CannotStart
from proxy.model.deployment import Management, Tls
from proxy.model.organization import UpstreamTls
from proxy.model.provider import SecretText
from support.patience import HANG
from support.ports import free_port
from support.raw_http import RawClient
from support.world import custom, served

LATER = SecretText("another-secret-that-is-long-enough-for-us")


@pytest.fixture
async def one(world, browser):
    """A world with alice signed in; `one.deployment` is what its proxy goes by."""
    made = await world(**custom(session=480))
    await browser.sign_in(made.url("/main.aspx"), "alice")
    return made


async def test_who_is_signed_in_stays_so_under_another_configuration(one, browser):
    proxy = one.proxy
    changes = await proxy.reload(replace(proxy.deployment, sessions=replace(proxy.deployment.sessions, cache=10)))
    assert changes == ("sessions.cache: 100000 -> 10",)
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200


async def test_the_same_configuration_changes_nothing(one, browser):
    assert await one.proxy.reload(one.proxy.deployment) == ()
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200


async def test_a_shorter_limit_acts_on_open_sessions(one, browser, clock):
    deployment = one.proxy.deployment
    clock.advance(61 * 60)
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200
    (contoso,) = deployment.organizations
    shorter = replace(contoso, system_settings=replace(contoso.system_settings, sessiontimeoutinmins=60))
    await one.proxy.reload(replace(deployment, organizations=(shorter,)))
    refused = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    assert (refused.status, refused.json()["error"]) == (401, "session_timeout")


async def slow(request: web.Request) -> web.Response:
    request.app[BEGUN].set()
    await request.app[GO_ON].wait()
    return web.Response(text="the earlier upstream")


BEGUN = web.AppKey("begun", asyncio.Event)
GO_ON = web.AppKey("go_on", asyncio.Event)


async def test_a_request_in_flight_finishes_where_it_began_and_the_next_goes_elsewhere(one, browser):
    earlier = web.Application()
    earlier[BEGUN], earlier[GO_ON] = asyncio.Event(), asyncio.Event()
    earlier.router.add_get("/slow", slow)
    deployment, port = one.proxy.deployment, free_port()
    (contoso,) = deployment.organizations
    async with served(earlier, port):
        await one.proxy.reload(
            replace(deployment, organizations=(replace(contoso, upstream=f"http://127.0.0.1:{port}"),))
        )
        in_flight = asyncio.create_task(browser.fetch(one.url("/slow")))
        await earlier[BEGUN].wait()
        await one.proxy.reload(deployment)
        assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200
        earlier[GO_ON].set()
        assert (await in_flight).text == "the earlier upstream"


async def test_a_secret_put_in_front_signs_nobody_out(one, browser, other_browser):
    deployment = one.proxy.deployment
    await one.proxy.reload(replace(deployment, secrets=(LATER, *deployment.secrets)))
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200
    assert (await other_browser.sign_in(one.url("/main.aspx"), "bob")).status == 200


async def test_a_secret_that_is_gone_signs_out_whom_it_signed_in_and_nobody_else(one, browser, other_browser):
    deployment = one.proxy.deployment
    await one.proxy.reload(replace(deployment, secrets=(LATER, *deployment.secrets)))
    await other_browser.sign_in(one.url("/main.aspx"), "bob")
    await one.proxy.reload(replace(deployment, secrets=(LATER,)))
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 401
    assert (await other_browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200


async def test_no_secret_stands_in_what_changed(one):
    deployment = one.proxy.deployment
    changes = await one.proxy.reload(replace(deployment, secrets=(LATER, *deployment.secrets)))
    assert changes
    assert LATER not in "\n".join(changes)
    assert "a-secret-of-the-tests" not in "\n".join(changes)


async def test_an_organization_that_is_gone_is_unknown_and_its_streams_are_cut(one, browser):
    deployment = one.proxy.deployment
    client = await RawClient.connect(one.port)
    cookie = f"Cookie: claims-session={browser.cookie('claims-session')}\r\n"
    head = (
        f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\n{cookie}Origin: http://127.0.0.1:{one.port}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    client.send(head.encode())
    assert b" 101 " in await client.reader.readline()
    (contoso,) = deployment.organizations
    other = replace(contoso, name="fabrikam", hosts=("fabrikam.example",))
    await one.proxy.reload(replace(deployment, organizations=(other,)))
    await asyncio.wait_for(client.reader.read(), HANG)
    await client.close()
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 421
    await one.proxy.reload(deployment)
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("listen.address", lambda d: replace(d, listen=replace(d.listen, port=d.listen.port + 1))),
        ("listen.tls", lambda d: replace(d, listen=replace(d.listen, tls=Tls("a", "b")))),
        ("management.address", lambda d: replace(d, management=Management(port=1))),
        ("state", lambda d: replace(d, state=SecretText("redis://127.0.0.1:1/0"))),
    ],
)
async def test_what_needs_a_restart_is_refused_by_name_and_nothing_else_is_taken(one, browser, key, changed):
    before = one.proxy.deployment
    wanted = replace(changed(before), secrets=(LATER,))
    with pytest.raises(CannotReload, match=f"{key}: cannot change while the proxy runs; restart it"):
        await one.proxy.reload(wanted)
    assert one.proxy.deployment is before
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200


async def test_a_file_that_cannot_be_used_is_refused_and_nothing_is_taken(one, browser, tmp_path):
    before = one.proxy.deployment
    with pytest.raises(CannotStart, match=r"ca_file: .*nowhere\.pem cannot be used"):
        await one.proxy.reload(replace(before, secrets=(LATER,), ca_file=str(tmp_path / "nowhere.pem")))
    (contoso,) = before.organizations
    missing = str(tmp_path / "nowhere.crt")
    mutual = replace(contoso, upstream="https://127.0.0.1:1", upstream_tls=UpstreamTls(missing, missing))
    with pytest.raises(CannotStart, match=r"upstream_tls\.certificate: .*nowhere\.crt cannot be used"):
        await one.proxy.reload(replace(before, secrets=(LATER,), organizations=(mutual,)))
    assert one.proxy.deployment is before
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200


async def test_a_sign_in_under_way_is_completed_under_the_next_configuration(one, other_browser):
    deployment = one.proxy.deployment
    form = await other_browser.open(one.url("/main.aspx"))
    await one.proxy.reload(replace(deployment, secrets=(LATER, *deployment.secrets)))
    page = await other_browser.sign_in(one.url("/main.aspx"), "bob")
    assert (form.status, page.status) == (200, 200)


async def test_what_stays_as_it_was_is_kept_and_what_nobody_wants_is_closed(one):
    def held() -> dict[str, set[int]]:
        kinds: dict[str, set[int]] = {}
        for key, entry in one.proxy._lasting.shared._held.items():
            kinds.setdefault(key[0], set()).add(id(entry.what))
        return kinds

    before, deployment = held(), one.proxy.deployment
    await one.proxy.reload(replace(deployment, sessions=replace(deployment.sessions, outage_grace=1)))
    assert held() == before
    (contoso,) = deployment.organizations
    elsewhere = replace(contoso, upstream="http://127.0.0.1:1")
    await one.proxy.reload(replace(deployment, organizations=(elsewhere,)))
    await asyncio.wait_for(asyncio.gather(*one.proxy._retiring), HANG)
    assert held()["provider"] == before["provider"]
    assert held()["pool"].isdisjoint(before["pool"])


async def test_a_configuration_from_a_file_knows_the_files_it_came_from(tmp_path, one):
    path = one.write_configuration(one.port)
    said = json.loads(path.read_text())
    (tmp_path / "secret.txt").write_text("the-secret-from-a-file-that-is-long-enough\n")
    said["secret"] = {"file": "secret.txt"}
    path.write_text(json.dumps(said))
    assert load(path, {}).files == (str(path), str(tmp_path / "secret.txt"))
