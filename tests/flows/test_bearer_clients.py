"""Clients of CRM that bring tokens of AD FS for CRM itself: they pass the proxy, and CRM checks them again."""

import secrets
from urllib.parse import urlencode

import aiohttp
import jwt
import pytest
from aiohttp import web
from yarl import URL

from proxy.demo.adfs_model import Client
from support import tokens
from support.ports import free_port
from support.world import CLIENT_ID, CLIENT_SECRET, served

CRM = "https://crm.contoso.com/"
AUTH = "https://auth.contoso.com/"
OTHER = "https://sharepoint.contoso.com/"
WHO_AM_I = "/api/data/v9.2/WhoAmI"
# Nobody listens there: the client reads the code from the address that its browser is sent to.
CALLBACK = "http://127.0.0.1:9/native"
CLIENTS = {
    "phones and tablets": "ce9f9f18-dd0c-473e-b9b2-47812435e20d",
    "Outlook": "2f29638c-34d4-4cf2-a16a-7caf612cee15",
    "Unified Service Desk": "4906f920-9f94-4f14-98aa-8456dd5f78a8",
    "developer tools": "2ad88395-b77d-4561-9441-d0e40824f9bc",
}


class Crm:
    """An application that verifies tokens itself and never looks at identity headers. `seen`: what reached it."""

    def __init__(self) -> None:
        self.key = None
        self.seen: list[tuple[str, dict[str, object]]] = []

    async def answer(self, request: web.Request) -> web.Response:
        means, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
            claims = jwt.decode(token, self.key, algorithms=["RS256"], audience=[CRM, AUTH], options=options)
        except jwt.PyJWTError as error:
            return web.Response(status=401, text=str(error), headers={"WWW-Authenticate": f"Bearer error={error}"})
        self.seen.append((f"{means} {token}", claims))
        return web.json_response({"upn": claims["upn"], "user": request.headers.get("X-Forwarded-User")})


@pytest.fixture
async def crm():
    application, port = web.Application(), free_port()
    one = Crm()
    application.router.add_route("*", "/{path:.*}", one.answer)
    one.url = f"http://127.0.0.1:{port}"
    async with served(application, port):
        yield one


@pytest.fixture(params=[False, True], ids=["oidc", "ws-federation"])
def federated(request) -> bool:
    return request.param


@pytest.fixture
async def one(world, crm, federated, signing_key):
    made = await world(federated=federated, within=False)
    audiences = {"audiences": [CRM, AUTH]}
    bearer = {"issuer": made.adfs.state.issuer.url, **audiences} if federated else audiences
    made.keys["organization"] = {"upstream": crm.url, "bearer": bearer}
    made.proxy = await made.start_proxy(made.port)
    for client_id in CLIENTS.values():
        made.adfs.state.clients[client_id] = Client(client_id, "s" * 32, (CALLBACK,), resources=(CRM, AUTH, OTHER))
    crm.key = signing_key.private.public_key()
    return made


async def granted(one, browser, client_id: str, resource: str) -> dict[str, object]:
    """The token response that a client gets which signs its user in at AD FS."""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "resource": resource,
        "scope": "openid",
        "nonce": secrets.token_urlsafe(8),
    }
    issuer = one.adfs.state.issuer.url
    with pytest.raises(aiohttp.ClientConnectorError):
        await browser.sign_in(f"{issuer}/oauth2/authorize?{urlencode(asked)}", "alice")
    code = URL(browser.hops[-1].location).query["code"]
    return await redeemed(one, client_id, "s" * 32, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)


async def redeemed(one, client_id: str, secret: str, **form: str) -> dict[str, object]:
    form |= {"client_id": client_id, "client_secret": secret}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{one.adfs.state.issuer.url}/oauth2/token", data=form) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def called(one, browser, token: str | None = None):
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return await browser.fetch(one.url(WHO_AM_I), headers=headers, cookies=False)


@pytest.mark.parametrize("client", CLIENTS)
async def test_client_of_crm_passes_through_to_crm(one, crm, browser, client):
    token = (await granted(one, browser, CLIENTS[client], CRM))["access_token"]
    answer = await called(one, browser, token)
    assert (answer.status, answer.json()) == (200, {"upn": "alice@contoso.com", "user": "alice@contoso.com"})
    ((header, claims),) = crm.seen
    assert header == f"Bearer {token}", "unchanged"
    assert (claims["aud"], claims["appid"]) == (CRM, CLIENTS[client])


async def test_each_audience_of_crm_is_accepted_and_no_other(one, crm, browser):
    for resource, status in ((AUTH, 200), (CRM, 200), (OTHER, 401)):
        token = (await granted(one, browser, CLIENTS["Outlook"], resource))["access_token"]
        assert (await called(one, browser, token)).status == status, resource
    assert [claims["aud"] for _, claims in crm.seen] == [AUTH, CRM]


async def test_refusal_says_where_a_token_for_crm_comes_from(one, crm, browser):
    token = (await granted(one, browser, CLIENTS["Outlook"], OTHER))["access_token"]
    for refused in (await called(one, browser, token), await called(one, browser)):
        assert refused.status == 401
        uri, resource = refused.headers["WWW-Authenticate"].split(", ")
        assert uri.rstrip("/") == f"Bearer authorization_uri={one.adfs.state.issuer.url}/oauth2/authorize"
        assert resource == f"resource_id={CRM}"
    assert crm.seen == []


async def test_id_token_of_a_client_never_reaches_crm(one, crm, browser):
    answer = await granted(one, browser, CLIENTS["Outlook"], CRM)
    assert (await called(one, browser, answer["id_token"])).status == 401
    assert (await called(one, browser, answer["access_token"])).status == 200
    assert len(crm.seen) == 1


async def test_crm_that_refuses_a_token_is_heard(one, crm, browser):
    crm.key = tokens.rsa_key().public_key()
    refused = await called(one, browser, (await granted(one, browser, CLIENTS["Outlook"], CRM))["access_token"])
    assert (refused.status, refused.headers["WWW-Authenticate"].startswith("Bearer error=")) == (401, True)


async def test_client_and_browser_are_the_same_principal(one, crm, browser, other_browser):
    """An administrator who ends a person's sessions must reach the tokens of that person as well."""
    token = (await granted(one, browser, CLIENTS["Outlook"], CRM))["access_token"]
    await other_browser.open(one.url("/main.aspx"))
    await other_browser.complete_sign_in(other_browser.page, "alice")
    keys = []
    for headers in ({"Authorization": f"Bearer {token}"}, {}):
        answer = await other_browser.fetch(one.url("/.claims/session"), headers=headers)
        keys.append(answer.json()["principal"])
    assert keys[0] == keys[1]


@pytest.mark.parametrize("resource", [True, False])
async def test_refreshed_id_token_of_the_proxy_is_no_credential(world, browser, signing_key, clock, resource):
    """It has neither nonce nor at_hash, and the sign-out writes it into a URL (`id_token_hint`)."""
    one = await world(provider={} if resource else {"resource": None})
    state = one.adfs.state
    client = state.clients[CLIENT_ID]
    form = {"response_type": "code", "client_id": CLIENT_ID, "redirect_uri": client.redirect_uris[0], "scope": "openid"}
    await browser.open(f"{state.issuer.url}/oauth2/authorize?{urlencode(form | {'nonce': 'n'})}")
    answer = await browser.fetch(
        browser.page.forms[0].action,
        method="POST",
        data=browser.page.forms[0].fields | {"UserName": "alice", "Password": "any"},
    )
    code = URL(answer.last.location).query["code"]
    first = await redeemed(
        one, CLIENT_ID, CLIENT_SECRET, grant_type="authorization_code", code=code, redirect_uri=form["redirect_uri"]
    )
    again = await redeemed(
        one, CLIENT_ID, CLIENT_SECRET, grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    claims = jwt.decode(again["id_token"], options={"verify_signature": False})
    assert claims["aud"] == CLIENT_ID
    assert not {"nonce", "at_hash"} & claims.keys()
    assert (await called(one, browser, again["id_token"])).status == 401
    # The same claims, in a token that says that it is an access token, or for the application.
    header = {"kid": signing_key.x5t, "typ": "JWT" if resource else "at+jwt"}
    audience = one.url("/") if resource else CLIENT_ID
    twin = jwt.encode(claims | {"aud": audience}, signing_key.private, algorithm="RS256", headers=header)
    assert (await called(one, browser, twin)).status == 200
