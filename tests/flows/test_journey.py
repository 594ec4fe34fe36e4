"""What a person lives through, from the first click to the last, on both stores."""

from support.world import custom

SESSION = "claims-session"
MINUTE = 60.0


def asked_for_credentials(page) -> bool:
    """Whether the browser now stands before the provider's form."""
    return page.form_with("UserName") is not None


async def test_a_person_signs_in_works_and_lands_where_they_wanted_to_go(world, browser, state):
    one = await world(state=state)
    page = await browser.sign_in(one.url("/main.aspx?etn=account&pagetype=entitylist"), "alice")
    assert page.status == 200
    assert str(page.url) == one.url("/main.aspx?etn=account&pagetype=entitylist")
    answer = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    assert answer.status == 200


async def test_the_application_learns_who_it_is(world, browser):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"), "alice")
    answer = await browser.fetch(one.url("/headers"), headers={"Accept": "application/json"})
    headers = {name.lower(): value for name, value in answer.json()["headers"]}
    assert headers["x-forwarded-user"] == "alice@contoso.com"
    assert headers["x-forwarded-groups"] == "Sales"
    assert "claims-" not in headers.get("cookie", "")


async def test_the_session_timeout_asks_for_credentials_again(world, browser, clock, state):
    one = await world(state=state, **custom(session=60))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(60 * MINUTE - 1)
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200
    clock.advance(1)
    refused = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    assert refused.status == 401
    assert refused.json()["error"] == "session_timeout"
    clock.advance(1)
    page = await browser.open(one.url("/main.aspx"))
    assert asked_for_credentials(page)
    assert (await browser.complete_sign_in(page, "alice")).status == 200


async def test_the_inactivity_timeout_asks_for_credentials_again(world, browser, clock, state):
    one = await world(state=state, **custom(inactivity=15))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    for _ in range(3):
        clock.advance(14 * MINUTE)
        assert (await browser.open(one.url("/main.aspx"))).status == 200
    clock.advance(15 * MINUTE)
    refused = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    assert (refused.status, refused.json()["error"]) == (401, "inactivity_timeout")
    clock.advance(1)
    page = await browser.open(one.url("/main.aspx"))
    assert asked_for_credentials(page)
    assert (await browser.complete_sign_in(page, "alice")).status == 200


async def test_a_page_that_polls_keeps_nobody_signed_in(world, browser, clock, state):
    one = await world(state=state, **custom(inactivity=15))
    await browser.sign_in(one.url("/WebResources/polling.html"), "alice")
    answers = []
    for _ in range(16):
        clock.advance(MINUTE)
        answers.append((await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status)
    assert answers == [200] * 14 + [401, 401]


async def test_reported_input_keeps_a_session(world, browser, clock, state):
    one = await world(state=state, **custom(inactivity=15))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    for _ in range(4):
        clock.advance(14 * MINUTE)
        answer = await browser.fetch(one.url("/.claims/activity"), "POST")
        assert answer.json()["inactivity_ends_in"] == 15 * MINUTE
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200


async def test_without_custom_limits_the_token_s_end_counts_and_sign_in_is_silent(world, browser, clock, state):
    one = await world(state=state)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(60 * MINUTE)
    refused = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    assert (refused.status, refused.json()["error"]) == (401, "token_lifetime")
    page = await browser.open(one.url("/main.aspx"))
    assert page.status == 200
    assert str(page.url) == one.url("/main.aspx")


async def test_a_cookie_deleted_at_minute_59_buys_nothing(world, browser, clock, state):
    one = await world(state=state, **custom(session=60))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(59 * MINUTE)
    browser.forget(SESSION)
    page = await browser.open(one.url("/main.aspx"))
    assert page.status == 200, "the provider's own session is good for a silent sign-in"
    assert not asked_for_credentials(page)
    clock.advance(MINUTE)
    assert asked_for_credentials(await browser.open(one.url("/main.aspx")))


async def test_a_cookie_deleted_after_the_end_buys_nothing(world, browser, clock, state):
    one = await world(state=state, **custom(session=60))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(61 * MINUTE)
    browser.forget(SESSION)
    page = await browser.open(one.url("/main.aspx"))
    assert asked_for_credentials(page)
    assert (await browser.complete_sign_in(page, "alice")).status == 200


async def test_an_idle_session_s_deleted_cookie_buys_nothing(world, browser, clock, state):
    one = await world(state=state, **custom(inactivity=15))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(16 * MINUTE)
    browser.forget(SESSION)
    assert asked_for_credentials(await browser.open(one.url("/main.aspx")))


async def test_a_sign_in_started_early_buys_nothing(world, browser, other_browser, clock, state):
    one = await world(state=state, **custom(session=60))
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(59 * MINUTE)
    # Started before the end, in a second tab that still holds the provider's silent answer back.
    early = await browser.fetch(one.url("/.claims/sign-in?return=/main.aspx"), headers={"Sec-Fetch-Mode": "navigate"})
    if early.last.location == "/main.aspx":
        # A live session needs no sign-in; without its cookie one starts.
        browser.forget(SESSION)
        early = await browser.fetch(
            one.url("/.claims/sign-in?return=/main.aspx"), headers={"Sec-Fetch-Mode": "navigate"}
        )
    clock.advance(2 * MINUTE)
    page = await browser.open(early.last.location)
    assert asked_for_credentials(page), "authenticated before the limit, so credentials are owed"


async def test_signing_out_ends_the_session_here_and_at_the_provider(world, browser, state):
    one = await world(state=state)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    cookie = browser.cookie(SESSION)
    page = await browser.open(one.url("/.claims/sign-out"))
    assert page.status == 200
    left = await browser.submit()
    assert str(left.url).startswith(one.url("/.claims/signed-out"))
    stolen = await browser.fetch(
        one.url("/api/data/v9.2/WhoAmI"), headers={"Cookie": f"{SESSION}={cookie}"}, cookies=False
    )
    assert (stolen.status, stolen.json()["error"]) == (401, "signed_out")
    assert asked_for_credentials(await browser.open(one.url("/main.aspx")))


async def test_every_sign_in_has_a_cookie_of_its_own(world, browser, clock, state):
    one = await world(state=state)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    first = browser.cookie(SESSION)
    clock.advance(61 * MINUTE)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    assert browser.cookie(SESSION) != first


async def test_form_post_arrives_as_query_does(world, browser, state):
    one = await world(state=state, provider={"response_mode": "form_post"})
    page = await browser.sign_in(one.url("/main.aspx"), "alice")
    assert (page.status, str(page.url)) == (200, one.url("/main.aspx"))
