"""What a real browser sends of itself, with each kind of request, is taken for the same browser; another is not."""

SOCKET = """() => new Promise((done, failed) => {
    const socket = new WebSocket(`ws://${location.host}/live`);
    socket.onopen = () => done('open');
    socket.onerror = () => failed(new Error('refused'));
})"""
WHO = "fetch('/api/data/v9.2/WhoAmI').then(answer => answer.json())"


async def test_pages_calls_and_sockets_of_one_browser_pass_and_a_stolen_cookie_does_not(world, page, chromium):
    one = await world(server_settings={"WSFedNonceCookieEnabled": True})
    await page.goto(one.url("/main.aspx"))
    await page.check("input[value^=alice]")
    await page.fill("input[name=Password]", "x")
    await page.click("button, input[type=submit]")
    await page.wait_for_url(one.url("/main.aspx"))
    assert "error" not in await page.evaluate(WHO)
    assert await page.evaluate(SOCKET) == "open"
    await page.reload()
    assert page.url == one.url("/main.aspx")

    thief = await chromium.new_context()
    await thief.add_cookies([each for each in await page.context.cookies() if each["name"] == "claims-session"])
    stolen = await thief.new_page()
    await stolen.goto(one.url("/favicon.ico"))
    assert "/adfs/" in stolen.url
    assert (await page.evaluate(WHO))["error"] == "binding_broken"
