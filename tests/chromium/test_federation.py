"""WS-Federation in a real browser: its forms, its cross-site posts, and the frame that signs people out."""

SESSION = "claims-session"


async def test_a_person_signs_in_with_an_encrypted_token_works_and_signs_out(world, page):
    one = await world(federated=True, encrypted=True)
    await page.goto(one.url("/main.aspx?etn=account"))
    assert "/adfs/ls/" in page.url
    await page.check("input[value^=alice]")
    await page.fill("input[name=Password]", "any will do")
    await page.click("button, input[type=submit]")
    await page.wait_for_url(one.url("/main.aspx?etn=account"))
    assert "alice" in (await page.content()).lower()
    names = {cookie["name"] for cookie in await page.context.cookies()}
    assert {SESSION, "claims-cleanup"} <= names

    await page.goto(one.url("/.claims/sign-out"))
    await page.click("button")
    await page.wait_for_url("**/adfs/ls/**")
    frames = await page.locator("iframe").evaluate_all("frames => frames.map(frame => frame.src)")
    assert frames == [one.url("/.claims/wsfed?wa=wsignoutcleanup1.0")]
    await page.goto(one.url("/main.aspx"))
    assert await page.locator("input[name=Password]").count() == 1


async def test_the_provider_s_own_sign_out_ends_the_session_by_its_frame(world, page):
    one = await world(federated=True)
    await page.goto(one.url("/main.aspx"))
    await page.check("input[value^=bob]")
    await page.fill("input[name=Password]", "x")
    await page.click("button, input[type=submit]")
    await page.wait_for_url(one.url("/main.aspx"))
    await page.goto(f"http://127.0.0.1:{one.adfs_port}/adfs/ls/?wa=wsignout1.0")
    await page.wait_for_load_state("networkidle")
    answer = await page.request.get(one.url("/api/data/v9.2/WhoAmI"))
    assert (answer.status, (await answer.json())["error"]) == (401, "signed_out")


async def test_the_back_button_after_a_sign_in_leads_to_the_page(world, page):
    one = await world(federated=True)
    await page.goto(one.url("/main.aspx"))
    await page.check("input[value^=alice]")
    await page.fill("input[name=Password]", "x")
    await page.click("button, input[type=submit]")
    await page.wait_for_url(one.url("/main.aspx"))
    await page.reload()
    assert page.url == one.url("/main.aspx")
    answer = await page.request.get(one.url("/api/data/v9.2/WhoAmI"))
    assert answer.status == 200
