"""A script of the application beside the administrators' pages: it can send what they send, and changes nothing.

Each refusal stands beside a change that is made, which differs in one thing.
"""

import pytest
from yarl import URL

from admin.conftest import Desk, live
from proxy.settings.change import Wish
from proxy.settings.live import Author

LENGTH = {"organization": "contoso", "setting": "sessiontimeoutinmins", "value": 90}
OTHER = {**LENGTH, "value": 100}
MINUTE = 60.0
TWO_ADMINISTRATORS = [{"claim": "upn", "values": ["admin@contoso.com", "alice@contoso.com"]}]


class Script(Desk):
    """Whatever runs on the origin of an administrator's application, with the administrator's cookies."""

    async def wait(self, name: str = "settings/change", body=None) -> str:
        """Have a change wait; the path of the sign-in that it waits for."""
        refused = await self.post(name, body or {"changes": [LENGTH], "why": "an audit"})
        assert (refused.status, refused.json()["error"]) == (403, "sign_in_required")
        return refused.json()["sign_in"]

    async def sign_in(self, path: str, account: str = "admin"):
        """The top-level sign-in, as that user, who enters credentials."""
        page = await self.browser.open(self.world.url(f"{path}&return=/.claims/admin/general"))
        assert "/adfs/" in str(page.url)
        return await self.browser.complete_sign_in(page, account)

    def show(self, cookie: str) -> None:
        """Put a change's cookie into the browser."""
        self.browser.cookies.take(URL(self.world.url("/")), f"claims-change={cookie}; Path=/")

    async def acts(self) -> list[str]:
        entries = await self.world.proxy._lasting.settings.history()
        return [entry.act for entry in entries]

    async def length(self) -> int | None:
        """The changed setting, None where nobody changed it."""
        await self.world.proxy._lasting.settings.read()
        found = self.world.proxy._lasting.settings.values
        return next((value for name, value in found.items() if name.setting == LENGTH["setting"]), None)


@pytest.fixture
async def script(world, browser, clock):
    async def make(**keys) -> Script:
        one = await world(**live(administration=None, **keys))
        await browser.sign_in(one.url("/main.aspx"), "admin")
        made = Script(one, browser)
        made.token = (await made.ask("me")).json()["token"]
        clock.advance(MINUTE)
        return made

    return make


@pytest.mark.parametrize("federated", [False, True])
async def test_change_is_made_by_a_fresh_sign_in_only(script, federated):
    one = await script(federated=federated)
    path = await one.wait()
    assert await one.length() is None
    page = await one.sign_in(path)
    assert page.status == 200
    assert "sessiontimeoutinmins of contoso: the configuration&#39;s value → 90" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert await one.length() == 90
    (entry,) = await one.world.proxy._lasting.settings.history()
    assert (entry.by, entry.why) == ("admin@contoso.com", "an audit")
    assert one.browser.cookie("claims-change") is None


@pytest.mark.parametrize("name", ["settings/rollback", "sessions/revoke", "users/revoke"])
async def test_every_kind_of_change_waits(script, name, clock, other_browser):
    one = await script()
    await one.sign_in(await one.wait())
    one.token = (await one.ask("me")).json()["token"]
    clock.advance(MINUTE)
    await other_browser.sign_in(one.world.url("/main.aspx"), "bob")
    (found,) = (await one.ask("sessions?search=bob")).json()["sessions"]
    body = {"to": 0} if name == "settings/rollback" else {"session": found["id"]}
    before = await one.acts()
    path = await one.wait(name, body)
    assert await one.acts() == before
    page = await one.sign_in(path)
    assert page.status == 200
    assert len(await one.acts()) == len(before) + 1
    ended = (await other_browser.fetch(one.world.url("/.claims/session"))).status == 401
    assert ended == name.endswith("revoke")


async def test_fetch_cannot_take_the_sign_in(script):
    one = await script()
    path = await one.wait()
    answer = await one.browser.fetch(one.world.url(path))
    assert (answer.status, "prompt=login" in answer.last.location) == (302, True)
    assert await one.length() is None
    await one.sign_in(path)
    assert await one.length() == 90


async def test_sign_in_in_a_frame_leads_out_of_it(script):
    one = await script()
    path = await one.wait()
    framed = await one.browser.fetch(
        one.world.url(path), headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": "text/html"}
    )
    assert (framed.status, framed.last.location) == (200, "")
    await one.sign_in(path)
    assert await one.length() == 90


async def test_sign_in_of_another_user_changes_nothing(script):
    one = await script(administrators=TWO_ADMINISTRATORS)
    path = await one.wait()
    page = await one.sign_in(path, "alice")
    assert page.status == 403
    assert "nothing was changed" in page.text
    assert await one.length() is None


async def test_sign_in_of_the_same_user_changes_what_was_requested(script):
    one = await script(administrators=TWO_ADMINISTRATORS)
    assert (await one.sign_in(await one.wait())).status == 200
    assert await one.length() == 90


async def test_sign_in_for_another_digest_changes_nothing(script):
    one = await script()
    path = await one.wait()
    one_sign_away = path[:-1] + ("A" if path[-1] != "A" else "B")
    assert (await one.sign_in(one_sign_away)).status == 403
    assert await one.length() is None


@pytest.mark.parametrize("digest", ["", "x", "x" * 44, "=" * 43])
async def test_digest_of_another_form_is_refused(script, digest):
    one = await script()
    assert (await one.browser.open(one.world.url(f"/.claims/sign-in?change={digest}"))).status == 400
    assert "/adfs/" in str((await one.browser.open(one.world.url(f"/.claims/sign-in?change={'x' * 43}"))).url)


async def test_change_put_in_place_of_another_is_not_made(script):
    """The script requests a change of its own while the administrator is about to sign in for another."""
    one = await script()
    path = await one.wait()
    await one.wait(body={"changes": [OTHER]})
    assert (await one.sign_in(path)).status == 403
    assert await one.length() is None


async def test_cookie_that_was_altered_changes_nothing(script):
    one = await script()
    path = await one.wait()
    value = one.browser.cookie("claims-change")
    one.show(value[:-2] + ("AA" if not value.endswith("AA") else "BB"))
    assert (await one.sign_in(path)).status == 403
    assert await one.length() is None


async def test_callback_that_is_replayed_does_nothing(script):
    one = await script()
    page = await one.sign_in(await one.wait())
    callback = str(page.url)
    one.token = (await one.ask("me")).json()["token"]
    settings = one.world.proxy._lasting.settings
    await settings.change(one.world.proxy.deployment, [Wish("contoso", LENGTH["setting"], 100)], Author("test"))
    again = await one.browser.open(callback)
    assert str(again.url) == one.world.url("/.claims/admin/general")
    assert await one.length() == 100


async def test_change_is_made_once_whoever_signs_in_how_often(script, clock):
    one = await script()
    path = await one.wait()
    kept = one.browser.cookie("claims-change")
    await one.sign_in(path)
    settings = one.world.proxy._lasting.settings
    await settings.change(one.world.proxy.deployment, [Wish("contoso", LENGTH["setting"], 100)], Author("test"))
    clock.advance(MINUTE)
    one.show(kept)
    assert (await one.sign_in(path)).status == 403
    assert await one.length() == 100


async def test_sign_in_before_the_change_does_not_count(script, clock):
    """Nor does a single sign-on of the provider: credentials must be newer than those of the session."""
    one = await script()
    path = await one.wait()
    clock.advance(-MINUTE)
    assert (await one.sign_in(path)).status == 403
    assert await one.length() is None


async def test_change_of_another_administrator_meanwhile_is_not_overwritten(script):
    one = await script()
    path = await one.wait(body={"changes": [LENGTH], "revision": 0})
    settings = one.world.proxy._lasting.settings
    await settings.change(one.world.proxy.deployment, [Wish("contoso", LENGTH["setting"], 100)], Author("bob"))
    page = await one.sign_in(path)
    assert page.status == 409
    assert "to 100 by bob" in page.text
    assert await one.length() == 100


async def test_what_is_wrong_is_said_before_anybody_signs_in(script):
    one = await script()
    assert (await one.post("settings/change", {"changes": [{**LENGTH, "value": 59}]})).status == 422
    assert (await one.post("sessions/revoke", {"session": f"{'x' * 22}:{'x' * 43}"})).status == 404
    assert (await one.post("settings/change", {"changes": [{**LENGTH, "value": None}]})).json()["changes"] == []
    long = await one.post("settings/change", {"changes": [LENGTH] * 60})
    assert (long.status, long.json()["error"]) == (413, "too_large")
    assert one.browser.cookie("claims-change") is None


async def test_change_by_path_organization_waits_below_its_path(script, world, browser, clock):
    keys = live(administration=None)
    one = await world(**keys | {"organization": {"path": "/contoso", **keys["organization"]}})
    await browser.sign_in(one.url("/contoso/main.aspx"), "admin")
    me = await browser.fetch(one.url("/contoso/.claims/admin/api/me"))
    headers = {"X-Claims-Token": me.json()["token"], "Origin": one.url(""), "Content-Type": "application/json"}
    clock.advance(MINUTE)
    refused = await browser.fetch(
        one.url("/contoso/.claims/admin/api/settings/change"),
        "POST",
        headers=headers,
        data=b'{"changes": [{"organization": "contoso", "setting": "sessiontimeoutinmins", "value": 90}]}',
    )
    path = refused.json()["sign_in"]
    assert path.startswith("/contoso/.claims/sign-in?change=")
    page = await browser.complete_sign_in(await browser.open(one.url(path)), "admin")
    assert "Your change was made" in page.text
