"""The administrators' pages on an origin that an application shares: each change waits for a sign-in."""

import pytest
from playwright.async_api import expect

from admin.conftest import live, several
from chromium.test_demo import sign_in
from support.axe import is_accessible
from support.browser import Browser

MINUTE = 60.0
LENGTH = "Enter maximum session length"


@pytest.fixture
async def general(world, page, clock):
    """`await general()`: an administrator at General, at the application's own host."""

    async def make(**keys):
        one = await world(**{**several(administration=None), **keys})
        await page.goto(one.url("/.claims/admin/general"))
        await sign_in(page, "admin")
        await page.get_by_label(LENGTH).wait_for()
        clock.advance(MINUTE)
        return one

    return make


async def test_change_is_made_by_the_sign_in_that_it_leads_to(general, page, screenshot):
    one = await general()
    await expect(page.get_by_text("Each change therefore opens the sign-in page")).to_be_visible()
    await page.get_by_label(LENGTH).fill("90")
    await page.get_by_label("Why").fill("an audit")
    await screenshot(page, "admin-shared-1-general", full_page=True)
    await is_accessible(page)
    await page.get_by_role("button", name="Save").click()
    await sign_in(page, "admin")
    await expect(page.get_by_role("heading")).to_have_text("Your change was made")
    await expect(page.get_by_role("listitem").first).to_have_text(
        "sessiontimeoutinmins of contoso: the configuration's value → 90"
    )
    await screenshot(page, "admin-shared-2-made")
    await is_accessible(page)
    await page.get_by_role("link", name="Back to administration").click()
    await page.wait_for_url(one.url("/.claims/admin/general"))
    await expect(page.get_by_label(LENGTH)).to_have_value("90")
    await expect(page.get_by_label("Why")).to_have_value("")
    await expect(page.get_by_text("No change yet.")).to_be_visible()


async def test_what_was_typed_is_there_after_a_sign_in_that_confirmed_nothing(general, page, screenshot):
    one = await general(administrators=[{"claim": "upn", "values": ["admin@contoso.com", "bob@contoso.com"]}])
    await page.get_by_label("Settings of").select_option("fabrikam")
    await page.get_by_label("Set custom").check()
    await page.get_by_label(LENGTH).fill("120")
    await page.get_by_label("Why").fill("an audit")
    await page.get_by_role("button", name="Save").click()
    await sign_in(page, "bob")
    await expect(page.get_by_text("nothing was changed")).to_be_visible()
    await screenshot(page, "admin-shared-3-not-confirmed")
    await is_accessible(page)
    await page.get_by_role("link", name="Back to administration").click()
    await page.wait_for_url(one.url("/.claims/admin/general?organization=fabrikam"))
    await expect(page.get_by_label(LENGTH)).to_have_value("120")
    await expect(page.get_by_label("Set custom")).to_be_checked()
    await expect(page.get_by_label("Why")).to_have_value("an audit")


async def test_session_is_revoked_by_the_sign_in_that_it_leads_to(world, page, clock, screenshot):
    one = await world(**live(administration=None))
    async with Browser() as bob:
        await bob.sign_in(one.url("/main.aspx"), "bob")
        await page.goto(one.url("/.claims/admin/sessions"))
        await sign_in(page, "admin")
        clock.advance(MINUTE)
        await page.get_by_role("button", name="Sign out: bob@contoso.com", exact=True).click()
        await page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
        await sign_in(page, "admin")
        await expect(page.get_by_text("Signed out bob@contoso.com at contoso")).to_be_visible()
        await screenshot(page, "admin-shared-4-revoked")
        assert (await bob.fetch(one.url("/.claims/session"))).json()["reason"] == "revoked"


async def test_script_of_the_application_changes_nothing(general, page):
    one = await general()
    await page.goto(one.url("/main.aspx"))
    attack = """async () => {
      const base = "/.claims/admin/api/";
      const { token } = await (await fetch(base + "me")).json();
      const wish = { organization: "contoso", setting: "sessiontimeoutinmins", value: 1440 };
      const body = JSON.stringify({ changes: [wish] });
      const headers = { "Content-Type": "application/json", "X-Claims-Token": token };
      const answer = await fetch(base + "settings/change", { method: "POST", headers, body });
      const { error, sign_in } = await answer.json();
      const step = await fetch(sign_in, { redirect: "manual" });
      const framed = document.createElement("iframe");
      framed.src = sign_in;
      document.body.append(framed);
      await new Promise((resolve) => framed.addEventListener("load", resolve));
      return [answer.status, error, step.type, framed.contentDocument.title];
    }"""
    told = await page.evaluate(attack)
    assert told[:3] == [403, "sign_in_required", "opaqueredirect"]
    settings = await page.evaluate("async () => (await fetch('/.claims/admin/api/settings')).json()")
    assert settings["revision"] == 0
