"""Front-channel logout in a real browser: AD FS's page frames our address, and no other page may."""

from dataclasses import replace

from aiohttp import web

from support.world import CLIENT_ID, free_port, served

SIGNED_OUT = (401, "signed_out")


async def sign_in(one, page):
    client = one.adfs.state.clients[CLIENT_ID]
    one.adfs.state.clients[CLIENT_ID] = replace(client, logout_uri=one.url("/.claims/frontchannel-logout"))
    await page.goto(one.url("/main.aspx"))
    await page.check("input[value^=alice]")
    await page.fill("input[name=Password]", "x")
    await page.click("button, input[type=submit]")
    await page.wait_for_url(one.url("/main.aspx"))


async def answer_of(one, page):
    answer = await page.request.get(one.url("/api/data/v9.2/WhoAmI"))
    return (answer.status, (await answer.json()).get("error"))


async def test_the_provider_s_own_sign_out_ends_the_session_by_its_frame(world, page):
    one = await world()
    await sign_in(one, page)
    assert (await answer_of(one, page))[0] == 200
    said = []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(f"{one.adfs.state.issuer.url}/oauth2/logout")
    await page.wait_for_load_state("networkidle")
    shown = [frame.url for frame in page.frames if "frontchannel-logout" in frame.url]
    assert len(shown) == 1
    assert not [line for line in said if "Content Security Policy" in line or "frame" in line], said
    assert await answer_of(one, page) == SIGNED_OUT


async def test_no_other_page_may_frame_it(world, page):
    one, port = await world(), free_port()

    async def framing(_: web.Request) -> web.Response:
        frame = f'<iframe src="{one.url("/.claims/frontchannel-logout")}"></iframe>'
        return web.Response(text=frame, content_type="text/html")

    stranger, said = web.Application(), []
    stranger.router.add_get("/", framing)
    page.on("console", lambda message: said.append(message.text))
    async with served(stranger, port):
        await page.goto(f"http://127.0.0.1:{port}/")
        await page.wait_for_load_state("networkidle")
    assert any("frame-ancestors" in line for line in said), said
