"""The four screens, in a real browser whose time passes together with the proxy's."""

import re

import pytest
from playwright.async_api import expect

from support.watched import button, screen
from support.world import custom

MINUTE = 60.0
WARNED = re.compile("about to end")
EXPIRED = re.compile("session has ended")
IDLE = re.compile("still there")
IDLED_OUT = re.compile("because nothing happened")


async def test_a_session_s_end_is_announced_and_counted_down(watched, screenshot):
    one = await watched(**custom(session=60))
    page = await one.open()
    await one.pass_time(39 * MINUTE)
    await one.tick()
    await expect(screen(page)).to_have_count(0)
    await one.pass_time(1 * MINUTE)
    await expect(screen(page)).to_contain_text(WARNED)
    await expect(screen(page).get_by_role("timer")).to_have_text(re.compile("^(20:00|19:5[0-9])$"))
    await expect(screen(page).get_by_role("alert")).to_have_text("20 minutes left")
    await screenshot(page, "watch-1-session-warning")


async def test_after_the_end_the_screen_says_which_limit_it_was(watched, screenshot):
    one = await watched(**custom(session=60))
    page = await one.open()
    await one.pass_time(60 * MINUTE)
    await expect(screen(page)).to_contain_text(EXPIRED)
    await screenshot(page, "watch-2-session-expired")


async def test_an_idle_user_is_asked_and_goes_on_by_the_button_alone(watched, screenshot):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    await one.pass_time(14 * MINUTE)
    await expect(screen(page)).to_contain_text(IDLE)
    await screenshot(page, "watch-3-inactivity-warning")
    posts = one.count("POST", "activity")
    await page.mouse.move(300, 300)
    await page.mouse.move(310, 310)
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await one.tick()
    await expect(screen(page)).to_contain_text(IDLE)
    assert one.count("POST", "activity") == posts
    await button(page, "Continue session").click()
    await expect(screen(page)).to_have_count(0)
    await one.pass_time(13 * MINUTE)
    await one.tick()
    await expect(screen(page)).to_have_count(0)


async def test_an_idle_user_who_does_not_answer_is_signed_out_and_told(watched, screenshot):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    await one.pass_time(15 * MINUTE)
    await expect(screen(page)).to_contain_text(IDLED_OUT)
    await screenshot(page, "watch-4-inactivity-expired")


async def test_later_hides_the_warning_until_two_minutes_before_the_end(watched):
    one = await watched(**custom(session=60))
    page = await one.open()
    await one.pass_time(41 * MINUTE)
    await button(page, "Later").click()
    await expect(screen(page)).to_have_count(0)
    await one.pass_time(16 * MINUTE)
    await one.tick()
    await expect(screen(page)).to_have_count(0)
    await one.pass_time(1 * MINUTE)
    await expect(screen(page)).to_contain_text(WARNED)


async def test_escape_is_later_and_the_focus_returns_to_where_it_was(watched):
    one = await watched(**custom(session=60))
    page = await one.open()
    await page.evaluate("""() => {
      const field = document.createElement("textarea");
      field.value = "half a sentence";
      document.body.append(field);
      field.focus();
      field.setSelectionRange(4, 8);
    }""")
    await one.pass_time(41 * MINUTE)
    await expect(screen(page).get_by_role("heading")).to_be_focused()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(screen(page), "what somebody is typing presses nothing").to_contain_text(WARNED)
    await page.keyboard.press("Escape")
    await expect(screen(page)).to_have_count(0)
    field = "(() => { const at = document.activeElement; return [at.tagName, at.selectionStart, at.selectionEnd]; })()"
    assert await page.evaluate(field) == ["TEXTAREA", 4, 8]


SPOKEN = {
    "the browser's": ("de-AT", "", "Ihre Sitzung endet bald", "ltr"),
    "the page's": ("de-AT", "fr-CA", "Votre session va bientôt se terminer", "ltr"),
    "neither known": ("tlh", "tlh", "Your session is about to end", "ltr"),
    "from right to left": ("ar-EG", "", "جلستك على وشك الانتهاء", "rtl"),
}


@pytest.mark.parametrize("case", SPOKEN)
async def test_the_page_s_language_is_spoken_else_the_browser_s_else_english(watched, screenshot, case):
    browser_language, page_language, shown, direction = SPOKEN[case]
    one = await watched(browser={"locale": browser_language, "color_scheme": "dark"}, **custom(session=60))
    say = f"addEventListener('DOMContentLoaded', () => {{ document.documentElement.lang = '{page_language}'; }}, true)"
    await one.context.add_init_script(say)
    page = await one.open()
    await one.pass_time(41 * MINUTE)
    await expect(screen(page)).to_contain_text(shown)
    await expect(screen(page)).to_have_attribute("dir", direction)
    await screenshot(page, f"watch-5-{browser_language}-{direction}")


async def test_a_page_s_styles_do_not_disturb_the_screen(watched, screenshot):
    one = await watched(**custom(session=60))
    page = await one.open()
    hostile = "display: none !important; color: red !important; opacity: 0 !important"
    await page.add_style_tag(content=f"html {{ font-size: 3px }} html * {{ {hostile} }}")
    await one.pass_time(41 * MINUTE)
    await expect(button(page, "Sign in again now")).to_be_visible()
    height = await button(page, "Sign in again now").evaluate("button => button.getBoundingClientRect().height")
    assert height >= 40
    await screenshot(page, "watch-6-hostile-styles")


async def test_a_strict_policy_of_the_page_allows_the_screens_as_they_are(watched):
    one = await watched(**custom(session=60))
    faults = []

    async def strict(route):
        answer = await route.fetch(max_redirects=0)
        policy = "default-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
        headers = {**answer.headers, "content-security-policy": policy}
        body = (await answer.text()).replace("<head>", '<head><script src="/.claims/session-watch.js"></script>')
        await route.fulfill(response=answer, headers=headers, body=body)

    await one.context.route("**/main.aspx", strict)
    one.context.on("console", lambda message: faults.append(message.text) if "Policy" in message.text else None)
    page = await one.open()
    await one.pass_time(41 * MINUTE)
    await expect(screen(page)).to_contain_text(WARNED)
    assert faults == []


async def test_the_title_calls_while_nobody_looks_and_is_put_back(watched):
    one = await watched(**custom(session=60))
    page = await one.open()
    plain = await page.title()
    hide = "hidden => Object.defineProperty(Document.prototype, 'hidden', { value: hidden, configurable: true })"
    await page.evaluate(hide, arg=True)
    await one.pass_time(41 * MINUTE)
    await expect(screen(page)).to_contain_text(WARNED)
    titles = set()
    for _ in range(3):
        titles.add(await page.title())
        await one.context.clock.run_for(1000)
    assert titles == {plain, f"● Your session is about to end \N{EN DASH} {plain}"}
    await page.evaluate(hide, arg=False)
    await one.tick()
    assert await page.title() == plain


async def test_where_motion_is_not_wanted_the_title_calls_once_and_stands(watched):
    one = await watched(browser={"reduced_motion": "reduce"}, **custom(session=60))
    page = await one.open()
    plain = await page.title()
    await page.evaluate("Object.defineProperty(Document.prototype, 'hidden', { value: true, configurable: true })")
    await one.pass_time(41 * MINUTE)
    await expect(screen(page)).to_contain_text(WARNED)
    for _ in range(3):
        assert await page.title() == f"● Your session is about to end \N{EN DASH} {plain}"
        await one.context.clock.run_for(1000)
