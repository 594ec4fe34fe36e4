"""Front-channel logout: a frame in the provider's page ends what `iss` and `sid` name, with no cookie of anybody's."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from support import tokens
from support.logout import is_in, one, sids_of
from support.world import CLIENT_ID

__all__ = ["one"]

PATH = "/.claims/frontchannel-logout"
IN_A_FRAME = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}


async def framed(one, browser, query, *, path=PATH, cookies=False, method="GET", headers=()):
    """The frame's request; `query` is a mapping, or written out."""
    written = query if isinstance(query, str) else urlencode(query)
    url = one.url(f"{path}?{written}")
    return await browser.fetch(url, method, cookies=cookies, headers={**IN_A_FRAME, **dict(headers)})


def named(one, **changes):
    (sid,) = sids_of(one.adfs)
    return {"iss": one.adfs.state.issuer.url, "sid": sid} | changes


async def test_iss_and_sid_end_the_session_without_any_cookie(one, browser):
    page = await framed(one, browser, named(one))
    assert (page.status, page.headers["Cache-Control"]) == (200, "no-store")
    assert not page.last.set_cookies
    refused = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    assert (refused.status, refused.json()["error"]) == (401, "signed_out")


async def test_the_provider_alone_may_frame_it(one, browser):
    page = await framed(one, browser, named(one))
    provider = one.adfs.state.issuer.url.removesuffix("/adfs")
    assert page.headers["Content-Security-Policy"] == f"default-src 'none'; frame-ancestors {provider}"
    assert "X-Frame-Options" not in page.headers


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example/adfs"},
        {"iss": ""},
        {"sid": "another"},
        {"sid": ""},
    ],
)
async def test_the_sid_of_another_provider_does_nothing_and_is_answered_likewise(one, browser, changes):
    answers = [await framed(one, browser, named(one, **changes), cookies=True)]
    assert await is_in(one, browser)
    answers.append(await framed(one, browser, named(one)))
    assert not await is_in(one, browser)
    shown = [(page.status, page.text, page.headers["Content-Security-Policy"]) for page in answers]
    assert shown[0] == shown[1]


async def test_a_provider_that_names_itself_not_is_the_organization_s(one, browser):
    (sid,) = sids_of(one.adfs)
    assert (await framed(one, browser, {"sid": sid})).status == 200
    assert not await is_in(one, browser)


@pytest.mark.parametrize("twice", ["iss", "sid"])
async def test_two_of_a_kind_are_refused(one, browser, twice):
    query = [*named(one).items(), (twice, named(one)[twice])]
    refused = await framed(one, browser, urlencode(query))
    assert (refused.status, refused.headers["Cache-Control"]) == (400, "no-store")
    assert await is_in(one, browser)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
async def test_nothing_but_a_get_ends_anything(one, browser, method):
    refused = await framed(one, browser, named(one), method=method)
    assert (refused.status, refused.headers["Allow"]) == (405, "GET")
    assert await is_in(one, browser)


async def test_one_browser_s_sid_leaves_the_other_s_session(one, browser, other_browser):
    await other_browser.sign_in(one.url("/main.aspx"))
    _, there = sids_of(one.adfs)
    await framed(one, browser, {"iss": one.adfs.state.issuer.url, "sid": there})
    assert (await is_in(one, browser), await is_in(one, other_browser)) == (True, False)


async def test_without_a_sid_the_cleanup_cookie_names_the_session(one, browser, other_browser):
    await other_browser.sign_in(one.url("/main.aspx"))
    iss = {"iss": one.adfs.state.issuer.url}
    assert (await framed(one, browser, iss, cookies=False)).status == 200
    assert await is_in(one, browser)
    assert (await framed(one, browser, {"iss": "https://evil.example"}, cookies=True)).status == 200
    assert await is_in(one, browser)
    page = await framed(one, browser, iss, cookies=True)
    assert page.status == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; frame-ancestors http://127.0.0.1:")
    assert [cookie.partition("=")[0] for cookie in page.last.set_cookies] == ["claims-cleanup"]
    assert (await is_in(one, browser), await is_in(one, other_browser)) == (False, True)


@pytest.mark.parametrize("destination", ["image", "script", "document", "empty"])
async def test_without_a_sid_only_a_frame_ends_anything(one, browser, destination):
    await framed(one, browser, {}, cookies=True, headers={"Sec-Fetch-Dest": destination})
    assert await is_in(one, browser)
    await framed(one, browser, {}, cookies=True)
    assert not await is_in(one, browser)


def by_path():
    return [
        {"name": name, "path": f"/{name}", "hosts": ["127.0.0.1"], "upstream": "http://127.0.0.1:9"}
        for name in ("contoso", "fabrikam")
    ]


@pytest.mark.parametrize("path", [PATH, "/contoso" + PATH])
@pytest.mark.parametrize("with_sid", [True, False])
async def test_every_organization_of_the_provider_that_knows_the_sid_is_ended(world, browser, path, with_sid):
    one = await world(organizations=by_path())
    for name in ("contoso", "fabrikam"):
        await browser.sign_in(one.url(f"/{name}/main.aspx"))
        assert (await browser.fetch(one.url(f"/{name}/.claims/session"))).status == 200
    page = await framed(one, browser, named(one) if with_sid else {}, path=path, cookies=not with_sid)
    assert page.status == 200
    left = [(await browser.fetch(one.url(f"/{name}/.claims/session"))).status for name in ("contoso", "fabrikam")]
    # A cookie belongs to one organization, and below its mount to no other.
    assert left == ([401, 401] if with_sid or path == PATH else [401, 200])


async def test_an_organization_with_another_provider_keeps_its_session(world, browser):
    contoso, fabrikam = by_path()
    one = await world(organizations=[contoso, fabrikam | {"identity_provider": own_provider()}])
    await browser.sign_in(one.url("/contoso/main.aspx"))
    (sid,) = sids_of(one.adfs)
    for path, status in (("/fabrikam" + PATH, 200), (PATH, 401)):
        await framed(one, browser, named(one, sid=sid), path=path)
        assert (await browser.fetch(one.url("/contoso/.claims/session"))).status == status


def own_provider():
    return {
        "name": "second",
        "protocol": "oidc",
        "issuer": "https://login.fabrikam.com",
        "client_id": "another",
        "client_secret": "a-client-secret-of-fabrikam",
    }


async def test_a_callback_under_way_brings_nothing_back(one, browser, other_browser, clock):
    """The code was given before the sign-out, and is redeemed after it."""
    await other_browser.open(one.url("/main.aspx"))
    form = other_browser.page.form_with("UserName")
    answer = await other_browser.fetch(
        form.action, "POST", data=form.fields | {"UserName": "alice@contoso.com", "Password": "any will do"}
    )
    _, sid = sids_of(one.adfs)
    await framed(one, browser, {"iss": one.adfs.state.issuer.url, "sid": sid})
    clock.advance(1)
    page = await other_browser.open(answer.last.location)
    assert page.form_with("Password") is not None, "credentials are asked for"
    assert not await is_in(one, other_browser)
    assert await is_in(one, browser)
    clock.advance(1)
    assert (await other_browser.complete_sign_in(page)).status == 200
    assert await is_in(one, other_browser)


async def test_a_callback_under_way_brings_nothing_back_where_a_cookie_named_the_session(
    one, browser, other_browser, clock
):
    await other_browser.open(one.url("/main.aspx"))
    form = other_browser.page.form_with("UserName")
    typed = form.fields | {"UserName": "alice@contoso.com", "Password": "any will do"}
    answer = await other_browser.fetch(form.action, "POST", data=typed)
    clock.advance(1)
    await framed(one, browser, {}, cookies=True)
    clock.advance(1)
    page = await other_browser.open(answer.last.location)
    assert page.form_with("Password") is not None, "credentials are asked for"
    assert not await is_in(one, other_browser)
    clock.advance(1)
    assert (await other_browser.complete_sign_in(page)).status == 200
    await browser.sign_in(one.url("/main.aspx"))
    assert (await is_in(one, browser), await is_in(one, other_browser)) == (True, True)


@pytest.mark.parametrize(
    "sid",
    [
        tokens.SID,
        tokens.SID.lower(),
        f"  {tokens.SID}",
        f"{{{tokens.SID}}}",
        "\u200bS-1-5-21-1",
        '"S-1-5-18"',
        "s-1-0x5",
    ],
)
async def test_a_windows_sid_ends_only_what_this_browser_s_cookie_names(one, browser, other_browser, sid):
    """Everybody in the domain can look it up, so it names nobody's session."""
    await other_browser.sign_in(one.url("/main.aspx"))
    query = named_by(one, sid)
    page = await framed(one, browser, query, cookies=False)
    assert (page.status, page.last.set_cookies) == (200, [])
    assert (await is_in(one, browser), await is_in(one, other_browser)) == (True, True)
    assert (await framed(one, browser, query, cookies=True)).status == 200
    assert (await is_in(one, browser), await is_in(one, other_browser)) == (False, True)


async def test_a_windows_sid_claim_is_not_a_session_id(one, browser, other_browser, monkeypatch):
    """AD FS issues a claim named `sid` with the user's SID where an administrator's rule says so."""
    for login in one.adfs.state.logins.values():
        monkeypatch.setattr(login, "provider_session", tokens.SID)
    browser.forget("claims-session")
    one.clock.advance(30)
    await browser.sign_in(one.url("/main.aspx"))
    for sid in (tokens.SID, tokens.SID.lower()):
        await framed(one, other_browser, named_by(one, sid))
        assert await is_in(one, browser)
    await framed(one, browser, named_by(one, tokens.SID), cookies=True)
    assert not await is_in(one, browser)


def named_by(one, sid):
    return {"iss": one.adfs.state.issuer.url, "sid": sid}


async def test_strangers_names_push_out_no_sign_out_that_happened(one, browser, other_browser, monkeypatch):
    for bound in ("SIGN_OUTS_KEPT", "UNKNOWN_SIGN_OUTS_KEPT"):
        monkeypatch.setattr(f"proxy.store.memory.{bound}", 5)
    store = one.proxy._lasting.sessions._store
    known = dict(store._sign_outs)
    (sid,) = sids_of(one.adfs)
    assert (await framed(one, browser, named_by(one, sid))).status == 200
    assert not await is_in(one, browser)
    for number in range(40):
        assert (await framed(one, other_browser, named_by(one, f"made-up-{number}"))).status == 200
    assert len(store._sign_outs) == len(known) + 1
    assert len(store._unknown_sign_outs) == 5


async def test_an_address_has_sixteen_unknown_names_remembered(one, other_browser):
    store = one.proxy._lasting.sessions._store
    for number in range(40):
        await framed(one, other_browser, named_by(one, f"made-up-{number}"))
    assert len(store._unknown_sign_outs) == 16
    assert not store._sign_outs
    (sid,) = sids_of(one.adfs)
    await framed(one, other_browser, named_by(one, sid))
    assert len(store._sign_outs) == 1, "a session that exists is ended from any address"


async def test_where_the_store_is_away_the_frame_says_so(world, browser, own_redis):
    one = await world(state=own_redis.url)
    await browser.sign_in(one.url("/main.aspx"))
    own_redis.stop()
    assert (await framed(one, browser, named(one))).status == 503


async def test_signing_out_elsewhere_at_the_provider_ends_the_session_here(one, browser):
    """The whole way: AD FS shows a frame of the client's LogoutUri."""
    client = one.adfs.state.clients[CLIENT_ID]
    one.adfs.state.clients[CLIENT_ID] = replace(client, logout_uri=one.url(PATH))
    page = await browser.open(f"{one.adfs.state.issuer.url}/oauth2/logout")
    assert "<iframe" in page.text
    source = page.text.partition('<iframe src="')[2].partition('"')[0].replace("&amp;", "&")
    assert source.startswith(one.url(PATH))
    assert await is_in(one, browser)
    assert (await browser.fetch(source, cookies=False, headers=IN_A_FRAME)).status == 200
    assert not await is_in(one, browser)


async def test_where_no_openid_provider_is_there_is_no_such_endpoint(world, browser):
    one = await world(federated=True)
    assert (await framed(one, browser, {"sid": "x"})).status == 404
