"""The administrators' own host: nothing else is there, and nothing of it is anywhere else."""

import ssl

import pytest
from yarl import URL

from admin.conftest import Desk, live
from support.browser import Browser
from support.certificates import make_certificate

MINUTE = 60.0
API = "/.claims/admin/api/me"
LENGTH = ("contoso", "sessiontimeoutinmins", 1440)


@pytest.mark.parametrize("path", ["", "general", "api/me", "openapi.json", "static/main.js"])
async def test_pages_are_at_no_organization(desk, path):
    one = await desk()
    await one.browser.sign_in(one.world.url("/main.aspx"), "admin")
    assert (await one.browser.fetch(one.world.url(f"/.claims/admin/{path}"))).status == 404
    await one.browser.open(one.world.admin_url("/"))
    assert (await one.browser.fetch(one.world.admin_url(f"/.claims/admin/{path}"))).status in (200, 302)


async def test_pages_are_at_every_organization_without_a_host(desk):
    one = await desk(administration=None)
    assert (await one.browser.fetch(one.world.url(API))).status == 200


async def test_change_at_an_organization_is_nowhere(desk):
    one = await desk()
    body = b'{"changes": [{"organization": "contoso", "setting": "sessiontimeoutinmins", "value": 90}]}'
    headers = {"Origin": one.world.url(""), "X-Claims-Token": one.token, "Content-Type": "application/json"}
    await one.browser.sign_in(one.world.url("/main.aspx"), "admin")
    refused = await one.browser.fetch(
        one.world.url("/.claims/admin/api/settings/change"), "POST", headers=headers, data=body
    )
    assert refused.status == 404
    await one.browser.open(one.world.admin_url("/"))
    assert (await one.post("settings/change", body)).status == 200


async def test_session_of_one_host_is_nobody_at_the_other(desk, other_browser):
    one = await desk()
    await other_browser.sign_in(one.world.url("/main.aspx"), "admin")
    for browser, there in ((one.browser, one.world.url), (other_browser, one.world.admin_url)):
        kept = browser.cookies.named("claims-session")[0]
        assert (await browser.fetch(str(browser.page.url.join(URL("/.claims/session"))))).status == 200
        stranger = {"Cookie": f"claims-session={kept.value}"}
        assert (await browser.fetch(there("/.claims/session"), headers=stranger)).status == 401


@pytest.mark.parametrize("path", ["/main.aspx", "/api/data/v9.2/WhoAmI", "/favicon.ico", "/.claims/nothing", "/x/"])
async def test_nothing_else_is_there(desk, path):
    one = await desk()
    for _ in range(2):  # a second time: the fast lane knows the head by now
        assert (await one.ask("me")).status == 200
        answer = await one.browser.fetch(one.world.admin_url(path))
        assert answer.status == 404
        assert answer.headers["Server"] == "claims-proxy"
    assert (await one.browser.fetch(one.world.admin_url("/"), "POST")).status == 404


async def test_root_leads_to_the_pages(desk, other_browser):
    one = await desk()
    first = (await one.browser.fetch(one.world.admin_url("/"))).last
    assert (first.status, first.location) == (302, "/.claims/admin/")
    page = await other_browser.sign_in(one.world.admin_url("/"), "admin")
    assert str(page.url) == one.world.admin_url("/.claims/admin/overview")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


async def test_websocket_is_refused(desk):
    one = await desk()
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": one.world.admin_url(""),
    }
    assert (await one.browser.fetch(one.world.admin_url("/socket"), headers=headers)).status == 404


async def test_user_who_is_no_administrator_is_refused_there(desk, other_browser):
    one = await desk()
    page = await other_browser.sign_in(one.world.admin_url("/"), "alice")
    assert page.status == 403


async def test_sign_out_ends_the_session_there(desk):
    one = await desk()
    page = await one.browser.open(one.world.admin_url("/.claims/sign-out"))
    await one.browser.submit(page.forms[0])
    assert (await one.ask("me")).status == 401


async def test_sign_in_by_ws_federation_and_over_https(world, tmp_path):
    tls = make_certificate(tmp_path, "admin.localhost")
    one = await world(**live(federated=True, listen={"tls": tls}))
    async with Browser(tls=ssl.create_default_context(cafile=tls["certificate"])) as browser:
        await browser.sign_in(one.admin_url("/"), "admin")
        made = Desk(one, browser)
        made.token = (await made.ask("me")).json()["token"]
        assert (await made.change(LENGTH)).status == 200
        assert browser.cookie("__Host-claims-session")


async def loosened(one) -> None:
    """Every limit as far away as administrators can move it."""
    done = await one.change(
        (None, "AllowCustomSessionDuration", False),
        (None, "AllowCustomInactivityDuration", False),
        (None, "FCB.UCIInactivityTimeout", False),
        (None, "WSFedNonceCookieEnabled", False),
        LENGTH,
    )
    assert done.status == 200


@pytest.mark.parametrize("loose", [False, True])
async def test_fifteen_minutes_of_inactivity_end_a_session_whatever_the_settings(desk, clock, loose):
    one = await desk()
    if loose:
        await loosened(one)
    told = (await one.browser.fetch(one.world.admin_url("/.claims/session"))).json()
    assert (told["session_ends_in"], told["inactivity_ends_in"]) == (60 * MINUTE, 15 * MINUTE)
    clock.advance(15 * MINUTE - 1)
    assert (await one.ask("me")).status == 200
    clock.advance(1)
    ended = await one.ask("me")
    assert (ended.status, ended.json()["error"]) == (401, "inactivity_timeout")
    page = await one.browser.open(one.world.admin_url("/"))
    assert "prompt=login" in str(page.hops[-1].url) or any("prompt=login" in hop.location for hop in page.hops)


@pytest.mark.parametrize("loose", [False, True])
async def test_sixty_minutes_end_a_session_whatever_the_settings(desk, clock, loose):
    one = await desk()
    if loose:
        await loosened(one)
    for _ in range(5):
        clock.advance(10 * MINUTE)
        await one.browser.open(one.world.admin_url("/.claims/admin/general"))
    clock.advance(10 * MINUTE - 1)
    assert (await one.ask("me")).status == 200
    clock.advance(1)
    ended = await one.ask("me")
    assert (ended.status, ended.json()["error"]) == (401, "session_timeout")


async def test_it_is_no_organization(desk):
    one = await desk()
    organizations = (await one.ask("organizations")).json()["organizations"]
    assert [each["name"] for each in organizations] == ["contoso"]
    settings = (await one.ask("settings")).json()
    assert {row["organization"] for row in settings["settings"]} == {None, "contoso"}
    assert (await one.change(("administration", "sessiontimeoutinmins", 90))).status == 400
    assert list((await one.ask("overview")).json()["sessions"]) == ["contoso"]


async def test_session_there_is_listed_with_its_end_and_can_be_ended(desk):
    one = await desk()
    (row,) = (await one.ask("sessions")).json()["sessions"]
    assert (row["organization"], row["own"], row["ends_by"]) == ("administration", True, "inactivity_timeout")
    assert (await one.post("sessions/revoke", {"session": row["id"]})).json() == {"ended": 1}
    assert (await one.ask("me")).status == 401


async def test_credentials_of_the_last_fifteen_minutes_are_enough_there(desk):
    one = await desk()
    assert (await one.ask("me")).json()["each_change_signs_in"] is False
    assert (await one.change(LENGTH)).status == 200


async def test_metrics_name_it(world, browser):
    one = await world(**live())
    await browser.sign_in(one.admin_url("/"), "admin")
    told = one.proxy._lasting.metrics.snapshot()
    assert "administration" in str(told)
