"""One host takes the provider's answers for all organizations (IFD's `auth.`), and the browser carries them on."""

from dataclasses import replace

import pytest

from proxy.demo.adfs_model import Trust
from support.authority import Authority
from support.browser import Browser
from support.forms import read_forms
from support.logout import logout_token, sids_of
from support.ports import free_port
from support.world import CLIENT_ID

SESSION = "__Host-claims-session"
HOSTS = ("contoso.localhost", "fabrikam.localhost", "auth.localhost")


class Farm:
    """Two organizations on hosts of their own; `url("contoso", path)`."""

    def __init__(self, one, port: int) -> None:
        self.one = one
        self.port = port

    def url(self, name: str, path: str) -> str:
        return f"https://{name}.localhost:{self.port}{path}"


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def visitor(authority):
    async with Browser(tls=authority.trust) as one:
        yield one


@pytest.fixture
async def stranger(authority):
    async with Browser(tls=authority.trust) as one:
        yield one


@pytest.fixture(params=["oidc", "ws-federation"])
async def farm(request, world, authority, monkeypatch):
    federated = request.param == "ws-federation"
    port = free_port()
    auth = f"auth.localhost:{port}"
    organizations = [
        {"name": name, "hosts": [f"{name}.localhost"], "upstream": f"http://127.0.0.1:{free_port()}"}
        for name in ("contoso", "fabrikam")
    ]
    if federated:
        organizations[1]["realm"] = "https://fabrikam.contoso.com/"
    provider = {"sign_in_host": auth} | ({"realm": "https://contoso.contoso.com/"} if federated else {})
    keys = {"listen": {"tls": authority.issue(*HOSTS), "address": f"127.0.0.1:{port}"}, "provider": provider}
    one = await world(federated=federated, organizations=organizations, **keys)
    crm = f"http://127.0.0.1:{one.crm_port}"
    deployment = one.proxy.deployment
    moved = tuple(replace(organization, upstream=crm) for organization in deployment.organizations)
    await one.proxy.reload(replace(deployment, organizations=moved))
    made = Farm(one, port)
    if federated:
        one.adfs.state.trusts = tuple(
            Trust((f"https://{name}.contoso.com/",), (made.url("auth", "/.claims/wsfed"),))
            for name in ("contoso", "fabrikam")
        )
    else:
        client = one.adfs.state.clients[CLIENT_ID]
        one.adfs.state.clients[CLIENT_ID] = replace(client, redirect_uris=(made.url("auth", "/.claims/callback"),))
    return made


async def test_people_sign_in_at_each_organization_by_the_one_host(farm, visitor):
    for name in ("contoso", "fabrikam"):
        page = await visitor.sign_in(farm.url(name, "/main.aspx?etn=account"), "alice")
        assert (page.status, str(page.url)) == (200, farm.url(name, "/main.aspx?etn=account"))
        hosts = [hop.url.host for hop in visitor.hops]
        assert "auth.localhost" in hosts
    assert {cookie.host for cookie in visitor.cookies.named(SESSION)} == {"contoso.localhost", "fabrikam.localhost"}


async def held_back(farm, visitor):
    """The provider's answer to a sign-in at contoso: a form, or an address."""
    page = await visitor.open(farm.url("contoso", "/main.aspx"))
    form = page.form_with("Password")
    answer = await visitor.fetch(form.action, method="POST", data=form.fields | {"UserName": "alice", "Password": "x"})
    return answer.headers["Location"] if "Location" in answer.headers else read_forms(answer.text)[0][0]


async def sent(browser, answer):
    return await (browser.open(answer) if isinstance(answer, str) else browser.submit(answer))


async def test_an_answer_is_for_the_browser_that_asked_wherever_it_lands(farm, visitor, stranger):
    answer = await held_back(farm, visitor)
    refused = await sent(stranger, answer)
    assert (refused.status, refused.url.host) == (403, "contoso.localhost")
    assert stranger.cookie(SESSION) is None
    taken = await sent(visitor, answer)
    assert (taken.status, str(taken.url)) == (200, farm.url("contoso", "/main.aspx"))


async def test_an_answer_to_nothing_leads_nowhere(farm, visitor):
    page = await visitor.open(farm.url("auth", "/.claims/callback?state=made-up&code=1"))
    assert (page.status, page.url.host) == (400, "auth.localhost")


async def test_the_host_serves_nothing_else(farm, visitor):
    for path in ("/", "/main.aspx", "/FederationMetadata/2007-06/FederationMetadata.xml"):
        assert (await visitor.open(farm.url("auth", path))).status == 421
    for path in ("/.claims/session", "/.claims/sign-in", "/.claims/sign-out"):
        assert (await visitor.open(farm.url("auth", path))).status in {400, 404}


async def test_a_host_that_nobody_named_takes_nothing(farm, visitor):
    answer = await held_back(farm, visitor)
    if isinstance(answer, str):
        elsewhere = answer.replace("auth.localhost", "fabrikam.localhost")
    else:
        elsewhere = replace(answer, action=answer.action.replace("auth.localhost", "fabrikam.localhost"))
    assert (await sent(visitor, elsewhere)).status == 400
    assert visitor.cookie(SESSION) is None


@pytest.mark.parametrize("with_sid", [True, False])
async def test_a_front_channel_logout_at_the_one_host_ends_the_sessions_of_all(farm, visitor, with_sid):
    if farm.one.federated:
        assert (await visitor.fetch(farm.url("auth", "/.claims/frontchannel-logout?sid=x"))).status == 404
        return
    for name in ("contoso", "fabrikam"):
        await visitor.sign_in(farm.url(name, "/main.aspx"), "alice")
    (sid,) = sids_of(farm.one.adfs)
    query = f"iss={farm.one.adfs.state.issuer.url}" + (f"&sid={sid}" if with_sid else "")
    headers = {"Sec-Fetch-Dest": "iframe"}
    page = await visitor.fetch(farm.url("auth", f"/.claims/frontchannel-logout?{query}"), headers=headers)
    assert page.status == 200
    assert "frame-ancestors http://127.0.0.1:" in page.headers["Content-Security-Policy"]
    for name in ("contoso", "fabrikam"):
        if not with_sid:
            # The one host has no cookie of theirs: its page has the browser ask each organization's own.
            asked = farm.url(name, "/.claims/wsfed?wa=wsignoutcleanup1.0")
            assert f'src="{asked}"' in page.text
            await visitor.fetch(asked)
        assert (await visitor.fetch(farm.url(name, "/api/data/v9.2/WhoAmI"))).status == 401


async def test_a_back_channel_logout_at_the_one_host_ends_the_sessions_of_all(farm, visitor):
    if farm.one.federated:
        assert (await visitor.fetch(farm.url("auth", "/.claims/backchannel-logout"), "POST")).status == 404
        return
    for name in ("contoso", "fabrikam"):
        await visitor.sign_in(farm.url(name, "/main.aspx"), "alice")
    form = {"logout_token": logout_token(farm.one.adfs)}
    url = farm.url("auth", "/.claims/backchannel-logout")
    assert (await visitor.fetch(url, "POST", data=form, cookies=False)).status == 200
    for name in ("contoso", "fabrikam"):
        assert (await visitor.fetch(farm.url(name, "/api/data/v9.2/WhoAmI"))).status == 401
