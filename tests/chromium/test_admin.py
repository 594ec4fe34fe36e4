"""The administrators' pages in a real browser, looked at and driven as an administrator would."""

import pytest
from playwright.async_api import expect

from admin.conftest import live
from chromium.test_demo import sign_in
from support.axe import is_accessible
from support.watched import screen

MINUTE = 60.0


@pytest.fixture
async def station(world, page):
    """`await station("general")`: an administrator at that page."""

    async def make(name: str, account: str = "admin", **keys):
        one = await world(**live(**keys))
        await page.goto(one.admin_url(f"/.claims/admin/{name}"))
        await sign_in(page, account)
        await page.wait_for_url(one.admin_url(f"/.claims/admin/{name}"))
        return one

    return make


async def test_a_shorter_limit_is_previewed_saved_and_ends_a_session_elsewhere(
    station, page, chromium, clock, screenshot
):
    one = await station("general")
    context = await chromium.new_context()
    other = await context.new_page()
    await other.goto(one.url("/main.aspx"))
    await sign_in(other, "alice")
    await other.wait_for_url(one.url("/main.aspx"))
    clock.advance(10 * MINUTE)
    await page.reload()
    await page.get_by_label("Duration of inactivity").fill("6")
    await page.get_by_label("inactivity warning").fill("2")
    await page.get_by_text("It would end 1 session at once.").wait_for()
    await screenshot(page, "admin-1-general", full_page=True)
    await page.get_by_label("Why").fill("an audit")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Saved as revision 1. 1 session ended.").wait_for()
    answer = await other.request.get(one.url("/api/data/v9.2/WhoAmI"), headers={"Accept": "application/json"})
    assert (answer.status, (await answer.json())["error"]) == (401, "inactivity_timeout")
    await page.goto(one.admin_url("/.claims/admin/history"))
    await page.get_by_text("inactivitytimeoutinmins of contoso: the configuration's value → 6").wait_for()
    await screenshot(page, "admin-2-history")
    await page.get_by_role("button", name="Go back to the configuration file").click()
    await page.get_by_role("dialog").get_by_role("button", name="Go back").click()
    await page.get_by_text("Saved as revision 2").wait_for()
    await context.close()


async def test_a_bad_value_names_its_bound_at_its_field(station, page, screenshot):
    await station("general")
    field = page.get_by_label("Enter maximum session length")
    await field.fill("59")
    await page.get_by_text("59 is out of bounds: write from 60 to 1440 minutes").wait_for()
    assert await field.get_attribute("aria-invalid") == "true"
    await screenshot(page, "admin-3-out-of-bounds")
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_function("document.activeElement.id === 'setting-sessiontimeoutinmins'")
    await field.fill("60")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Saved as revision 1").wait_for()


async def test_somebody_else_sees_that_he_may_not(station, page, screenshot):
    await station("general", "alice")
    assert await page.get_by_role("heading", level=1).count() == 1
    assert await page.locator("form").count() == 0
    await screenshot(page, "admin-4-no-access")


async def sixteen_minutes(one, page, clock) -> None:
    """Let them pass for somebody who is there: the page reports what is typed."""
    clock.advance(10 * MINUTE)
    async with page.expect_response(one.admin_url("/.claims/activity")):
        await page.get_by_label("Why").press("End")
    clock.advance(6 * MINUTE)


async def test_old_credentials_lead_to_the_sign_in_and_back(station, page, clock):
    one = await station("general")
    await sixteen_minutes(one, page, clock)
    await page.get_by_label("Enter maximum session length").fill("90")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("link", name="Sign in again").click()
    await sign_in(page, "admin")
    await page.wait_for_url(one.admin_url("/.claims/admin/general"))
    await page.get_by_label("Enter maximum session length").fill("90")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Saved as revision 1").wait_for()


async def test_inactivity_is_warned_of_before_it_ends_a_session_at_the_own_host(station, page, clock, screenshot):
    one = await station("general")
    clock.advance(14 * MINUTE)
    one.proxy._lasting.announcements.changed()  # has the page ask how long its session lasts
    warning = screen(page)
    await expect(warning).to_contain_text("Are you still there?")
    await screenshot(page, "admin-12-warning")
    async with page.expect_response(one.admin_url("/.claims/activity")):
        await warning.get_by_role("button").first.click()
    await expect(warning).to_have_count(0)
    clock.advance(2 * MINUTE)
    assert await page.evaluate("async () => (await fetch('/.claims/admin/api/me')).status") == 200


async def test_a_session_is_found_and_signed_out(station, page, chromium, screenshot):
    one = await station("sessions")
    context = await chromium.new_context()
    other = await context.new_page()
    await other.goto(one.url("/main.aspx"))
    await sign_in(other, "bob")
    await other.wait_for_url(one.url("/main.aspx"))
    await page.get_by_label("User").fill("bob")
    await page.get_by_role("button", name="Search").click()
    button = page.get_by_role("button", name="Sign out: bob@contoso.com", exact=True)
    await button.wait_for()
    assert await page.locator("tbody tr").count() == 1
    await screenshot(page, "admin-5-sessions")
    await button.click()
    await page.get_by_role("dialog").get_by_label("Why").fill("left the house")
    await screenshot(page, "admin-6-ask")
    await is_accessible(page, "dialog")
    await page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await page.get_by_text("1 session ended.").wait_for()
    answer = await other.request.get(one.url("/api/data/v9.2/WhoAmI"), headers={"Accept": "application/json"})
    assert (await answer.json())["error"] == "revoked"
    await context.close()


@pytest.mark.parametrize("name", ["overview", "general", "organizations", "sessions", "history"])
async def test_no_page_breaks_its_policy_or_needs_more_than_a_narrow_screen(station, page, screenshot, name):
    said = []
    await station(name)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.reload()
    await page.wait_for_load_state("networkidle")
    assert await page.get_by_text("Loading…").count() == 0
    assert said == []
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    await page.emulate_media(color_scheme="dark")
    await screenshot(page, f"admin-narrow-{name}")


async def test_the_keyboard_alone_is_enough(station, page):
    await station("general")
    await page.get_by_label("Enter maximum session length").wait_for()
    reached = set()
    for _ in range(40):
        await page.keyboard.press("Tab")
        reached.add(await page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    assert {"Skip to the content", "scope", "setting-sessiontimeoutinmins", "why", "Save"} <= reached
