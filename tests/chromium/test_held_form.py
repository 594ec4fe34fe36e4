"""A note that is saved a moment too late, in a real browser: nobody has to write it again."""

import pytest
from playwright.async_api import expect

from support.axe import is_accessible
from support.watched import screen, sign_in
from support.world import custom

MINUTE = 60.0
LATE = 15 * MINUTE + 1
NOTE = "Ask about the renewal, and the colour of the second page."


async def opens_the_form(one):
    """In a page that the script does not reach, so that nothing but the click tells of the end."""
    page = await one.open()
    await one.context.route("**/.claims/session-watch.js*", lambda route: route.abort())
    await page.reload()
    return page


async def writes_and_is_late(one, page) -> None:
    await page.get_by_role("textbox", name="Note").fill(NOTE)
    one.world.clock.advance(LATE)
    await page.get_by_role("button", name="Save").click()


async def comes_back(one, page, account: str = "alice") -> None:
    one.world.clock.advance(5)
    await page.locator("input[name=Password]").wait_for()
    await sign_in(page, account)
    await page.wait_for_url(one.world.url("/.claims/held-form"))


def says_it_ended(answer) -> bool:
    return answer.url.endswith(("/.claims/session", "/.claims/activity")) and answer.status == 401


async def test_a_note_saved_too_late_is_sent_on_after_signing_in(watched, screenshot):
    one = await watched(**custom(inactivity=15))
    page = await opens_the_form(one)
    await writes_and_is_late(one, page)
    await comes_back(one, page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Send what you entered?")
    assert NOTE not in await page.content()
    await is_accessible(page)
    await screenshot(page, "held-form-offered")
    await page.get_by_role("button", name="Send it now").click()
    await page.wait_for_url(one.world.url("/echo"))
    await expect(page.locator("body")).to_contain_text(NOTE)
    await page.go_back()
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("There is no form to send")
    await is_accessible(page)


async def test_a_click_under_way_when_the_session_ends_is_not_lost(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    await page.get_by_role("textbox", name="Note").fill(NOTE)
    save = page.get_by_role("button", name="Save")
    await save.hover()
    await one.stand_still(page)
    await page.mouse.down()
    async with page.expect_response(says_it_ended):
        one.world.clock.advance(LATE)
    await expect(screen(page)).to_have_count(0)
    await page.mouse.up()
    await comes_back(one, page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Send what you entered?")


async def test_one_that_leads_nowhere_puts_the_screen_off_for_a_second(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    await one.stand_still(page)
    await page.mouse.move(600, 100)
    await page.mouse.down()
    async with page.expect_response(says_it_ended):
        one.world.clock.advance(LATE)
    await one.context.clock.run_for(2000)
    await expect(screen(page)).to_contain_text("because nothing happened")


async def test_another_person_at_the_same_browser_sees_nothing_of_it(watched, screenshot):
    one = await watched(**custom(inactivity=15))
    page = await opens_the_form(one)
    await writes_and_is_late(one, page)
    await comes_back(one, page, "bob")
    await expect(page.get_by_role("heading", level=1)).to_have_text("That form was somebody else's")
    assert NOTE not in await page.content()
    await is_accessible(page)
    await screenshot(page, "held-form-of-another")


async def test_one_that_is_not_kept_is_still_in_the_browser(watched, screenshot):
    one = await watched(sessions={"held_forms": 0}, **custom(inactivity=15))
    page = await opens_the_form(one)
    await writes_and_is_late(one, page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are not signed in")
    await is_accessible(page)
    await screenshot(page, "held-form-not-kept")
    one.world.clock.advance(5)
    async with one.context.expect_page() as opened:
        await page.get_by_role("link", name="Sign in").click()
    tab = await opened.value
    await sign_in(tab)
    await tab.wait_for_url(one.world.url("/main.aspx"))
    await page.go_back()
    await expect(page.get_by_role("textbox", name="Note")).to_have_value(NOTE)
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url(one.world.url("/echo"))
    await expect(page.locator("body")).to_contain_text(NOTE)


async def test_a_page_of_another_site_has_nothing_kept(watched):
    one = await watched(**custom(inactivity=15))
    page = await opens_the_form(one)
    one.world.clock.advance(LATE)
    await page.set_content(
        f'<form method="post" action="{one.world.url("/echo")}" target="_self"><input name="subject" value="forged">'
        "<button>Go</button></form>"
    )
    await page.goto("data:text/html," + (await page.content()).replace("#", "%23"))
    await page.get_by_role("button", name="Go").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are not signed in")
    assert "claims-held" not in {cookie["name"] for cookie in await one.context.cookies()}


async def loses_its_cookie(one, page) -> None:
    await one.context.clear_cookies(name="claims-session")


async def writes_too_much(one, page) -> None:
    await page.get_by_role("textbox", name="Note").evaluate("field => { field.value = 'x'.repeat(2 ** 20); }")


async def sends_it_as_text(one, page) -> None:
    await page.locator("form").evaluate("form => { form.enctype = 'text/plain'; }")


async def gives_no_origin(one, page) -> None:
    await page.locator("form").evaluate(
        "() => document.head.insertAdjacentHTML('beforeend', '<meta name=referrer content=no-referrer>')"
    )


@pytest.mark.parametrize("who", [loses_its_cookie, writes_too_much, sends_it_as_text, gives_no_origin])
async def test_nothing_is_kept_of_one_that(watched, who):
    one = await watched(**custom(inactivity=15))
    page = await opens_the_form(one)
    await who(one, page)
    one.world.clock.advance(LATE)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are not signed in")
    await expect(page.locator("main")).to_contain_text("Back shows it again")
    assert "claims-held" not in {cookie["name"] for cookie in await one.context.cookies()}
