"""Pages that do as they like with what the browser gives them: the watch goes on, and takes nothing of theirs."""

import re

import pytest
from playwright.async_api import expect

from support.watched import button, screen
from support.world import custom

MINUTE = 60.0
IDLE = re.compile("still there")
IDLED_OUT = re.compile("because nothing happened")
WARNED = re.compile("about to end")

OWN_WAYS = {
    "no channel between tabs": "delete window.BroadcastChannel",
    "no locks": "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })",
    "locks that are refused": "LockManager.prototype.request = () => Promise.reject(new Error())",
    "a fetch that nobody may change": "Object.defineProperty(window, 'fetch', { value: fetch, writable: false })",
    "no XMLHttpRequest": "delete window.XMLHttpRequest",
    "prototypes with more": "Object.prototype.extra = () => 1; Array.prototype.extra = () => 1",
    "no AbortSignal.timeout": "delete AbortSignal.timeout",
    "no event streams": "delete window.EventSource",
    "names of the window's for its own": "Object.assign(window, { origin: 'x', self: {}, parent: {}, name: 'x' })",
}


@pytest.mark.parametrize("way", OWN_WAYS)
async def test_a_page_with_its_own_ways_is_watched_with_its_frames(watched, way):
    one = await watched(**custom(inactivity=15))
    await one.context.add_init_script(OWN_WAYS[way])
    page = await one.open("/headers")
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.evaluate("document.body.prepend(document.createElement('iframe'))")
    await one.tick()
    await one.pass_time(10 * MINUTE)
    async with page.expect_response(lambda answer: answer.url.endswith("/.claims/activity")):
        await page.frame_locator("iframe").locator("body").click(position={"x": 5, "y": 5})
    await one.pass_time(14 * MINUTE)
    await expect(screen(page)).to_contain_text(IDLE)
    await button(page, "Continue session").click()
    await expect(screen(page)).to_have_count(0)
    assert faults == []


async def test_a_fetch_that_a_page_puts_in_its_place_is_called_as_ever(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open("/headers")
    await page.evaluate("""() => {
      const own = window.fetch;
      window.fetch = (what, ...more) => what === 7 ? "no promise" : own(what, ...more);
    }""")
    await one.tick()
    assert await page.evaluate("fetch(7)") == "no promise"
    assert await page.evaluate("fetch.call(undefined, '/headers').then(answer => answer.status)") == 200
    assert await page.evaluate("fetch('/a b%').then(() => 'answered', error => error.name)") == "answered"
    one.world.clock.advance(15 * MINUTE)
    assert await page.evaluate("fetch('/headers').then(answer => answer.status)") == 401
    await expect(screen(page)).to_contain_text(IDLED_OUT)


@pytest.mark.parametrize("kind", ["", "text", "json", "blob", "arraybuffer"])
async def test_a_401_is_seen_in_whatever_form_the_page_wants_it(watched, kind):
    one = await watched(**custom(inactivity=15))
    await one.context.route("**/.claims/events", lambda route: route.abort())
    page = await one.open("/headers")
    one.world.clock.advance(15 * MINUTE)
    asked = """kind => new Promise(resolve => {
      const request = new XMLHttpRequest();
      request.open("GET", "/api/data/v9.2/WhoAmI");
      request.responseType = kind;
      request.onload = () => resolve(request.response !== null);
      request.send();
    })"""
    assert await page.evaluate(asked, arg=kind)
    await expect(screen(page)).to_contain_text(IDLED_OUT)


async def test_a_frame_that_is_written_anew_is_listened_to_as_before(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open("/headers")
    await page.evaluate("document.body.prepend(document.createElement('iframe'))")
    await one.tick()
    await page.evaluate("""() => {
      const inner = document.querySelector("iframe").contentDocument;
      inner.open();
      inner.write("<body>written");
      inner.close();
    }""")
    await one.tick()
    await one.pass_time(10 * MINUTE)
    async with page.expect_response(lambda answer: answer.url.endswith("/.claims/activity")):
        await page.frame_locator("iframe").locator("body").click(position={"x": 5, "y": 5})


async def test_a_page_that_draws_itself_anew_does_not_lose_the_screen(watched):
    one = await watched(**custom(session=60))
    page = await one.open("/headers")
    await one.pass_time(41 * MINUTE)
    await expect(screen(page)).to_contain_text(WARNED)
    await page.evaluate("document.documentElement.replaceChildren(document.createElement('body'))")
    await expect(screen(page)).to_have_count(0)
    await one.tick()
    await expect(screen(page)).to_contain_text(WARNED)


async def test_an_answer_that_came_before_a_sleep_and_is_read_after_it_makes_nothing_last_longer(watched):
    one = await watched(**custom(inactivity=15))
    await one.context.add_init_script("delete AbortSignal.timeout")  # whose time stands still in a sleep
    page = await one.open("/headers")

    async def slept_through(route):
        answer = await route.fetch()
        await one.pass_time(15 * MINUTE)
        await one.context.unroute("**/.claims/session")
        await route.fulfill(response=answer)

    await one.context.route("**/.claims/events", lambda route: route.abort())
    await one.context.route("**/.claims/session", slept_through)
    await page.reload()
    await one.tick()
    await expect(screen(page)).to_contain_text(IDLED_OUT)
