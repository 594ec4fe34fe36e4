"""What a person sees: from the provider's form to the small CRM, to the end of the session and back."""

import re

from support.world import custom

MINUTE = 60.0


async def sign_in(page, account: str = "alice") -> None:
    """Fill in AD FS's form."""
    await page.locator(f"input[name=UserName][value*={account}]").check()
    await page.locator("input[name=Password]").fill("secret")
    await page.locator("[type=submit]").first.click()


async def at_the_provider(page) -> bool:
    return await page.locator("input[name=Password]").count() == 1


async def test_a_person_signs_in_and_lands_where_they_wanted_to_go(world, page, screenshot):
    one = await world()
    await page.goto(one.url("/main.aspx?etn=account"))
    await screenshot(page, "1-provider")
    await sign_in(page)
    await page.wait_for_url(one.url("/main.aspx?etn=account"))
    await page.wait_for_load_state("networkidle")
    await screenshot(page, "2-crm")
    assert "alice@contoso.com" in await page.inner_text("body")
    names = {cookie["name"]: cookie for cookie in await page.context.cookies(one.url("/"))}
    assert names["claims-session"]["httpOnly"]
    assert names["claims-session"]["sameSite"] == "Lax"
    assert not any(name.startswith("claims-login") for name in names), "a sign-in's cookie ends with it"


async def test_after_the_session_timeout_the_form_asks_again(world, page, clock):
    one = await world(**custom(session=60))
    await page.goto(one.url("/main.aspx"))
    await sign_in(page)
    await page.wait_for_url(one.url("/main.aspx"))
    clock.advance(60 * MINUTE + 1)
    await page.goto(one.url("/main.aspx"))
    assert await at_the_provider(page)
    await sign_in(page)
    await page.wait_for_url(one.url("/main.aspx"))


async def test_a_polling_page_is_timed_out_and_its_requests_say_why(world, page, clock, screenshot):
    one = await world(**custom(inactivity=15))
    await page.goto(one.url("/WebResources/polling.html"))
    await sign_in(page)
    await page.wait_for_url(one.url("/WebResources/polling.html"))
    clock.advance(15 * MINUTE)
    await page.wait_for_function("document.body.innerText.includes('inactivity_timeout')")
    await screenshot(page, "3-polling")
    await page.goto(one.url("/main.aspx"))
    assert await at_the_provider(page)


async def test_without_custom_limits_a_new_sign_in_is_silent(world, page, clock):
    one = await world()
    await page.goto(one.url("/main.aspx"))
    await sign_in(page)
    await page.wait_for_url(one.url("/main.aspx"))
    clock.advance(61 * MINUTE)
    await page.goto(one.url("/main.aspx"))
    assert page.url == one.url("/main.aspx")


async def test_signing_out_asks_ends_and_says_so(world, page, screenshot):
    one = await world()
    await page.goto(one.url("/main.aspx"))
    await sign_in(page)
    await page.wait_for_url(one.url("/main.aspx"))
    await page.goto(one.url("/.claims/sign-out"))
    await screenshot(page, "4-sign-out")
    await page.locator("form [type=submit]").click()
    await page.wait_for_url(re.compile(re.escape(one.url("/.claims/signed-out"))))
    await screenshot(page, "5-signed-out")
    await page.goto(one.url("/main.aspx"))
    assert await at_the_provider(page)


async def test_a_web_socket_lasts_as_long_as_the_session(world, page, clock):
    one = await world(**custom(session=60))
    await page.goto(one.url("/main.aspx"))
    await sign_in(page)
    await page.wait_for_url(one.url("/main.aspx"))
    opened = """() => new Promise((resolve, reject) => {
        window.socket = new WebSocket(location.origin.replace('http', 'ws') + '/live');
        window.hasClosed = new Promise((done) => { window.socket.onclose = (event) => done(event.code); });
        window.socket.onopen = () => resolve(true);
        window.socket.onerror = () => reject(new Error('no WebSocket'));
    })"""
    assert await page.evaluate(opened)
    clock.advance(60 * MINUTE)
    assert await page.evaluate("() => window.hasClosed") == 1008


async def test_a_framed_page_offers_a_way_out_of_the_frame(world, page, screenshot):
    one = await world(organization={"anonymous": ["/WebResources"]})
    await page.goto(one.url("/WebResources/ClientGlobalContext.js.aspx"))
    await page.evaluate("""() => {
        const frame = document.createElement('iframe');
        frame.src = '/main.aspx';
        document.body.replaceChildren(frame);
    }""")
    link = page.frame_locator("iframe").locator("a[target=_top]")
    await link.wait_for()
    await screenshot(page, "6-framed")
    await link.click()
    await page.wait_for_url(re.compile("/adfs/oauth2/authorize"))
    assert await at_the_provider(page)


async def test_a_note_in_a_page_that_warns_of_nothing_is_kept(world, page, clock, screenshot):
    keys = custom(inactivity=15)
    keys["organization"]["browser"] = {"inject": "documents"}
    one = await world(**keys)
    await page.goto(one.url("/note"))
    await sign_in(page)
    await page.wait_for_url(one.url("/note"))
    assert await page.locator("script").count() == 0
    await screenshot(page, "8-note")
    await page.get_by_role("textbox", name="Note").fill("Ask again")
    clock.advance(15 * MINUTE + 1)
    await page.get_by_role("button", name="Save").click()
    clock.advance(5)
    await sign_in(page)
    await page.get_by_role("button", name="Send it now").click()
    await page.wait_for_url(one.url("/echo"))
    assert "Ask again" in await page.inner_text("body")


async def test_the_live_page_shows_the_session_and_what_is_told_of_it(world, page, screenshot):
    one = await world(**custom(inactivity=15, session=60))
    await page.goto(one.url("/session"))
    await sign_in(page)
    await page.get_by_text("live; would end by inactivity_timeout").wait_for()
    await page.get_by_text("warning in").first.wait_for()
    assert await page.locator("#inactivity").inner_text() == "15:00"
    await screenshot(page, "7-live")
    one.proxy._lasting.announcements.changed()
    await page.get_by_text("changed").wait_for()
    await page.evaluate("fetch('/.claims/sign-out', {method: 'POST', redirect: 'manual'})")
    await page.get_by_text("ended signed_out").wait_for()
    await page.locator("#state", has_text="none").wait_for()
    assert await page.locator("#session").inner_text() == "ended"
