"""What an administrator does with several organizations, beside a user whose page is open and another administrator."""

import time

import pytest
from playwright.async_api import expect

from admin.conftest import Desk, several
from chromium.test_admin import sixteen_minutes
from chromium.test_demo import sign_in
from support.axe import is_accessible
from support.watched import screen

MINUTE = 60.0
LENGTH, REMINDER = "Enter maximum session length", "show a timeout warning?"
IDLE, IDLE_REMINDER = "Duration of inactivity", "show an inactivity warning?"


@pytest.fixture
async def general(world, page):
    """`await general()`: an administrator at General, of several organizations."""

    async def make(**keys):
        one = await world(**several(**keys))
        await page.goto(one.admin_url("/.claims/admin/general"))
        await sign_in(page, "admin")
        await page.get_by_label(LENGTH).wait_for()
        return one

    return make


async def save(page, revision: int) -> None:
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text(f"Saved as revision {revision}").wait_for()


async def test_limits_of_one_organization_leave_another_untouched(general, page, screenshot):
    await general(organization={})
    await page.get_by_label("Set custom").check()
    await page.get_by_label(LENGTH).fill("90")
    await page.get_by_label(REMINDER).fill("20")
    await page.get_by_role("radiogroup", name="Enable session timeout due to inactivity").get_by_label("Yes").check()
    await page.get_by_label(IDLE, exact=False).first.fill("15")
    await page.get_by_label(IDLE_REMINDER).fill("5")
    would = page.get_by_role("complementary")
    await expect(would).to_contain_text("Sessions end 90 minutes after sign-in.")
    await expect(would).to_contain_text("does nothing for 15 minutes is signed out.")
    await save(page, 1)
    await screenshot(page, "admin-7-saved", full_page=True)
    await page.get_by_label("Settings of").select_option("fabrikam")
    await expect(page.get_by_label("Use default")).to_be_checked()
    await expect(page.get_by_label(LENGTH)).to_have_value("1440")
    await expect(would).to_contain_text("Inactivity ends no session, because the organization has not enabled it.")
    await page.reload()
    await expect(page.get_by_label(LENGTH)).to_have_value("1440")
    await page.get_by_label("Settings of").select_option("contoso")
    await expect(page.get_by_label(LENGTH)).to_have_value("90")


async def test_a_change_shows_in_another_browser_that_is_open(general, page, watched, clock):
    world = await general()
    one = await watched(one=world)
    elsewhere = await one.open()
    announcements = world.proxy._lasting.announcements
    while not len(announcements):
        await one.context.clock.run_for(100)
    await one.context.clock.run_for(10_000)  # what was typed at the sign-in has been reported by then
    clock.advance(10 * MINUTE)
    await page.reload()
    await page.get_by_label(IDLE).first.fill("6")
    await page.get_by_label(IDLE_REMINDER).fill("2")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Saved as revision 1. 1 session ended.").wait_for()
    began = time.perf_counter()
    await expect(screen(elsewhere)).to_contain_text("because nothing happened")
    print(f"seen in the other browser after {(time.perf_counter() - began) * 1000:.0f} ms")


async def test_of_two_administrators_the_second_sees_what_changed_and_keeps_what_he_meant(
    general, page, browser, screenshot
):
    one = await general()
    await page.get_by_label(REMINDER).fill("10")
    await browser.sign_in(one.admin_url("/"), "admin")
    desk = Desk(one, browser)
    desk.token = (await desk.ask("me")).json()["token"]
    assert (await desk.change(("contoso", "sessiontimeoutinmins", 90))).status == 200
    await page.get_by_role("button", name="Save").click()
    notice = page.get_by_role("alert")
    await expect(notice).to_contain_text(
        "sessiontimeoutinmins of contoso from the configuration's value to 90 by admin"
    )
    await expect(page.get_by_label(LENGTH)).to_have_value("90")
    await expect(page.get_by_label(REMINDER)).to_have_value("10")
    await screenshot(page, "admin-8-overtaken")
    await save(page, 2)
    await expect(notice).to_be_empty()


async def test_half_a_minute_is_no_value(general, page):
    await general()
    await page.get_by_label(LENGTH).fill("90.5")
    await page.get_by_text("Write whole minutes").wait_for()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label(LENGTH)).to_be_focused()
    await page.get_by_label(LENGTH).fill("90")
    await save(page, 1)


async def test_credentials_that_are_too_old_are_told_before_anything_is_filled_in(general, page, clock):
    await sixteen_minutes(await general(), page, clock)
    await page.reload()
    await expect(page.get_by_role("alert")).to_contain_text("needs credentials of the last 15 minutes")
    await expect(page.get_by_label(LENGTH)).to_be_visible()


async def test_settings_of_the_file_say_so_and_cannot_be_typed_over(general, page, screenshot):
    await general(settings={"source": "yaml"})
    await page.get_by_text("settings.source: yaml").wait_for()
    await expect(page.get_by_label(LENGTH)).to_be_disabled()
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    await screenshot(page, "admin-9-read-only")


async def test_a_portal_has_switches_of_its_own_and_nothing_of_the_server_settings(general, page, screenshot):
    await general()
    await page.get_by_label("Settings of").select_option("portal")
    await expect(page.get_by_label("Default (off)")).to_be_checked()
    switch = page.get_by_role("radiogroup", name="Custom session timeouts act")
    await expect(switch.get_by_label("On")).to_be_checked()
    await page.get_by_label("Set custom").check()
    await page.get_by_label(LENGTH).fill("120")
    await switch.get_by_label("Off").check()
    would = page.get_by_role("complementary")
    await expect(would).to_contain_text("because AllowCustomSessionDuration is off")
    await switch.get_by_label("On").check()
    await expect(would).to_contain_text("Sessions end 120 minutes after sign-in")
    await save(page, 1)
    await screenshot(page, "admin-10-portal", full_page=True)
    await is_accessible(page)


async def test_server_settings_hold_for_all_and_show_what_they_come_to_in_each(general, page, screenshot):
    await general()
    await page.get_by_label("Settings of").select_option("")
    switch = page.get_by_role("radiogroup", name="Custom session timeouts act")
    await expect(switch.get_by_label("On")).to_be_checked()
    await switch.get_by_label("Off").check()
    bit = page.get_by_role("radiogroup", name="FCB.UCIInactivityTimeout")
    await bit.get_by_label("Off").check()
    would = page.get_by_role("complementary")
    await expect(would).to_contain_text("contoso: Sessions end with the provider's token")
    await expect(would).to_contain_text("because the feature control bit FCB.UCIInactivityTimeout is off")
    await save(page, 1)
    await screenshot(page, "admin-11-server-settings", full_page=True)
    await is_accessible(page)
    await page.get_by_label("Settings of").select_option("contoso")
    await expect(would).to_contain_text("because AllowCustomSessionDuration is off")
    assert "[object" not in await page.inner_text("main")
