"""Key rollovers by the buttons of the demonstration's AD FS, one after another, while strangers send junk."""

import pytest

from support import tokens


@pytest.fixture(params=["oidc", "ws-federation"])
async def one(request, world):
    return await world(federated=request.param == "ws-federation")


async def roll_over(one, browser) -> None:
    """The emergency: the next certificate signs at once."""
    before = one.adfs.state.keys.signing
    await browser.fetch(f"{one.adfs.state.issuer.url}/demo/rollover", "POST", data={"step": "promote"})
    assert one.adfs.state.keys.signing is not before


async def send_junk(one, browser) -> None:
    junk = tokens.sign({"alg": "RS256", "kid": "junk", "typ": "JWT"}, tokens.ACCESS_CLAIMS, tokens.rsa_key())
    await browser.fetch(one.url("/api/data/v9.2/WhoAmI"), headers={"Authorization": f"Bearer {junk}"}, cookies=False)
    form = {"logout_token": junk}
    await browser.fetch(one.url("/.claims/backchannel-logout"), "POST", data=form, cookies=False)


async def test_sign_ins_go_on_through_three_rollovers_in_five_minutes(one, browser, other_browser, clock):
    await browser.sign_in(one.url("/main.aspx"))
    for _ in range(3):
        await roll_over(one, browser)
        await send_junk(one, other_browser)
        browser.forget("claims-session")
        clock.advance(25)
        page = await browser.sign_in(one.url("/main.aspx"))
        assert page.status == 200


async def test_an_issued_token_with_an_unpublished_key_is_answered_with_try_again(world, browser, clock, monkeypatch):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"))
    browser.forget("claims-session")
    clock.advance(25)
    published, ring = one.adfs.state.keys.published, one.adfs.state.keys
    await ring.promote(clock())
    with monkeypatch.context() as behind:
        behind.setattr(type(ring), "published", property(lambda _: published))
        page = await browser.open(one.url("/main.aspx"))
    assert (page.status, page.headers["Retry-After"]) == (503, "5")
    clock.advance(25)
    assert (await browser.sign_in(one.url("/main.aspx"))).status == 200
