"""Whole journeys by WS-Federation, against the AD FS double, through a real listener and a real store."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from proxy.demo.adfs_model import Method
from support.forms import read_forms
from support.world import custom

SESSION = "claims-session"
MINUTE = 60.0


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def encrypted(request) -> bool:
    return request.param


@pytest.fixture
async def one(world, encrypted, redis_url):
    return await world(federated=True, encrypted=encrypted, state=redis_url, **custom(session=60))


def asked_for_credentials(page) -> bool:
    return page.form_with("Password") is not None


async def test_a_person_signs_in_and_is_where_they_wanted_to_go(one, browser):
    page = await browser.sign_in(one.url("/main.aspx?etn=account"), "alice")
    assert (page.status, str(page.url)) == (200, one.url("/main.aspx?etn=account"))
    answer = await browser.fetch(one.url("/headers"), headers={"Accept": "application/json"})
    reached = {name.lower(): value for name, value in answer.json()["headers"]}
    assert reached["x-forwarded-user"] == "alice@contoso.com"
    assert reached["x-forwarded-groups"] == "Sales"


async def test_the_question_is_what_ad_fs_wants(one, browser):
    page = await browser.open(one.url("/main.aspx"))
    (asked,) = [hop for hop in page.hops if hop.url.path == "/adfs/ls/"]
    query = parse_qs(urlsplit(str(asked.url)).query)
    assert query["wa"] == ["wsignin1.0"]
    assert query["wtrealm"] == [one.url("/")]
    assert query["wct"][0].endswith("Z")
    assert "wfresh" not in query


async def test_the_same_person_is_the_same_whichever_protocol_they_came_by(world, browser, other_browser, redis_url):
    federated = await world(federated=True, state=redis_url)
    openid = await world(state=redis_url)
    tags = []
    for each, visitor in ((federated, browser), (openid, other_browser)):
        await visitor.sign_in(each.url("/main.aspx"), "alice")
        tags.append((await visitor.fetch(each.url("/.claims/session"))).json()["principal"])
    assert tags[0] == tags[1]


async def test_at_the_session_timeout_credentials_are_asked_for_by_wfresh_and_wauth(one, browser, clock):
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(61 * MINUTE)
    page = await browser.open(one.url("/main.aspx"))
    assert asked_for_credentials(page)
    query = parse_qs(urlsplit(str(page.url)).query)
    assert (query["wfresh"], query["wauth"]) == (["0"], ["urn:oasis:names:tc:SAML:1.0:am:password"])
    assert (await browser.complete_sign_in(page, "alice")).status == 200


async def test_windows_authentication_is_no_typing_of_credentials(one, browser, clock):
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(61 * MINUTE)
    page = await browser.open(one.url("/main.aspx"))
    one.adfs.state.method = Method.WINDOWS
    refused = await browser.complete_sign_in(page, "alice")
    assert refused.status == 403
    one.adfs.state.method = Method.FORMS
    page = await browser.open(one.url("/main.aspx"))
    assert (await browser.complete_sign_in(page, "alice")).status == 200


async def test_the_token_s_lifetime_counts_without_custom_limits_and_nobody_types_again(world, browser, clock):
    one = await world(federated=True)
    await browser.sign_in(one.url("/main.aspx"), "alice")
    clock.advance(61 * MINUTE)
    refused = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))
    assert (refused.status, refused.json()["error"]) == (401, "token_lifetime")
    page = await browser.open(one.url("/main.aspx"))
    assert (page.status, str(page.url)) == (200, one.url("/main.aspx"))


async def test_signing_out_ends_the_session_and_the_provider_s(one, browser):
    await browser.sign_in(one.url("/main.aspx"), "alice")
    cookie = browser.cookie(SESSION)
    await browser.open(one.url("/.claims/sign-out"))
    page = await browser.submit()
    assert page.url.path == "/adfs/ls/"
    stolen = {"Cookie": f"{SESSION}={cookie}"}
    refused = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"), headers=stolen, cookies=False)
    assert (refused.status, refused.json()["error"]) == (401, "signed_out")
    assert asked_for_credentials(await browser.open(one.url("/main.aspx")))


async def test_signing_out_at_the_provider_ends_the_session_here(one, browser):
    """By the frame that AD FS shows of us: the request names nobody, the cleanup cookie does."""
    await browser.sign_in(one.url("/main.aspx"), "alice")
    assert browser.cookie("claims-cleanup")
    answer = await browser.fetch(one.url("/.claims/wsfed?wa=wsignoutcleanup1.0"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/gif")
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).json()["error"] == "signed_out"


async def test_a_clean_up_without_the_cookie_ends_nothing_and_is_answered_likewise(one, browser):
    await browser.sign_in(one.url("/main.aspx"), "alice")
    browser.forget("claims-cleanup")
    assert (await browser.fetch(one.url("/.claims/wsfed?wa=wsignoutcleanup1.0"))).status == 200
    assert (await browser.fetch(one.url("/api/data/v9.2/WhoAmI"))).status == 200


async def captured(one, browser):
    """The form in which the provider answers, held back: `await browser.submit(form)` would send it."""
    page = await browser.open(one.url("/main.aspx"))
    form = page.form_with("Password")
    answer = await browser.fetch(
        form.action, method="POST", data=form.fields | {"UserName": "alice", "Password": "any will do"}
    )
    return read_forms(answer.text)[0][0]


async def test_an_answer_is_for_the_browser_it_was_made_for(one, browser, other_browser):
    form = await captured(one, browser)
    stolen = await other_browser.submit(form)
    assert stolen.status == 403
    assert "browser" in stolen.text
    assert other_browser.cookie(SESSION) is None
    taken = await browser.submit(form)
    assert (taken.status, str(taken.url)) == (200, one.url("/main.aspx"))


async def test_an_answer_is_taken_once(one, browser):
    form = await captured(one, browser)
    assert (await browser.submit(form)).status == 200
    # The back button: whoever is signed in goes on.
    again = await browser.submit(form)
    assert (again.status, str(again.url)) == (200, one.url("/main.aspx"))
    browser.forget(SESSION)
    replayed = await browser.submit(form)
    assert replayed.status == 403
    assert browser.cookie(SESSION) is None


async def test_a_token_is_taken_once_even_within_another_sign_in(one, browser, other_browser):
    """A token that was seen by somebody, put into a sign-in of their own."""
    seen = await captured(one, browser)
    own = await captured(one, other_browser)
    assert (await browser.submit(seen)).status == 200
    mixed = replace(own, fields=own.fields | {"wresult": seen.fields["wresult"]})
    assert (await other_browser.submit(mixed)).status == 403
    assert other_browser.cookie(SESSION) is None
    # Its own answer, by the provider's single sign-on.
    assert (await other_browser.open(one.url("/main.aspx"))).status == 200


@pytest.mark.parametrize("name", ["wresult", "wctx"])
async def test_an_answer_with_two_of_a_kind_is_refused(one, browser, name):
    form = await captured(one, browser)
    twice = [(name, form.fields[name]), *form.fields.items()]
    refused = await browser.fetch(form.action, method="POST", data=twice)
    assert refused.status == 400
    assert (await browser.submit(form)).status == 200


async def test_no_token_reaches_the_log(one, browser, capfd):
    form = await captured(one, browser)
    assert (await browser.submit(form)).status == 200
    out, err = capfd.readouterr()
    for secret in (form.fields["wresult"][:60], form.fields["wctx"], "RequestSecurityTokenResponse"):
        assert secret not in out + err


async def test_where_the_store_is_away_a_token_is_refused_and_works_when_it_is_back(world, browser, own_redis):
    one = await world(federated=True, state=own_redis.url)
    form = await captured(one, browser)
    own_redis.stop()
    refused = await browser.submit(form)
    assert refused.status == 503
    own_redis.start()
    page = await browser.open(one.url("/main.aspx"))
    assert page.status in (200, 302, 503)
