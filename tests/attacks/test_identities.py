"""Attacks by being called like somebody else: another provider's group, a display name, an address nobody verified."""

from dataclasses import replace

import pytest

from admin.conftest import ADMINISTRATORS, Desk, live
from proxy.demo.adfs import AdfsDouble
from proxy.demo.adfs_model import Client
from proxy.model.principal import Principal
from proxy.model.session import ClientKind, Live
from proxy.model.settings import TimeRules
from proxy.sessions.service import NewSession
from support.browser import Browser
from support.ports import free_port
from support.world import CLIENT_ID, CLIENT_SECRET, served

PARTNERS = "partners"


@pytest.fixture
async def partners(world, clock):
    """`await partners(port, **keys)`: a world with a second organization, on localhost, with a provider of its own.

    The partners' provider has accounts and groups of the same names as the proxy's own.
    """
    stack = []

    async def make(**keys):
        port = free_port()
        issuer = f"http://127.0.0.1:{port}/adfs"
        own = {
            "name": PARTNERS,
            "protocol": "oidc",
            "issuer": issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scopes": ["openid", "allatclaims"],
        }
        fabrikam = {"name": "fabrikam", "hosts": ["localhost"], "identity_provider": own, **keys.pop("fabrikam", {})}
        made = await world(**{**live(administration=None), **keys, "more_organizations": [fabrikam]})
        redirect = f"http://localhost:{made.port}/.claims/callback"
        client = Client(client_id=CLIENT_ID, secret=CLIENT_SECRET, redirect_uris=(redirect,))
        serving = served(AdfsDouble(issuer, [client], clock).application(), port)
        await serving.__aenter__()
        stack.append(serving)
        return made, f"http://localhost:{made.port}"

    yield make
    for serving in stack:
        await serving.__aexit__(None, None, None)


@pytest.fixture
async def desk(world, browser) -> Desk:
    """The proxy's own administrator, signed in."""
    one = await world(**live())
    await browser.sign_in(one.admin_url("/"), "admin")
    made = Desk(one, browser)
    made.token = (await made.ask("me")).json()["token"]
    return made


async def test_group_of_another_provider_makes_no_administrator(partners, browser, other_browser):
    one, theirs = await partners()
    page = await browser.sign_in(f"{theirs}/main.aspx", "admin")
    assert page.status == 200
    refused = await browser.fetch(f"{theirs}/.claims/admin/api/sessions")
    assert (refused.status, refused.json()["error"]) == (403, "no_access")
    await other_browser.sign_in(one.url("/main.aspx"), "admin")
    listed = await other_browser.fetch(one.url("/.claims/admin/api/sessions"))
    assert (listed.status, {row["organization"] for row in listed.json()["sessions"]}) == (200, {"contoso", "fabrikam"})
    assert {row["provider"] for row in listed.json()["sessions"]} == {"default", PARTNERS}


async def test_rule_that_names_another_provider_admits_its_administrators_only(partners, browser, other_browser):
    rule = {**ADMINISTRATORS[0], "provider": PARTNERS}
    one, theirs = await partners(administrators=[rule])
    await browser.sign_in(f"{theirs}/main.aspx", "admin")
    assert (await browser.fetch(f"{theirs}/.claims/admin/api/sessions")).status == 200
    await other_browser.sign_in(one.url("/main.aspx"), "admin")
    assert (await other_browser.fetch(one.url("/.claims/admin/api/sessions"))).status == 403


async def test_organization_s_rule_is_about_its_own_provider(partners, browser, other_browser):
    require = {"require": [{"claim": "group", "values": ["Sales"]}]}
    one, theirs = await partners(fabrikam=require, organization={**live()["organization"], **require})
    assert (await browser.sign_in(f"{theirs}/main.aspx", "alice")).status == 200
    assert (await other_browser.sign_in(one.url("/main.aspx"), "alice")).status == 200
    async with Browser() as third:
        assert (await third.sign_in(f"{theirs}/main.aspx", "admin")).status == 403


def session_of(now: float, principal: Principal) -> NewSession:
    return NewSession("contoso", principal, now, now + 3600, now, True, None, 60.0, ClientKind.BROWSER, TimeRules())


ALICE = Principal("default|upn|alice@contoso.com", "Alice Ng", "alice@contoso.com", provider="default", subject="a")
EVE = Principal("default|sub|eve", "Alice Ng", provider="default", subject="eve")


@pytest.mark.parametrize(
    "other",
    [
        EVE,
        replace(EVE, name="alice@contoso.com"),
        replace(ALICE, key="default|upn|x", upn="\u212alice@contoso.com", name="alice@contoso.com"),
        replace(EVE, key="partners|sub|a", subject="a", provider=PARTNERS),
    ],
)
@pytest.mark.parametrize("revoked", ["alice", "other"])
async def test_revoking_a_user_ends_no_namesake_s_sessions(desk: Desk, clock, other, revoked):
    sessions = desk.world.proxy._lasting.sessions
    whose = {"alice": ALICE, "other": other}
    made = {name: [await sessions.create(session_of(clock(), who)) for _ in range(2)] for name, who in whose.items()}
    reference = made[revoked][0].session.reference
    body = {"session": f"{reference.tag}:{reference.id_hash}"}
    assert (await desk.post("users/revoke", body)).json() == {"ended": 2}
    for name, several in made.items():
        for each in several:
            found = await sessions.load(each.cookie, "contoso", past_cache=True)
            assert isinstance(found, Live) is (name != revoked), name


async def test_revoking_a_upn_ends_its_sessions_at_every_provider(desk: Desk, clock):
    sessions = desk.world.proxy._lasting.sessions
    theirs = replace(ALICE, key="partners|upn|alice@contoso.com", upn="ALICE@contoso.com", provider=PARTNERS)
    made = [await sessions.create(session_of(clock(), who)) for who in (ALICE, theirs)]
    reference = made[0].session.reference
    assert (await desk.post("users/revoke", {"session": f"{reference.tag}:{reference.id_hash}"})).json() == {"ended": 2}


async def test_lists_audit_and_pages_show_a_display_name_only_beside_the_user(desk: Desk, clock):
    await desk.world.proxy._lasting.sessions.create(session_of(clock(), replace(EVE, name="admin@contoso.com")))
    rows = (await desk.ask("sessions")).json()["sessions"]
    assert {(row["user"], row["name"]) for row in rows} == {
        ("admin@contoso.com", "Carla Reyes"),
        ("eve", "admin@contoso.com"),
    }
    me = (await desk.ask("me")).json()
    assert (me["user"], me["name"]) == ("admin@contoso.com", "Carla Reyes")
    page = await desk.browser.fetch(desk.world.admin_url("/.claims/admin/sessions"))
    assert "<strong>admin@contoso.com</strong>" in page.text
