"""Two browsers of one person at two proxies over one Redis: a sign-out in one is the end in the other."""

from dataclasses import replace

from playwright.async_api import expect

from chromium.test_demo import sign_in
from support.patience import until
from support.ports import free_port
from support.watched import screen
from support.world import CLIENT_ID, custom


async def test_the_page_the_socket_and_the_next_click_of_the_other_browser_end(world, chromium, redis_url, screenshot):
    keys = custom(session=60, nonce=True)
    keys["organization"]["browser"] = {"inject": "documents"}
    one = await world(state=redis_url, **keys)
    second = await one.start_proxy(free_port())
    other_origin = f"http://127.0.0.1:{second.port}"
    client = one.adfs.state.clients[CLIENT_ID]
    known = (*client.redirect_uris, f"{other_origin}/.claims/callback")
    one.adfs.state.clients[CLIENT_ID] = replace(client, redirect_uris=known)
    here, there = [await (await chromium.new_context()).new_page() for _ in range(2)]
    for page in (here, there):
        await page.goto(one.url("/main.aspx"))
        await sign_in(page)
        await page.wait_for_url(one.url("/main.aspx"))
    await there.goto(f"{other_origin}/main.aspx")
    await expect(there.locator("#socket")).to_contain_text("tick", ignore_case=True)
    await until(lambda: len(second._lasting.announcements))

    await here.goto(one.url("/.claims/sign-out"))
    await here.locator("[type=submit]").first.click()

    await expect(screen(there)).to_contain_text("You are signed out")
    await expect(there.locator("#socket")).to_contain_text("closed (1008")
    await screenshot(there, "signed-out-at-another-node")
    await there.goto(f"{other_origin}/headers")
    await expect(there.locator("input[name=Password]")).to_have_count(1)
    assert "prompt=login" in there.url
    for page in (here, there):
        await page.context.close()
