"""What WS-Federation has at an application's own root: ours is taken, the application's passes on as it came."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from aiohttp import web
from lxml import etree

from proxy.tokens.federation_metadata import FED, MD, WSA
from proxy.tokens.xml import parse
from proxy.tokens.xml_signature import DSIG, PinnedCertificate, verify_signature
from support.forms import read_forms
from support.world import free_port, served

SESSION = "claims-session"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CRM_S_OWN = urlencode({"wa": "wsignin1.0", "wresult": "<t:RequestSecurityTokenResponse/>", "wctx": "rm=0&id=passive"})
METADATA = "/FederationMetadata/2007-06/FederationMetadata.xml"


async def echo(request: web.Request) -> web.Response:
    told = {"target": request.path_qs, "body": await request.text(), "user": request.headers.get("X-Forwarded-User")}
    return web.json_response(told)


@pytest.fixture
async def site(world):
    """`await site(…keys of the organization)`: people sign in by WS-Federation; the trust's endpoint is the root."""
    upstream, port = web.Application(), free_port()
    upstream.router.add_route("*", "/{path:.*}", echo)
    async with served(upstream, port):

        async def start(*, federated: bool = True, **organization):
            keys = {"name": "contoso", "hosts": ["127.0.0.1"], "upstream": f"http://127.0.0.1:{port}", **organization}
            one = await world(federated=federated, encrypted=federated, organizations=[keys])
            (trust,) = one.adfs.state.trusts
            one.adfs.state.trusts = (replace(trust, endpoints=(one.url("/"),)),)
            return one

        yield start


async def held_back(one, browser):
    """The provider's answer, in its form, not sent."""
    page = await browser.open(one.url("/main.aspx"))
    form = page.form_with("Password")
    answer = await browser.fetch(form.action, method="POST", data=form.fields | {"UserName": "alice", "Password": "x"})
    return read_forms(answer.text)[0][0]


async def test_an_answer_to_a_sign_in_of_ours_is_taken_there(site, browser):
    one = await site()
    form = await held_back(one, browser)
    assert form.action == one.url("/")
    page = await browser.submit(form)
    assert (page.status, page.json()["target"]) == (200, "/main.aspx")
    assert browser.cookie(SESSION)


async def test_the_application_s_own_answer_passes_byte_for_byte_without_a_session(site, browser):
    one = await site(upstream_sign_in="ws-federation")
    answer = await browser.fetch(one.url("/"), method="POST", headers=FORM, data=CRM_S_OWN.encode())
    assert (answer.status, answer.json()) == (200, {"target": "/", "body": CRM_S_OWN, "user": None})


async def test_unless_it_says_so_nothing_passes_without_a_session(site, browser):
    one = await site()
    refused = await browser.fetch(one.url("/"), method="POST", headers=FORM, data=CRM_S_OWN.encode())
    assert (refused.status, refused.json()["error"]) == (401, "no_session")


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/", FORM, "a=1&b=2"),
        ("/other", FORM, CRM_S_OWN),
        ("/", {"Content-Type": "text/plain"}, CRM_S_OWN),
        ("/", FORM, ""),
    ],
)
async def test_nothing_but_an_answer_at_the_root_passes_without_a_session(site, browser, path, headers, body):
    one = await site(upstream_sign_in="ws-federation")
    refused = await browser.fetch(one.url(path), method="POST", headers=headers, data=body.encode())
    assert (refused.status, refused.json()["error"]) == (401, "no_session")


@pytest.mark.parametrize("body", ["a=1&b=%20&c=\N{GREEK SMALL LETTER ALPHA}", CRM_S_OWN, "x" * 100_000])
async def test_whoever_is_signed_in_posts_there_what_they_like(site, browser, body):
    one = await site(upstream_sign_in="ws-federation")
    assert (await browser.submit(await held_back(one, browser))).status == 200
    answer = await browser.fetch(one.url("/"), method="POST", headers=FORM, data=body.encode())
    assert answer.json() == {"target": "/", "body": body, "user": "alice@contoso.com"}


async def test_with_openid_connect_the_application_s_own_sign_in_passes_too(site, browser):
    one = await site(federated=False, upstream_sign_in="ws-federation")
    answer = await browser.fetch(one.url("/"), method="POST", headers=FORM, data=CRM_S_OWN.encode())
    assert answer.json()["body"] == CRM_S_OWN


async def test_the_provider_s_clean_up_at_the_root_ends_ours_and_is_answered(site, browser):
    one = await site()
    await browser.submit(await held_back(one, browser))
    answer = await browser.fetch(one.url("/?wa=wsignoutcleanup1.0"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/gif")
    assert (await browser.fetch(one.url("/x"))).json()["error"] == "signed_out"


async def test_where_the_application_has_one_of_its_own_it_is_told_as_well(site, browser):
    one = await site(upstream_sign_in="ws-federation")
    await browser.submit(await held_back(one, browser))
    answer = await browser.fetch(one.url("/?wa=wsignoutcleanup1.0"))
    assert answer.json()["target"] == "/?wa=wsignoutcleanup1.0"
    assert (await browser.fetch(one.url("/x"))).json()["error"] == "signed_out"


async def test_a_clean_up_elsewhere_is_the_application_s(site, browser):
    one = await site()
    await browser.submit(await held_back(one, browser))
    assert (await browser.fetch(one.url("/x?wa=wsignoutcleanup1.0"))).json()["target"] == "/x?wa=wsignoutcleanup1.0"
    assert (await browser.fetch(one.url("/x"))).status == 200


def understood(body: str) -> etree._Element:
    return parse(body.encode())


async def test_our_metadata_say_who_we_are_and_are_signed(site, browser):
    one = await site()
    answer = await browser.fetch(one.url("/.claims/federation-metadata.xml"))
    assert answer.status == 200
    root = understood(answer.text)
    assert root.get("entityID") == one.url("/")
    role = root.find(f"{MD}RoleDescriptor")
    addresses = [each.text for each in role.iter(f"{WSA}Address")]
    assert one.url("/.claims/wsfed") in addresses
    assert role.find(f"{MD}KeyDescriptor").get("use") == "encryption"
    asked = [each.get("Uri") for each in role.find(f"{FED}ClaimTypesRequested")]
    assert "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" in asked
    assert root.find(f".//{DSIG}X509Certificate") is not None
    verify_signature(root, "ID", [PinnedCertificate(one.decryption.certificate)])


async def test_they_stand_where_ad_fs_looks_only_if_they_are_to(site, browser, other_browser):
    one = await site(publish_metadata=True)
    answer = await browser.fetch(one.url(METADATA))
    assert understood(answer.text).get("entityID") == one.url("/")
    other = await site(anonymous=["/FederationMetadata"])
    assert (await other_browser.fetch(other.url(METADATA))).json()["target"] == METADATA


async def test_who_signs_in_by_openid_connect_has_none(site, browser):
    one = await site(federated=False)
    assert (await browser.fetch(one.url("/.claims/federation-metadata.xml"))).status == 404
