"""Bearer tokens as sessions: verified once, looked after every five seconds, ended by their own end."""

from dataclasses import fields, replace

import pytest
from aiohttp import web

from proxy.errors import StoreUnavailable
from proxy.model.bearer import BearerSettings
from proxy.model.organization import ExemptClientRule, Organization
from proxy.model.provider import IdentityProvider, Protocol, SecretText
from proxy.model.session import BearerRefused, CannotTell, ClientKind, Live
from proxy.signin.bearer import BearerSessions, bearer_provider
from support import tokens

CONTOSO = Organization("contoso", "id", ("crm.contoso.com",), "http://crm", identity_provider="adfs")
FABRIKAM = Organization("fabrikam", "id2", ("crm.fabrikam.com",), "http://crm", identity_provider="adfs")


class Marks:
    """Sign-out marks in the hand of a test; `down`: the store does not answer."""

    def __init__(self) -> None:
        self.mark: float | None = None
        self.asked: list[tuple[str, str]] = []
        self.down = False

    async def signed_out_after(self, principal_key: str, organization: str) -> float | None:
        self.asked.append((principal_key, organization))
        if self.down:
            raise StoreUnavailable("down")
        return self.mark


@pytest.fixture
def marks():
    return Marks()


@pytest.fixture
def bearer(client, marks):
    return BearerSessions({"adfs": client(resource=tokens.RESOURCE)}, marks)


async def test_a_token_that_keeps_every_rule_is_a_session(bearer, clock):
    found = await bearer.lookup(tokens.access_token(), CONTOSO, clock())
    assert isinstance(found, Live)
    assert found.session.principal.upn == "alice@contoso.com"
    assert found.session.token_end == tokens.ACCESS_CLAIMS["exp"]
    assert found.session.signed_in_at == tokens.ACCESS_CLAIMS["iat"]
    assert found.session.reference is None, "nothing of it is stored"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://another.contoso.com/"}, "audience"),
        ({"iss": "https://evil.example/adfs"}, "issuer"),
        ({"iat": int(tokens.NOW) - 3600, "exp": int(tokens.NOW) - 61}, "expired"),
        ({"exp": ...}, "claim_missing"),
        ({"nonce": "n"}, "type"),
    ],
)
async def test_a_token_that_breaks_a_rule_is_refused(bearer, clock, changes, reason):
    assert await bearer.lookup(tokens.access_token(**changes), CONTOSO, clock()) == BearerRefused(reason)
    assert isinstance(await bearer.lookup(tokens.access_token(), CONTOSO, clock()), Live)


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "a.b.c.d.e", "ä.ö.ü", "\udcff", "x" * 100_000])
async def test_what_is_no_token_is_refused(bearer, clock, token):
    assert isinstance(await bearer.lookup(token, CONTOSO, clock()), BearerRefused)


async def test_both_issuers_of_ad_fs_are_accepted(bearer, openid, clock):
    for issuer in (tokens.ACCESS_TOKEN_ISSUER, openid.issuer):
        assert isinstance(await bearer.lookup(tokens.access_token(iss=issuer), CONTOSO, clock()), Live)


async def test_without_a_stated_issuer_of_access_tokens_only_the_provider_s_own_is_accepted(bearer, openid, clock):
    del openid.document["access_token_issuer"]
    assert await bearer.lookup(tokens.access_token(), CONTOSO, clock()) == BearerRefused("issuer")
    assert isinstance(await bearer.lookup(tokens.access_token(iss=openid.issuer), CONTOSO, clock()), Live)


AS_AD_FS_SAYS = f"microsoft:identityserver:{tokens.CLIENT}"
CRM = ("https://crm.contoso.com/api", "https://auth.contoso.com/")


@pytest.mark.parametrize(
    ("resource", "named", "accepted", "refused"),
    [
        (
            tokens.RESOURCE,
            (),
            [tokens.RESOURCE, [tokens.RESOURCE, "https://another.contoso.com/"]],
            [tokens.CLIENT, AS_AD_FS_SAYS, tokens.RESOURCE.rstrip("/"), "urn:microsoft:userinfo"],
        ),
        (None, (), [AS_AD_FS_SAYS], [tokens.CLIENT, tokens.RESOURCE, [tokens.CLIENT]]),
        (tokens.CLIENT, (), [AS_AD_FS_SAYS], [tokens.CLIENT, tokens.RESOURCE]),
        (tokens.RESOURCE, CRM, [*CRM], [tokens.RESOURCE, tokens.CLIENT, AS_AD_FS_SAYS]),
        (None, CRM, [*CRM], [tokens.CLIENT, AS_AD_FS_SAYS]),
    ],
)
async def test_token_is_accepted_only_for_the_application(  # noqa: PLR0917 - one table, its columns
    client, marks, clock, resource, named, accepted, refused
):
    contoso = replace(CONTOSO, bearer=BearerSettings(audiences=named))
    bearer = BearerSessions({"adfs": client(resource=resource)}, marks)
    for audience in accepted:
        assert isinstance(await bearer.lookup(tokens.access_token(aud=audience), contoso, clock()), Live), audience
    for audience in refused:
        found = await bearer.lookup(tokens.access_token(aud=audience), contoso, clock())
        assert found in (BearerRefused("audience"), BearerRefused("type")), audience


async def test_token_for_the_client_must_say_that_it_is_an_access_token(client, marks, clock):
    bearer = BearerSessions({"adfs": client()}, marks)
    typed = tokens.access_token({"typ": "at+jwt"}, aud=tokens.CLIENT)
    assert isinstance(await bearer.lookup(typed, CONTOSO, clock()), Live)
    untyped = tokens.access_token(aud=tokens.CLIENT)
    assert await bearer.lookup(untyped, CONTOSO, clock()) == BearerRefused("type")


@pytest.mark.parametrize("nonce", [tokens.NONCE, ...])
async def test_id_token_is_accepted_only_where_configured(client, openid, marks, clock, nonce):
    bearer = BearerSessions({"adfs": client(resource=tokens.RESOURCE)}, marks)
    token = openid.id_token(nonce=nonce)
    assert isinstance(await bearer.lookup(token, CONTOSO, clock()), BearerRefused)
    accepting = replace(FABRIKAM, bearer=BearerSettings(accept_id_tokens=True))
    assert isinstance(await bearer.lookup(token, accepting, clock()), Live)
    assert await bearer.lookup(openid.id_token(aud="another"), accepting, clock()) == BearerRefused("audience")


async def test_token_of_one_organization_is_refused_at_another_though_cached(client, marks, clock):
    bearer = BearerSessions({"adfs": client()}, marks)
    contoso = replace(CONTOSO, bearer=BearerSettings(audiences=("https://contoso/",)))
    fabrikam = replace(FABRIKAM, bearer=BearerSettings(audiences=("https://fabrikam/",)))
    token = tokens.access_token(aud="https://contoso/")
    assert isinstance(await bearer.lookup(token, contoso, clock()), Live)
    assert await bearer.lookup(token, fabrikam, clock()) == BearerRefused("audience")
    assert isinstance(await bearer.lookup(token, contoso, clock()), Live)


async def test_key_bound_token_is_refused(bearer, clock):
    bound = tokens.access_token(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})
    assert await bearer.lookup(bound, CONTOSO, clock()) == BearerRefused("key_bound")
    assert isinstance(await bearer.lookup(tokens.access_token(), CONTOSO, clock()), Live)


FEDERATED = IdentityProvider(
    "corporate", "", "", SecretText(""), protocol=Protocol.WS_FEDERATION, realm=tokens.RESOURCE, metadata="m.xml"
)


async def test_bearer_issuer_serves_an_organization_of_ws_federation(openid, client, marks, clock):
    wanted = BearerSettings(issuer=openid.issuer, audiences=(tokens.RESOURCE,))
    contoso = replace(CONTOSO, identity_provider="corporate", bearer=wanted)
    issuer = client(**_changes(FEDERATED, wanted))
    with_issuer = BearerSessions({}, marks, issuers={"contoso": issuer})
    found = await with_issuer.lookup(tokens.access_token(primarysid=tokens.SID), contoso, clock())
    assert found.session.principal.key == f"corporate|sid|{tokens.SID}", "the same principal as in the browser"
    assert await BearerSessions({}, marks).lookup(tokens.access_token(), contoso, clock()) == BearerRefused(
        "no_bearer_here"
    )
    assert with_issuer.challenge_address(contoso) == (f"{openid.issuer}/authorize", tokens.RESOURCE)
    assert BearerSessions({}, marks).challenge_address(contoso) is None


def _changes(provider, bearer):
    settings = bearer_provider(provider, bearer)
    return {field.name: getattr(settings, field.name) for field in fields(settings)}


def test_bearer_issuer_replaces_the_provider_only_if_it_differs():
    openid = IdentityProvider("adfs", "https://adfs/adfs", "id", SecretText("s"), resource="https://crm/")
    assert bearer_provider(openid, BearerSettings()) is openid
    assert bearer_provider(openid, BearerSettings(issuer="https://adfs/adfs")) is openid
    other = bearer_provider(openid, BearerSettings(issuer="https://other/adfs"))
    assert (other.name, other.issuer, other.client_id, other.resource) == ("adfs", "https://other/adfs", "", None)
    assert bearer_provider(FEDERATED, BearerSettings()) is None


async def test_challenge_names_the_first_audience(bearer, openid):
    contoso = replace(CONTOSO, bearer=BearerSettings(audiences=CRM))
    assert bearer.challenge_address(contoso) == (f"{openid.issuer}/oauth2/authorize", CRM[0])


async def test_a_kept_token_asks_nobody_and_its_mark_every_five_seconds(bearer, openid, marks, clock):
    token = tokens.access_token()
    await bearer.lookup(token, CONTOSO, clock())
    await openid.stop()
    for _ in range(49):
        clock.advance(0.1)
        assert isinstance(await bearer.lookup(token, CONTOSO, clock()), Live)
    assert len(marks.asked) == 1
    clock.advance(0.2)
    assert isinstance(await bearer.lookup(token, CONTOSO, clock()), Live)
    assert marks.asked == [("adfs|upn|alice@contoso.com", "contoso")] * 2
    assert openid.asked["keys"] == 1


async def test_a_token_kept_for_one_organization_asks_for_another_s_mark(bearer, marks, clock):
    token = tokens.access_token()
    for organization in (CONTOSO, FABRIKAM):
        found = await bearer.lookup(token, organization, clock())
        assert found.session.organization == organization.name
    assert [organization for _, organization in marks.asked] == ["contoso", "fabrikam"]


async def test_a_token_issued_before_the_sign_out_is_refused(bearer, marks, clock):
    issued = tokens.ACCESS_CLAIMS["iat"]
    marks.mark = issued - 1.0
    assert isinstance(await bearer.lookup(tokens.access_token(), CONTOSO, clock()), Live)
    for mark in (float(issued), issued + 0.5, issued + 60.0):
        marks.mark = mark
        clock.advance(5)
        assert await bearer.lookup(tokens.access_token(), CONTOSO, clock()) == BearerRefused("signed_out")


async def test_a_sign_out_ends_a_kept_token_within_five_seconds(bearer, marks, clock):
    token = tokens.access_token()
    assert isinstance(await bearer.lookup(token, CONTOSO, clock()), Live)
    marks.mark = clock()
    clock.advance(5)
    assert await bearer.lookup(token, CONTOSO, clock()) == BearerRefused("signed_out")
    later = {"iat": int(clock()) + 1, "exp": int(clock()) + 600}
    assert isinstance(await bearer.lookup(tokens.access_token(**later), CONTOSO, clock()), Live)


async def test_a_kept_token_ends_at_its_own_end(bearer, clock):
    token = tokens.access_token()
    clock.now = tokens.ACCESS_CLAIMS["exp"] - 1.0
    assert isinstance(await bearer.lookup(token, CONTOSO, clock()), Live)
    clock.advance(1)
    assert await bearer.lookup(token, CONTOSO, clock()) == BearerRefused("expired")


async def test_a_token_in_its_leeway_is_over_all_the_same(bearer, clock):
    clock.now = tokens.ACCESS_CLAIMS["exp"] + 1.0
    assert await bearer.lookup(tokens.access_token(), CONTOSO, clock()) == BearerRefused("expired")


@pytest.mark.parametrize("name", ["openid-configuration", "keys"])
async def test_a_provider_that_does_not_answer_is_no_refusal(bearer, openid, clock, name):
    openid.answers[name] = web.Response(status=503)
    assert await bearer.lookup(tokens.access_token(), CONTOSO, clock()) == CannotTell()
    openid.answers.clear()
    assert isinstance(await bearer.lookup(tokens.access_token(), CONTOSO, clock()), Live)


async def test_a_store_that_does_not_answer_is_neither_yes_nor_no(bearer, marks, clock):
    token = tokens.access_token()
    assert isinstance(await bearer.lookup(token, CONTOSO, clock()), Live)
    marks.down = True
    clock.advance(4.9)
    assert isinstance(await bearer.lookup(token, CONTOSO, clock()), Live)
    clock.advance(0.2)
    assert await bearer.lookup(token, CONTOSO, clock()) == CannotTell()
    marks.down = False
    assert isinstance(await bearer.lookup(token, CONTOSO, clock()), Live)


async def test_a_token_whose_mark_was_seen_goes_on_for_the_grace_of_an_outage(client, marks, clock):
    graceful = BearerSessions({"adfs": client(resource=tokens.RESOURCE)}, marks, outage_grace=60.0)
    token = tokens.access_token()
    assert isinstance(await graceful.lookup(token, CONTOSO, clock()), Live)
    marks.down = True
    for seconds in (6, 53):
        clock.advance(seconds)
        assert isinstance(await graceful.lookup(token, CONTOSO, clock()), Live)
    assert await graceful.lookup(tokens.access_token(jti="2"), CONTOSO, clock()) == CannotTell(), "never seen before"
    clock.advance(1)
    assert await graceful.lookup(token, CONTOSO, clock()) == CannotTell()


async def test_a_clock_put_back_hides_no_sign_out(bearer, marks, clock):
    token = tokens.access_token()
    clock.advance(600)
    assert isinstance(await bearer.lookup(token, CONTOSO, clock()), Live)
    clock.advance(-300)
    marks.mark = clock()
    assert await bearer.lookup(token, CONTOSO, clock()) == BearerRefused("signed_out")


async def test_only_so_many_tokens_are_kept(bearer, marks, clock, monkeypatch):
    monkeypatch.setattr("proxy.signin.bearer._KEPT", 2)
    made = [tokens.access_token(jti=str(number)) for number in range(3)]
    for token in (made[0], made[1], made[0], made[2], made[0]):
        await bearer.lookup(token, CONTOSO, clock())
    assert len(marks.asked) == 3, "the first was used last before the third came, and so it was kept"
    await bearer.lookup(made[1], CONTOSO, clock())
    assert len(marks.asked) == 4


async def test_an_exempt_client_is_known_by_its_token(bearer, clock):
    rule = ExemptClientRule(ClientKind.OUTLOOK, client_id="outlook")
    exempt = Organization(
        "contoso", "id", ("crm.contoso.com",), "http://crm", identity_provider="adfs", exempt_clients=(rule,)
    )
    as_outlook = await bearer.lookup(tokens.access_token(appid="outlook"), exempt, clock())
    as_other = await bearer.lookup(tokens.access_token(), exempt, clock())
    assert as_outlook.session.client_kind is ClientKind.OUTLOOK
    assert as_other.session.client_kind is not ClientKind.OUTLOOK


async def test_a_client_learns_where_tokens_come_from(bearer, openid, clock):
    assert bearer.challenge_address(CONTOSO) == (f"{openid.issuer}/oauth2/authorize", tokens.RESOURCE)
    await bearer.lookup(tokens.access_token(), CONTOSO, clock())
    assert bearer.challenge_address(CONTOSO) == (f"{openid.issuer}/authorize", tokens.RESOURCE)


def made_by(world, key, upn: str, **changes) -> str:
    """An access token of the world's provider for its API, as another client would get it."""
    now = int(world.clock())
    claims = {
        "iss": world.adfs.state.issuer.access_tokens,
        "aud": world.url("/"),
        "iat": now,
        "exp": now + 3600,
        "appid": "a-service",
        "upn": upn,
    }
    return tokens.sign({"alg": "RS256", "typ": "JWT", "kid": key.x5t}, claims | changes, key.private)


async def test_a_bearer_token_outranks_a_cookie(world, browser, signing_key):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"), "alice")
    shown = one.url("/headers")

    async def user(**headers: str) -> str:
        answer = await browser.fetch(shown, headers={"Accept": "application/json"} | headers)
        assert answer.status == 200, answer.text
        return {name.lower(): value for name, value in answer.json()["headers"]}["x-forwarded-user"]

    token = made_by(one, signing_key, "bob@contoso.com")
    assert await user() == "alice@contoso.com"
    assert await user(Authorization=f"Bearer {token}") == "bob@contoso.com"


async def test_an_expired_bearer_token_is_challenged_even_beside_a_good_cookie(world, browser, signing_key, clock):
    one = await world()
    await browser.sign_in(one.url("/main.aspx"), "alice")
    address = one.url("/api/data/v9.2/WhoAmI")
    token = made_by(one, signing_key, "bob@contoso.com", exp=int(clock()) + 60)
    assert (await browser.fetch(address, headers={"Authorization": f"Bearer {token}"})).status == 200
    clock.advance(60)
    refused = await browser.fetch(address, headers={"Authorization": f"Bearer {token}"})
    assert refused.status == 401
    challenge = refused.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    assert f"{one.adfs.state.issuer.url}/oauth2/authorize" in challenge
    assert f"resource_id={one.url('/')}" in challenge.replace('"', "")
    assert token not in refused.text
    assert (await browser.fetch(address)).status == 200, "the cookie is as good as before"
