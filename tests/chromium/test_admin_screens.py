"""Each of the administrators' pages with something on it, wide and narrow, light and dark: looked at, and by axe."""

import pytest

from admin.conftest import Desk, several
from chromium.test_demo import sign_in
from support.axe import is_accessible
from support.browser import Browser

PAGES = ("overview", "general", "organizations", "sessions", "history")
WIDTHS = {"wide": 1280, "narrow": 360}


async def with_a_past(one):
    """Somebody is signed in, settings were changed twice, and one session was ended."""
    async with Browser() as alice, Browser() as bob, Browser() as admin:
        await alice.sign_in(one.url("/main.aspx"), "alice")
        await bob.sign_in(one.url("/main.aspx"), "bob")
        await admin.sign_in(one.admin_url("/"), "admin")
        desk = Desk(one, admin)
        desk.token = (await desk.ask("me")).json()["token"]
        await desk.change(("contoso", "sessiontimeoutinmins", 90), why="The auditors ask for no more than 90 minutes.")
        await desk.change((None, "WSFedNonceCookieEnabled", True), ("contoso", "inactivitytimeoutinmins", 15))
        found = (await desk.ask("sessions?search=bob")).json()["sessions"]
        await desk.post("sessions/revoke", {"session": found[0]["id"], "why": "left the house"})
    await one.proxy._lasting.events.write()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
async def test_axe_finds_nothing_on_any_page(world, page, screenshot, name, scheme):
    one = await world(**several())
    await with_a_past(one)
    await page.emulate_media(color_scheme=scheme)
    await page.goto(one.admin_url(f"/.claims/admin/{name}"))
    await sign_in(page, "admin")
    await page.wait_for_url(one.admin_url(f"/.claims/admin/{name}"))
    for kind, width in WIDTHS.items():
        await page.set_viewport_size({"width": width, "height": 800})
        await page.reload()
        await page.wait_for_load_state("networkidle")
        assert await page.get_by_text("Loading…").count() == 0
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await screenshot(page, f"admin-{name}-{kind}-{scheme}", full_page=True)
        await is_accessible(page)
