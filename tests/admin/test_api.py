"""The API through a real listener: who may, what it answers, and what a change does."""

import pytest

from admin.conftest import live
from proxy.admin.visitor import FRESH_SECONDS
from support.browser import Browser

LENGTH = ("contoso", "sessiontimeoutinmins", 90)
MINUTE = 60.0


@pytest.mark.parametrize("path", ["/contoso", "/administration"])
async def test_an_organization_by_path_has_its_pages_below_it(world, browser, path):
    keys = live(administration=None)
    one = await world(**keys | {"organization": {"path": path, **keys["organization"]}})
    page = await browser.sign_in(one.url(f"{path}/.claims/admin/"), "admin")
    assert (page.status, str(page.url)) == (200, one.url(f"{path}/.claims/admin/overview"))
    me = await browser.fetch(one.url(f"{path}/.claims/admin/api/me"))
    assert me.json()["upn"] == "admin@contoso.com"
    described = (await browser.fetch(one.url(f"{path}/.claims/admin/openapi.json"))).json()
    assert described["servers"] == [{"url": f"{path}/.claims/admin/api"}]


async def test_an_administrator_is_told_who_he_is(desk):
    one = await desk()
    me = (await one.ask("me")).json()
    assert (me["upn"], me["settings_source"]) == ("admin@contoso.com", "live")
    assert 0 < me["credentials_fresh_for"] <= FRESH_SECONDS


async def test_somebody_else_is_refused_and_nobody_is_challenged(desk, other_browser):
    one = await desk()
    address = one.world.admin_url("/.claims/admin/api/me")
    nobody = await other_browser.fetch(address)
    assert (nobody.status, nobody.json()["error"]) == (401, "no_session")
    await other_browser.sign_in(one.world.admin_url("/"), "alice")
    refused = await other_browser.fetch(address)
    assert (refused.status, refused.json()["error"]) == (403, "no_access")
    page = await other_browser.open(one.world.admin_url("/.claims/admin/general"))
    assert page.status == 403
    assert "Content-Security-Policy" in page.headers


async def test_without_administrators_nobody_is_one(desk, world, other_browser):
    one = await world()
    await other_browser.sign_in(one.url("/main.aspx"), "admin")
    assert (await other_browser.fetch(one.admin_url("/.claims/admin/api/me"))).status == 403


async def test_pages_lead_to_the_sign_in_and_back(desk, other_browser):
    one = await desk()
    page = await other_browser.sign_in(one.world.admin_url("/.claims/admin/general"), "admin")
    assert (page.status, str(page.url)) == (200, one.world.admin_url("/.claims/admin/general"))
    first = await other_browser.open(one.world.admin_url("/.claims/admin/"))
    assert str(first.url).endswith("/.claims/admin/overview")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]


async def test_a_change_acts_at_once_and_says_how_many_sessions_it_ended(desk, clock, other_browser):
    one = await desk()
    await other_browser.sign_in(one.world.url("/main.aspx"), "alice")
    clock.advance(20 * MINUTE)
    await one.browser.sign_in(one.world.admin_url("/.claims/sign-in?credentials&return=/"), "admin")
    one.token = (await one.ask("me")).json()["token"]
    wishes = [{"organization": "contoso", "setting": "inactivitytimeoutinmins", "value": 15}]
    forecast = (await one.post("settings/preview", {"changes": wishes})).json()
    assert (forecast["changes"], forecast["ends"]) == (1, 1)
    assert "does nothing for 15 minutes" in forecast["rules"]["contoso"][1]
    assert (await other_browser.fetch(one.world.url("/.claims/session"))).status == 200
    done = await one.change(("contoso", "inactivitytimeoutinmins", 15), why="an audit")
    assert done.json() == {
        "revision": 1,
        "changes": [{"organization": "contoso", "setting": "inactivitytimeoutinmins", "before": None, "after": 15}],
        "ended": 1,
    }
    ended = await other_browser.fetch(one.world.url("/api/data/v9.2/WhoAmI"))
    assert (ended.status, ended.json()["error"]) == (401, "inactivity_timeout")


async def test_a_value_out_of_bounds_names_field_and_bound(desk):
    one = await desk()
    refused = await one.change(("contoso", "sessiontimeoutinmins", 59))
    assert refused.status == 422
    (problem,) = refused.json()["problems"]
    assert (problem["organization"], problem["field"], problem["value"]) == ("contoso", "sessiontimeoutinmins", 59)
    assert "from 60 to 1440 minutes" in problem["message"]
    assert (await one.change(("contoso", "sessiontimeoutinmins", 60))).status == 200


async def test_the_second_of_two_is_told_what_changed(desk):
    one = await desk()
    assert (await one.change(LENGTH, revision=0)).status == 200
    refused = await one.change(("contoso", "sessiontimeoutreminderinmins", 10), revision=0)
    assert (refused.status, refused.json()["error"]) == (409, "changed_meanwhile")
    assert "sessiontimeoutinmins of contoso" in refused.json()["message"]
    assert (await one.change(("contoso", "sessiontimeoutreminderinmins", 10), revision=1)).status == 200


async def test_settings_of_the_file_are_read_only(desk):
    one = await desk(settings={"source": "yaml"})
    refused = await one.change(LENGTH)
    assert (refused.status, refused.json()["error"]) == (409, "read_only")
    assert (await one.ask("settings")).json()["source"] == "yaml"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"origin": "https://evil.example"}, "foreign_origin"),
        ({"origin": "null"}, "foreign_origin"),
        ({"token": "x"}, "bad_token"),
        ({"token": ""}, "bad_token"),
    ],
)
async def test_a_change_must_be_its_senders_will(desk, options, error):
    one = await desk()
    body = {"changes": [{"organization": "contoso", "setting": "sessiontimeoutinmins", "value": 90}]}
    refused = await one.post("settings/change", body, **options)
    assert (refused.status, refused.json()["error"]) == (403, error)
    assert (await one.post("settings/change", body)).status == 200


async def test_the_token_of_another_session_is_none(desk, other_browser):
    one = await desk()
    await other_browser.sign_in(one.world.admin_url("/"), "admin")
    other = (await other_browser.fetch(one.world.admin_url("/.claims/admin/api/me"))).json()["token"]
    body = {"changes": [{"organization": "contoso", "setting": "sessiontimeoutinmins", "value": 90}]}
    assert (await one.post("settings/change", body, token=other)).status == 403


async def test_a_change_needs_credentials_of_the_last_fifteen_minutes(desk, clock):
    one = await desk()
    clock.advance(FRESH_SECONDS - 1)
    assert (await one.change(LENGTH)).status == 200
    await one.browser.open(one.world.admin_url("/.claims/admin/general"))
    clock.advance(1)
    refused = await one.change(("contoso", "sessiontimeoutinmins", 100))
    assert (refused.status, refused.json()["error"]) == (403, "credentials_too_old")
    assert (await one.ask("settings")).status == 200
    page = await one.browser.sign_in(
        one.world.admin_url("/.claims/sign-in?credentials&return=/.claims/admin/general"), "admin"
    )
    assert page.status == 200
    one.token = (await one.ask("me")).json()["token"]
    assert (await one.change(("contoso", "sessiontimeoutinmins", 100))).status == 200


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"{", 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        ({"changes": []}, 400, "invalid_request"),
        ({"changes": [{"setting": "x", "value": 1}], "more": 1}, 400, "invalid_request"),
        ({"changes": [{"setting": "x", "value": 1}]}, 400, "unknown_setting"),
        ({"changes": [{"organization": "x", "setting": "x", "value": 1}]}, 400, "unknown_setting"),
        ({"changes": [{"setting": "WSFedNonceCookieEnabled", "value": "true"}]}, 400, "invalid_request"),
        ({"changes": [{"setting": "WSFedNonceCookieEnabled", "value": 1}]}, 400, "unknown_setting"),
        (b" " * 70_000, 413, "too_large"),
    ],
)
async def test_a_body_that_is_wrong_is_told_what_is(desk, body, status, error):
    one = await desk()
    refused = await one.post("settings/change", body)
    assert (refused.status, refused.json()["error"]) == (status, error)
    assert refused.json()["message"]
    good = {"changes": [{"setting": "WSFedNonceCookieEnabled", "value": True}]}
    assert (await one.post("settings/change", good)).status == 200


async def test_another_method_type_or_name_is_refused(desk):
    one = await desk()
    assert (await one.ask("settings/change")).status == 405
    assert (await one.post("settings", {})).status == 405
    assert (await one.ask("nothing")).status == 404
    assert (await one.ask("history?cursor=x")).status == 400
    assert (await one.ask("history?x=1")).status == 400
    plain = await one.post("settings/preview", {"changes": []}, headers={"Content-Type": "text/plain"})
    assert plain.status == 415


async def test_sessions_are_listed_searched_and_ended(desk, other_browser):
    one = await desk()
    await other_browser.sign_in(one.world.url("/main.aspx"), "alice")
    async with Browser() as third:
        await third.sign_in(one.world.url("/main.aspx"), "alice")
        listed = (await one.ask("sessions")).json()["sessions"]
        assert sorted(row["upn"] for row in listed) == ["admin@contoso.com", "alice@contoso.com", "alice@contoso.com"]
        assert [row["own"] for row in listed] == [row["upn"] == "admin@contoso.com" for row in listed]
        assert {row["ends_by"] for row in listed} == {"inactivity_timeout"}
        for text in ("ALICE@contoso.com", "alice", "Alice%20Ng", "ng"):
            found = (await one.ask(f"sessions?search={text}")).json()["sessions"]
            assert [row["upn"] for row in found] == ["alice@contoso.com"] * 2
        assert (await one.ask("sessions?search=ali")).json()["sessions"] == []
        revoked = await one.post("sessions/revoke", {"session": found[0]["id"], "why": "left the house"})
        assert revoked.json() == {"ended": 1}
        assert (await one.post("sessions/revoke", {"session": found[0]["id"]})).status == 404
        everywhere = await one.post("users/revoke", {"session": found[1]["id"]})
        assert everywhere.json() == {"ended": 1}
        for each in (other_browser, third):
            answer = await each.fetch(one.world.url("/api/data/v9.2/WhoAmI"))
            assert (answer.status, answer.json()["error"]) == (401, "revoked")
    entries = (await one.ask("history")).json()["entries"]
    assert [(entry["act"], entry["ended"]) for entry in entries] == [("user_revoked", 1), ("session_revoked", 1)]
    assert entries[1]["why"] == "left the house"


async def test_the_history_can_be_gone_back_in(desk):
    one = await desk()
    await one.change(LENGTH)
    await one.change(("contoso", "sessiontimeoutinmins", 100))
    done = (await one.post("settings/rollback", {"to": 1, "revision": 2})).json()
    assert [(item["before"], item["after"]) for item in done["changes"]] == [(100, 90)]
    refused = await one.post("settings/rollback", {"to": 9})
    assert refused.status == 400


async def test_organizations_tell_every_value_and_its_origin(desk):
    one = await desk()
    await one.change(LENGTH)
    rows = (await one.ask("settings")).json()["settings"]
    origins = {(row["organization"], row["setting"]): row["origin"] for row in rows}
    assert origins["contoso", "sessiontimeoutinmins"] == "live"
    assert origins["contoso", "inactivitytimeoutinmins"] == "configuration"
    assert origins["contoso", "WSFedNonceCookieEnabled"] == "server_settings"
    assert origins[None, "FCB.UCIInactivityTimeout"] == "configuration"
    await one.change((None, "WSFedNonceCookieEnabled", True))
    rows = (await one.ask("settings")).json()["settings"]
    (own,) = (row for row in rows if (row["organization"], row["setting"]) == ("contoso", "WSFedNonceCookieEnabled"))
    assert (own["value"], own["effective"], own["origin"]) == (None, True, "server_settings")
    (contoso,) = (await one.ask("organizations")).json()["organizations"]
    assert contoso["sessions"] == 0
    assert contoso["rules"][0] == "Sessions end 90 minutes after sign-in."
    assert contoso["rules"][2].startswith("No warning is shown, and only navigations count as activity")


async def test_the_overview_counts_what_happened(desk, other_browser):
    one = await desk()
    await other_browser.sign_in(one.world.url("/main.aspx"), "alice")
    await one.world.proxy._lasting.events.write()
    told = (await one.ask("overview")).json()
    assert told["sessions"] == {"contoso": 1}
    assert sum(told["series"]["signed_in"]) == 2
    assert {check["name"]: check["ok"] for check in told["health"]} == {"store": True, "provider default": True}


async def test_no_answer_is_kept(desk):
    one = await desk()
    for name in ("api/me", "openapi.json", "texts.json", "static/main.js", "general"):
        found = await one.browser.fetch(one.world.admin_url(f"/.claims/admin/{name}"))
        assert (found.status, found.headers["Cache-Control"]) == (200, "no-store"), name
    assert (await one.browser.fetch(one.world.admin_url("/.claims/admin/static/../api.py"))).status in (400, 404)
    assert (await one.browser.fetch(one.world.admin_url("/.claims/admin/static/none.js"))).status == 404


async def test_acts_are_audited(desk, tmp_path):
    path = tmp_path / "audit.jsonl"
    one = await desk(observability={"audit_file": str(path)})
    await one.change(LENGTH, why="an audit")
    await one.world.proxy.close()
    text = path.read_text()
    assert '"event": "setting_changed"' in text or '"event":"setting_changed"' in text
    assert "an audit" in text
