"""Bearer tokens as sessions: verified once, looked after every five seconds, ended by their own end."""

import pytest
from aiohttp import web

from proxy.errors import StoreUnavailable
from proxy.model.organization import ExemptClientRule, Organization
from proxy.model.session import BearerRefused, CannotTell, ClientKind, Live
from proxy.signin.bearer import BearerSessions
from support import tokens
from support.world import CLIENT_ID

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


@pytest.mark.parametrize(
    ("audience", "accepted"),
    [
        (tokens.RESOURCE, True),
        (tokens.CLIENT, True),
        (f"microsoft:identityserver:{tokens.CLIENT}", True),
        (tokens.RESOURCE.rstrip("/"), False),
        ("urn:microsoft:userinfo", False),
        ([tokens.RESOURCE, "https://another.contoso.com/"], True),
    ],
)
async def test_a_token_is_for_us(bearer, clock, audience, accepted):
    found = await bearer.lookup(tokens.access_token(aud=audience), CONTOSO, clock())
    assert isinstance(found, Live) is accepted


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


@pytest.mark.parametrize(("nonce", "status"), [({"nonce": "n"}, 401), ({}, 200)])
async def test_an_id_token_is_no_bearer_token(world, browser, signing_key, nonce, status):
    one = await world()
    token = made_by(one, signing_key, "bob@contoso.com", aud=CLIENT_ID, iss=one.adfs.state.issuer.url, **nonce)
    answer = await browser.fetch(one.url("/api/data/v9.2/WhoAmI"), headers={"Authorization": f"Bearer {token}"})
    assert answer.status == status
