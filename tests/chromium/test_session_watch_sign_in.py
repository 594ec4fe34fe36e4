"""Signing in again without losing the page."""

import re

import pytest
from playwright.async_api import expect

from support.axe import is_accessible
from support.watched import button, screen, sign_in
from support.world import custom

MINUTE = 60.0
AN_HOUR = 60 * MINUTE + 5  # and a little: what is signed at the very end is no newer than the end
ASK = "void dispatchEvent(new Event('online'))"
LEFT_ALONE = "window.leftAlone === true"


async def signs_in_again(page, name: str, account: str = "alice") -> None:
    """By the popup; it closes by itself."""
    async with page.expect_popup() as opened:
        await button(page, name).click()
    popup = await opened.value
    async with popup.expect_event("close"):
        await sign_in(popup, account)


async def test_a_warned_user_signs_in_again_in_a_popup_and_every_tab_goes_on(watched):
    one = await watched(**custom(session=60))
    first, second = await one.open(), await one.open("/headers")
    for page in (first, second):
        await page.evaluate("window.leftAlone = true")
    await one.pass_time(41 * MINUTE)
    await expect(screen(second)).to_have_count(1)
    await signs_in_again(first, "Sign in again now")
    for page in (first, second):
        await expect(screen(page)).to_have_count(0)
        assert await page.evaluate(LEFT_ALONE)
    await one.pass_time(39 * MINUTE)
    await one.tick()
    await expect(screen(first), "the new session has its whole length").to_have_count(0)
    assert await first.evaluate("fetch('/api/data/v9.2/WhoAmI').then(answer => answer.status)") == 200


@pytest.mark.parametrize("keys", [custom(session=60), custom(inactivity=15)], ids=["session", "inactivity"])
async def test_after_the_end_the_page_goes_on_where_it_was(watched, keys):
    one = await watched(**keys)
    page = await one.open()
    await page.evaluate("window.leftAlone = true")
    await page.locator("textarea, input[type=text], input:not([type])").first.fill("not saved yet")
    await one.pass_time(AN_HOUR)
    await signs_in_again(page, "Sign in again")
    await expect(screen(page)).to_have_count(0)
    assert await page.evaluate(LEFT_ALONE)
    assert await page.evaluate("fetch('/api/data/v9.2/WhoAmI').then(answer => answer.status)") == 200


async def test_another_user_in_the_popup_reloads_every_tab(watched):
    one = await watched(**custom(session=60))
    first, second = await one.open(), await one.open("/headers")
    for page in (first, second):
        await page.evaluate("window.leftAlone = true")
    await one.pass_time(AN_HOUR)
    await signs_in_again(first, "Sign in again", "bob")
    for page in (first, second):
        await page.wait_for_function("window.leftAlone === undefined && document.readyState === 'complete'")
        await expect(screen(page)).to_have_count(0)
    await expect(first.locator("body")).to_contain_text("bob@contoso.com")


async def test_secret_rotation_reloads_no_page(watched):
    one = await watched(**custom(session=60))
    page = await one.open()
    await page.evaluate("window.leftAlone = true")
    former = (await (await one.context.request.get(one.world.url("/.claims/session"))).json())["principal"]
    tags = [f"latest {former}", "latest", "somebody-else"]

    async def rotated(route):
        response = await route.fetch()
        await route.fulfill(response=response, json=await response.json() | {"principal": tags[0]})

    await one.context.route("**/.claims/session", rotated)
    for _ in range(2):
        async with page.expect_response("**/.claims/session"):
            await page.evaluate(ASK)
        await one.tick()
        assert await page.evaluate(LEFT_ALONE)
        del tags[0]
    await page.evaluate(ASK)
    await page.wait_for_function("window.leftAlone === undefined")


async def test_and_no_form_that_brought_a_page_is_posted_again(watched):
    one = await watched(**custom(session=60))
    page = await one.open()
    posts = []
    one.context.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url(one.world.url("/echo"))
    await page.evaluate("window.leftAlone = true")
    await one.pass_time(AN_HOUR)
    await signs_in_again(page, "Sign in again", "bob")
    await page.wait_for_function("window.leftAlone === undefined && document.readyState === 'complete'")
    assert posts.count(one.world.url("/echo")) == 1


async def test_a_provider_that_cuts_the_popup_from_its_opener_is_no_obstacle(watched):
    one = await watched(**custom(session=60))

    async def cut(route):
        answer = await route.fetch(max_redirects=0)
        headers = {**answer.headers, "cross-origin-opener-policy": "same-origin"}
        await route.fulfill(response=answer, headers=headers)

    page = await one.open()
    await one.context.route("**/adfs/**", cut)
    await one.pass_time(41 * MINUTE)
    await signs_in_again(page, "Sign in again now")
    await expect(screen(page)).to_have_count(0)


async def test_where_popups_are_blocked_the_page_itself_goes_to_sign_in_and_comes_back(watched):
    one = await watched(**custom(session=60))
    page = await one.open("/main.aspx?etn=account&id=%7B1%7D")
    await one.pass_time(AN_HOUR)
    await page.evaluate("window.open = () => null")
    await button(page, "Sign in again").click()
    await page.wait_for_url(re.compile("/adfs/oauth2/authorize"))
    await sign_in(page)
    await page.wait_for_url(one.world.url("/main.aspx?etn=account&id=%7B1%7D"))


async def test_a_sign_in_in_another_tab_frees_the_tabs_that_wait(watched):
    one = await watched(**custom(session=60))
    waiting = await one.open()
    await one.pass_time(AN_HOUR)
    await expect(screen(waiting)).to_have_count(1)
    await one.open("/headers")
    await expect(screen(waiting)).to_have_count(0)


async def test_without_a_custom_length_the_provider_may_answer_for_itself(watched):
    one = await watched()
    page = await one.open()
    await one.pass_time(45 * MINUTE)
    async with page.expect_popup() as opened:
        await button(page, "Sign in again now").click()
    popup = await opened.value
    if not popup.is_closed():
        await popup.wait_for_event("close")
    await expect(screen(page)).to_have_count(0)
    await one.pass_time(30 * MINUTE)
    assert await page.evaluate("fetch('/api/data/v9.2/WhoAmI').then(answer => answer.status)") == 200


async def keep_active(one, page, minutes: int) -> None:
    for _ in range(minutes):
        await page.keyboard.press("Shift")
        await one.pass_time(1 * MINUTE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_screen(watched, scheme):
    one = await watched(browser={"color_scheme": scheme}, **custom(session=60, inactivity=15))
    page = await one.open()
    seen = set()

    async def judge(text: str) -> None:
        await expect(screen(page)).to_contain_text(text)
        seen.add(await screen(page).get_by_role("heading").inner_text())
        await is_accessible(page, "claims-session")

    await one.pass_time(14 * MINUTE)
    await judge("still there")
    await button(page, "Continue session").click()
    await expect(screen(page)).to_have_count(0)
    await one.pass_time(16 * MINUTE)
    await judge("because nothing happened")
    await signs_in_again(page, "Sign in again")
    await expect(screen(page)).to_have_count(0)
    await keep_active(one, page, 41)
    await judge("about to end")
    await button(page, "Later").click()
    await keep_active(one, page, 19)
    await one.tick()
    await judge("session has ended")
    assert len(seen) == 4
