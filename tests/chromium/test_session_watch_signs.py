"""What counts as a sign that somebody is there, and what the script learns of by itself."""

import asyncio
import os
import re

import pytest
from playwright.async_api import async_playwright, expect

from proxy.model.session import EndReason
from support.watched import Watched, button, screen, sign_in
from support.world import custom

MINUTE = 60.0
IDLE = re.compile("still there")
IDLED_OUT = re.compile("because nothing happened")
EXPIRED = re.compile("session has ended")


async def type_for(one, page, minutes: int) -> None:
    for _ in range(minutes):
        await one.pass_time(1 * MINUTE)
        async with page.expect_response(lambda answer: answer.url.endswith("/.claims/activity")):
            await page.keyboard.press("a")


async def test_a_polling_page_idles_out_on_time_while_a_typing_user_does_not(watched):
    one = await watched(**custom(inactivity=15))
    typing = await one.open()
    await type_for(one, typing, 20)
    await expect(screen(typing)).to_have_count(0)
    polling = await one.open("/WebResources/polling.html")
    for _ in range(14):
        await one.pass_time(1 * MINUTE)
    await expect(screen(polling)).to_contain_text(IDLE)
    await one.pass_time(1 * MINUTE)
    await expect(screen(polling)).to_contain_text(IDLED_OUT)


async def test_input_is_reported_once_per_resolution_and_only_while_there_is_some(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    await one.stand_still(page)
    await one.tick()
    assert one.count("POST", "activity") == 0
    for key in "a few words":
        await page.keyboard.press(key)
    await one.tick()
    assert one.count("POST", "activity") == 1
    await one.pass_time(3)
    await one.tick()
    assert one.count("POST", "activity") == 2, "what was typed after the report is told when the next is due"
    for _ in range(4):
        await one.pass_time(10)
    assert one.count("POST", "activity") == 2


@pytest.mark.parametrize("kind", ["pointerdown", "pointermove", "wheel", "touchstart"])
async def test_each_kind_of_real_input_counts(watched, kind):
    one = await watched(browser={"has_touch": True}, **custom(inactivity=15))
    page = await one.open()
    await one.pass_time(10 * MINUTE)
    acts = {
        "pointerdown": page.mouse.down,
        "pointermove": lambda: page.mouse.move(200, 200),
        "wheel": lambda: page.mouse.wheel(0, 50),
        "touchstart": lambda: page.touchscreen.tap(300, 300),
    }
    if kind == "pointermove":
        await page.mouse.move(100, 100)
    async with page.expect_response(lambda answer: answer.url.endswith("/.claims/activity")):
        await acts[kind]()


async def test_what_was_typed_before_a_sleep_is_not_reported_after_it(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    await page.keyboard.press("a")
    await page.keyboard.press("b")
    await one.pass_time(14 * MINUTE)
    await expect(screen(page)).to_contain_text(IDLE)
    assert one.count("POST", "activity") == 1


async def test_input_that_a_page_makes_up_does_not_count(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    await page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true }))")
    await one.tick()
    assert one.count("POST", "activity") == 0


async def test_input_in_one_tab_keeps_the_others(watched):
    one = await watched(**custom(inactivity=15))
    first, second = await one.open(), await one.open("/WebResources/polling.html")
    await type_for(one, second, 20)
    for page in (first, second):
        await expect(screen(page)).to_have_count(0)
    await one.pass_time(14 * MINUTE)
    for page in (first, second):
        await expect(screen(page)).to_contain_text(IDLE)
    await button(first, "Continue session").click()
    for page in (first, second):
        await expect(screen(page)).to_have_count(0)


async def test_input_in_frames_of_this_origin_counts_and_one_screen_covers_all(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    await page.evaluate("""() => {
      for (const src of ["/headers", "about:blank"]) {
        const frame = document.createElement("iframe");
        frame.src = src;
        frame.width = frame.height = 200;
        document.body.prepend(frame);
      }
    }""")
    await page.frame_locator("iframe[src='/headers']").locator("table").wait_for()
    await one.tick()
    for which in ("about:blank", "/headers"):
        await one.pass_time(10 * MINUTE)
        async with page.expect_response(lambda answer: answer.url.endswith("/.claims/activity")):
            await page.frame_locator(f"iframe[src='{which}']").locator("body").click(position={"x": 5, "y": 5})
    await one.pass_time(14 * MINUTE)
    await expect(screen(page)).to_contain_text(IDLE)
    assert await page.frame_locator("iframe[src='/headers']").locator("claims-session").count() == 0


async def test_without_locks_every_tab_still_learns_of_the_end(watched):
    one = await watched(**custom(session=60))
    await one.context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })")
    pages = [await one.open(), await one.open("/headers")]
    await one.pass_time(60 * MINUTE)
    await one.context.clock.run_for(4000)
    for page in pages:
        await expect(screen(page)).to_contain_text(EXPIRED)


async def test_an_hour_of_sleep_is_noticed_on_waking(watched):
    one = await watched(**custom(session=60, inactivity=15))
    page = await one.open()
    # As a lid does: the wall clock goes on, timers and performance.now() stand still.
    one.world.clock.advance(60 * MINUTE)
    await one.context.clock.set_system_time(int((await page.evaluate("Date.now()")) + 3_600_000))
    await one.context.clock.run_for(1000)
    await expect(screen(page)).to_contain_text(re.compile("because nothing happened|has ended"))


async def test_a_clock_that_is_set_back_changes_nothing(watched):
    one = await watched(**custom(session=60))
    page = await one.open()
    await one.context.clock.set_system_time(int((await page.evaluate("Date.now()")) - 7_200_000))
    asked = one.count("GET", "session")
    await one.tick()
    assert one.count("GET", "session") > asked
    await one.pass_time(60 * MINUTE)
    await expect(screen(page)).to_contain_text(EXPIRED)


async def test_offline_nobody_is_told_that_the_session_ended(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    await one.context.set_offline(True)
    await one.pass_time(14 * MINUTE)
    await expect(screen(page)).to_contain_text(IDLE)
    await expect(screen(page).get_by_role("status")).to_contain_text("cannot be reached")
    await one.pass_time(10 * MINUTE)
    await one.tick()
    await expect(screen(page)).to_contain_text(IDLE)
    await one.context.set_offline(False)
    await expect(screen(page)).to_contain_text(IDLED_OUT)


async def test_the_application_s_401_by_us_shows_the_end_at_once_and_its_own_shows_nothing(watched):
    one = await watched(**custom(session=60))
    page = await one.open()

    async def own(route):
        await route.fulfill(status=401, json={"error": "license"})

    await one.context.route("**/own", own)
    before = one.count("GET", "session")
    assert await page.evaluate("fetch('/own').then(answer => answer.json())") == {"error": "license"}
    assert one.count("GET", "session") == before
    cookies = {cookie["name"]: cookie["value"] for cookie in await one.context.cookies(one.world.url("/"))}
    running = one.world.proxy
    session = (await running.sessions.load(cookies["claims-session"], "contoso")).session
    await running.sessions.end_at(
        session.reference, "contoso", EndReason.REVOKED, one.world.clock(), owes_credentials=True
    )
    body = "fetch('/api/data/v9.2/WhoAmI').then(answer => answer.json()).then(body => body.error)"
    assert await page.evaluate(body) == "revoked", "the application reads its answer as ever"
    await expect(screen(page)).to_contain_text("You are signed out")


async def test_an_xmlhttprequest_s_401_is_seen_too(watched):
    one = await watched(**custom(inactivity=15))
    page = await one.open()
    one.world.clock.advance(15 * MINUTE)
    await page.evaluate("""() => new Promise(resolve => {
      const request = new XMLHttpRequest();
      request.open("GET", "/api/data/v9.2/WhoAmI");
      request.responseType = "json";
      request.onload = resolve;
      request.send();
    })""")
    await expect(screen(page)).to_contain_text(IDLED_OUT)


async def test_where_no_inactivity_is_enforced_none_is_reported(watched):
    one = await watched()
    page = await one.open()
    await page.keyboard.press("a")
    await one.tick()
    assert one.count("POST", "activity") == 0


async def test_an_exempt_client_sees_no_screen(watched):
    exempt = [{"kind": "unified_service_desk", "user_agent": "UnifiedServiceDesk"}]
    keys = custom(session=60, inactivity=15)
    keys["organization"] |= {"exempt_clients": exempt}
    one = await watched(browser={"user_agent": "Mozilla/5.0 UnifiedServiceDesk/4"}, **keys)
    page = await one.open()
    for _ in range(6):
        await one.pass_time(10 * MINUTE)
        await one.tick()
        await expect(screen(page)).to_have_count(0)


async def test_a_page_that_anybody_may_see_stays_quiet(watched):
    one = await watched(organization={"anonymous": ["/headers"]})
    page = await one.open("/headers")
    await one.pass_time(120 * MINUTE)
    await one.tick()
    await expect(screen(page)).to_have_count(0)
    assert one.count("GET", "session") == 1


async def test_an_event_has_the_session_asked_for_and_a_stream_that_breaks_off_waits(watched):
    one = await watched(**custom(inactivity=15))
    told, over = 0, asyncio.Event()

    async def ended(route):
        nonlocal told
        told += 1
        await over.wait()
        body = 'event: ended\ndata: {"reason": "inactivity_timeout"}\n\n'
        await route.fulfill(content_type="text/event-stream", body=body)

    await one.context.route("**/.claims/events", ended)
    pages = [await one.open(), await one.open("/headers")]
    one.world.clock.advance(15 * MINUTE)
    over.set()
    for page in pages:
        await expect(screen(page)).to_contain_text(IDLED_OUT)
    await one.context.clock.run_for(12_000)
    assert told == 1, "one stream for all tabs, and none after the end"


async def test_a_page_that_comes_back_from_the_back_forward_cache_learns_what_it_missed(chromium_path, world):
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=sandbox, ignore_default_args=["--disable-back-forward-cache"]
        )
        one = Watched(await world(**custom(session=60)), await browser.new_context())
        await one.prepare()
        page = await one.open("/headers")
        await page.evaluate("addEventListener('pageshow', event => { window.cameBack = event.persisted; })")
        await page.goto(one.world.url("/echo-nothing"))
        one.world.clock.advance(60 * MINUTE)
        await page.evaluate("history.back()")
        await page.wait_for_function("window.cameBack === true")
        await expect(screen(page)).to_contain_text(EXPIRED)
        await browser.close()


async def test_a_page_without_scripts_goes_to_sign_in_at_the_next_click_and_not_before(chromium, world):
    one = await world(**custom(inactivity=15))
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(one.url("/main.aspx"))
    await sign_in(page)
    await page.wait_for_url(one.url("/main.aspx"))
    for _ in range(3):
        one.clock.advance(14 * MINUTE)  # each click is a navigation that the user caused
        await page.get_by_role("link", name="Headers that arrive").click()
        await page.wait_for_url(one.url("/headers"))
        await page.go_back()
    one.clock.advance(15 * MINUTE)
    await page.get_by_role("link", name="Headers that arrive").click()
    await expect(page.locator("input[name=Password]")).to_have_count(1)
    await context.close()
