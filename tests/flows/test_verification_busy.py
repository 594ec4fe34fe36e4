"""Whole journeys while no more tokens can be verified: 503 with Retry-After wherever one is, and then as before."""

import pytest

from proxy.errors import VerificationBusy
from proxy.signin.verification import Verification
from support.logout import is_in, logout_token

JSON = {"Accept": "application/json"}


@pytest.fixture
def busy(monkeypatch):
    """Says from when on tokens cannot be verified, and until when."""

    async def refuse(*_) -> None:
        raise VerificationBusy("too many tokens wait to be verified")

    def switch(*, on: bool) -> None:
        if not on:
            monkeypatch.undo()
            return
        monkeypatch.setattr(Verification, "run", refuse)
        monkeypatch.setattr(Verification, "jwt", refuse)

    return switch


def tells_when_to_come_again(answer) -> bool:
    last = getattr(answer, "last", answer)
    return (answer.status, last.headers.get("Retry-After")) == (503, "5")


@pytest.mark.parametrize("federated", [False, True], ids=["OpenID Connect", "WS-Federation"])
async def test_sign_in_is_to_be_tried_again(world, browser, busy, federated):
    one = await world(federated=federated)
    # Whoever signed in before has had the metadata fetched and verified.
    assert (await browser.sign_in(one.url("/main.aspx"), "alice")).status == 200
    browser.forget("claims-session")
    busy(on=True)
    page = await browser.open(one.url("/main.aspx"))
    assert tells_when_to_come_again(page)
    assert "One moment" in page.text
    busy(on=False)
    assert (await browser.open(one.url("/main.aspx"))).status == 200


async def test_sign_in_before_the_metadata_are_verified_is_to_be_tried_again(world, browser, busy):
    one = await world(federated=True)
    busy(on=True)
    assert tells_when_to_come_again(await browser.open(one.url("/main.aspx")))
    busy(on=False)
    assert (await browser.sign_in(one.url("/main.aspx"), "alice")).status == 200


async def test_bearer_request_is_to_be_tried_again(world, browser, busy):
    one = await world()
    headers = {**JSON, "Authorization": "Bearer a.b.c"}
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"), headers=headers)).status == 401
    busy(on=True)
    assert tells_when_to_come_again(await browser.fetch(one.url("/api/data/v9.2/WhoAmI"), headers=headers))


async def test_logout_token_is_to_be_sent_again(world, browser, busy):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"))
    token = {"logout_token": logout_token(one.adfs)}
    busy(on=True)
    answer = await browser.fetch(one.url("/.claims/backchannel-logout"), "POST", data=token, cookies=False)
    assert tells_when_to_come_again(answer)
    assert await is_in(one, browser)
    busy(on=False)
    assert (
        await browser.fetch(one.url("/.claims/backchannel-logout"), "POST", data=token, cookies=False)
    ).status == 200
    assert not await is_in(one, browser)


async def test_own_metadata_are_to_be_asked_for_again_and_signed_once(world, browser, busy):
    one = await world(federated=True, encrypted=True)
    url = one.url("/.claims/federation-metadata.xml")
    busy(on=True)
    assert tells_when_to_come_again(await browser.fetch(url))
    busy(on=False)
    first = await browser.fetch(url)
    assert first.status == 200
    busy(on=True)
    assert (await browser.fetch(url)).text == first.text
