"""A sign-out is seen at once: in every tab, and in every other browser of the same person."""

import asyncio

from playwright.async_api import expect

from support.axe import is_accessible
from support.patience import until
from support.watched import screen
from support.world import custom

MINUTE = 60.0
SIGN_OUT = "fetch('/.claims/sign-out?everywhere', {method: 'POST', redirect: 'manual'}).then(() => true)"
ENDED = "You are signed out"


async def listens(watched) -> None:
    """Until the browser's one stream is open, as the proxy sees it."""
    announcements = watched.world.proxy._lasting.announcements

    async def heard():
        await watched.context.clock.run_for(100)
        return len(announcements)

    await until(heard)


async def test_signing_out_everywhere_is_seen_in_another_browser_without_a_click(watched, screenshot):
    one = await watched(**custom(session=60))
    other = await watched(one=one.world)
    page, elsewhere = await one.open(), [await other.open(), await other.open("/headers")]
    await listens(other)
    assert await page.evaluate(SIGN_OUT)
    for tab in elsewhere:
        await expect(screen(tab)).to_contain_text(ENDED)
    await screenshot(elsewhere[0], "signed-out-elsewhere")
    await is_accessible(elsewhere[0], "claims-session")


async def test_signing_out_in_one_tab_is_seen_in_the_others(watched):
    one = await watched(**custom(session=60))
    first, second = await one.open(), await one.open("/headers")
    await listens(one)
    await first.goto(one.world.url("/.claims/sign-out"))
    await first.locator("[type=submit]").first.click()
    await expect(screen(second)).to_contain_text(ENDED)


async def test_a_browser_of_many_tabs_has_one_stream_which_the_next_takes_up(watched):
    one = await watched(**custom(session=60))
    tabs = [await one.open(), await one.open("/headers"), await one.open("/headers")]
    await listens(one)
    for _ in range(5):
        await one.tick()
    assert one.count("GET", "events") == 1
    await tabs[0].close()

    async def taken_up():
        await one.tick()
        return one.count("GET", "events") > 1

    await until(taken_up)
    for _ in range(5):
        await one.tick()
    assert one.count("GET", "events") == 2


async def test_a_changed_configuration_has_the_pages_ask_again(watched):
    one = await watched(**custom(session=60))
    await one.open()
    await listens(one)
    before = one.count("GET", "session")
    page = one.context.pages[0]
    async with page.expect_response(lambda answer: answer.url == one.world.url("/.claims/session")):
        one.world.proxy._lasting.announcements.changed()
    assert one.count("GET", "session") == before + 1


async def test_another_persons_browser_sees_nothing_of_it(watched):
    one = await watched(**custom(session=60))
    other = await watched(one=one.world)
    page, elsewhere = await one.open(), await other.open(account="bob")
    await listens(other)
    assert await page.evaluate(SIGN_OUT)
    async with elsewhere.expect_response(lambda answer: answer.url == one.world.url("/.claims/session")) as asked:
        one.world.proxy._lasting.announcements.changed()
    assert (await (await asked.value).json())["state"] == "live"
    await expect(screen(elsewhere)).to_have_count(0)


async def test_an_end_that_is_told_while_an_older_answer_is_under_way_is_not_missed(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open("/headers")
    await listens(one)
    asked, cut = [], asyncio.Event()

    async def late(route):
        answer = await route.fetch()
        asked.append(answer.status)
        if len(asked) == 1:
            await cut.wait()
        await route.fulfill(response=answer)

    await one.context.route("**/.claims/session", late)
    page.on("requestfinished", lambda request: cut.set() if request.url.endswith("/.claims/events") else None)
    async with page.expect_request("**/.claims/session"):
        one.world.proxy._lasting.announcements.changed()
    await until(lambda: asked)
    one.world.clock.advance(15 * MINUTE)
    await expect(screen(page)).to_contain_text("because nothing happened")
    assert asked == [200, 401]


async def test_a_stream_that_is_refused_has_the_page_ask_why(watched):
    one = await watched(**custom(inactivity=15))

    async def too_late(route):
        one.world.clock.advance(15 * MINUTE)
        await route.fulfill(status=401)

    await one.context.route("**/.claims/events", too_late)
    page = await one.open("/headers")
    await expect(screen(page)).to_contain_text("because nothing happened")
