"""A sign-out is seen at once: in every tab, and in every other browser of the same person."""

from playwright.async_api import expect

from support.watched import screen
from support.world import custom

SIGN_OUT = "fetch('/.claims/sign-out?everywhere', {method: 'POST', redirect: 'manual'}).then(() => true)"
ENDED = "You are signed out"


async def listens(watched) -> None:
    """Until the browser's one stream is open, as the proxy sees it."""
    announcements = watched.world.proxy._lasting.announcements
    while not len(announcements):
        await watched.context.clock.run_for(100)


async def test_signing_out_everywhere_is_seen_in_another_browser_without_a_click(watched, screenshot):
    one = await watched(**custom(session=60))
    other = await watched(one=one.world)
    page, elsewhere = await one.open(), [await other.open(), await other.open("/headers")]
    await listens(other)
    assert await page.evaluate(SIGN_OUT)
    for tab in elsewhere:
        await expect(screen(tab)).to_contain_text(ENDED, timeout=5000)
    await screenshot(elsewhere[0], "signed-out-elsewhere")


async def test_signing_out_in_one_tab_is_seen_in_the_others(watched):
    one = await watched(**custom(session=60))
    first, second = await one.open(), await one.open("/headers")
    await listens(one)
    await first.goto(one.world.url("/.claims/sign-out"))
    await first.locator("[type=submit]").first.click()
    await expect(screen(second)).to_contain_text(ENDED, timeout=5000)


async def test_a_browser_of_many_tabs_has_one_stream_which_the_next_takes_up(watched):
    one = await watched(**custom(session=60))
    tabs = [await one.open(), await one.open("/headers"), await one.open("/headers")]
    await listens(one)
    for _ in range(5):
        await one.tick()
    assert one.count("GET", "events") == 1
    await tabs[0].close()
    await tabs[1].wait_for_timeout(200)
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
