"""The token endpoint: codes once, bound to what they were made for; tokens shaped as AD FS's."""

import base64

import pytest

RESOURCE = "https://crm.contoso.com/"


async def _code(party, **changes):
    return (await party.sign_in(**changes))[1]["code"]


async def test_a_code_is_good_once(party):
    code = await _code(party)
    assert (await party.redeem("other"))[1]["error"] == "invalid_grant"
    assert (await party.redeem(code))[0] == 200
    status, answer = await party.redeem(code)
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert answer["error_description"].startswith("MSIS9612")


async def test_a_code_lasts_ten_minutes(party, clock):
    code, twin = await _code(party), await _code(party)
    clock.advance(599)
    assert (await party.redeem(twin))[0] == 200
    clock.advance(1)
    assert (await party.redeem(code))[1]["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:9/portal"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"client_id": "portal", "client_secret": "portal secret"}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_secret": None}, "invalid_client"),
        ({"client_id": "stranger"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_what_does_not_fit_the_code_is_refused(party, changes, error):
    status, answer = await party.redeem(await _code(party), **changes)
    assert (status, answer["error"]) == (400, error)
    assert answer["error_description"].startswith("MSIS9")
    assert (await party.redeem(await _code(party)))[0] == 200


async def test_a_wrong_verifier_spends_the_code(party):
    code = await _code(party)
    assert (await party.redeem(code, code_verifier="w" * 64))[0] == 400
    assert (await party.redeem(code))[1]["error_description"].startswith("MSIS9612")


async def test_a_code_without_challenge_needs_no_verifier(party):
    code = await _code(party, code_challenge=None, code_challenge_method=None)
    assert (await party.redeem(code, code_verifier=None))[0] == 200


def _basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_a_client_may_authenticate_by_basic(party):
    bare = {"client_secret": None, "client_id": None}
    good = _basic("crm:a%2Bb%25c+secret")
    assert (await party.redeem(await _code(party), auth=good, **bare))[0] == 200
    for auth in (_basic("crm:wrong"), _basic("nocolon"), "Basic ###", "Bearer x"):
        status, answer = await party.redeem(await _code(party), auth=auth, **bare)
        assert (status, answer["error"]) == (401, "invalid_client")
    assert (await party.redeem(await _code(party), auth=good))[1]["error"] == "invalid_request"
    both = await party.redeem(await _code(party), auth=good, client_secret=None, client_id="portal")
    assert both[1]["error"] == "invalid_request"


async def test_the_id_token_has_ad_fs_claims(party, clock):
    claims = await party.claims((await party.tokens())["id_token"])
    assert claims["iss"] == "http://127.0.0.1:1/adfs"
    assert claims["aud"] == "crm"
    assert claims["nonce"] == "n0nce"
    assert (claims["upn"], claims["unique_name"]) == ("alice@contoso.com", "CONTOSO\\alice")
    assert claims["auth_time"] == claims["iat"] == int(clock.now)
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["sid"]
    assert not {"group", "name", "primarysid"} & set(claims)


async def test_all_claims_come_in_the_id_token_by_scope(party):
    claims = await party.claims((await party.tokens("bob", scope="openid allatclaims"))["id_token"])
    assert claims["group"] == ["Service", "Sales"]


async def test_without_openid_there_is_no_id_token(party):
    assert "id_token" not in await party.tokens(scope="profile")
    assert "id_token" in await party.tokens(scope="openid profile")


async def test_the_access_token_is_for_the_resource_and_carries_the_claims(party):
    tokens = await party.tokens(resource=RESOURCE)
    claims = await party.claims(tokens["access_token"])
    assert claims["aud"] == RESOURCE
    assert claims["iss"] == "http://127.0.0.1:1/adfs/services/trust"
    assert (claims["appid"], claims["upn"], claims["name"]) == ("crm", "alice@contoso.com", "Alice Ng")
    assert claims["group"] == "Sales"
    assert "role" not in claims
    assert claims["primarysid"].startswith("S-1-5-21-")
    assert claims["auth_time"] == "2026-09-21T14:13:20.000Z"
    assert claims["authmethod"].endswith("/authenticationmethod/password")


async def test_a_role_is_a_text_and_several_groups_a_list(party):
    admin = await party.claims((await party.tokens("admin", resource=RESOURCE))["access_token"])
    bob = await party.claims((await party.tokens("bob", resource=RESOURCE))["access_token"])
    assert admin["role"] == "System Administrator"
    assert bob["group"] == ["Service", "Sales"]


async def test_without_resource_the_access_token_is_for_userinfo(party):
    claims = await party.claims((await party.tokens())["access_token"])
    assert claims["aud"] == "urn:microsoft:userinfo"
    assert "upn" not in claims


async def test_the_client_as_its_own_resource_gets_ad_fs_audience(party):
    claims = await party.claims((await party.tokens(resource="crm"))["access_token"])
    assert claims["aud"] == "microsoft:identityserver:crm"


async def test_subjects_are_pairwise(party):
    own = await party.claims((await party.tokens())["id_token"])
    _, answer, _ = await party.ask(client_id="portal", redirect_uri="http://127.0.0.1:9/portal")
    changes = {"client_id": "portal", "client_secret": "portal secret", "redirect_uri": "http://127.0.0.1:9/portal"}
    other = await party.claims((await party.redeem(answer["code"], **changes))[1]["id_token"])
    assert own["sub"] != other["sub"]
    assert own["sub"] == (await party.claims((await party.tokens())["id_token"]))["sub"]


async def test_the_trusts_token_lifetime_is_a_setting(party):
    party.double.state.token_lifetime = 5
    tokens = await party.tokens()
    assert tokens["expires_in"] == 300
    for name in ("access_token", "id_token"):
        claims = await party.claims(tokens[name])
        assert claims["exp"] - claims["iat"] == 300


async def test_a_refresh_token_is_never_renewed_and_ends(party, clock):
    tokens = await party.tokens(resource=RESOURCE)
    ask = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "redirect_uri": None}
    clock.advance(8 * 3600 - 1)
    status, refreshed = await party.redeem("", **ask)
    assert status == 200
    assert "refresh_token" not in refreshed
    claims = await party.claims(refreshed["id_token"])
    assert claims["auth_time"] == claims["iat"] - (8 * 3600 - 1)
    assert "nonce" not in claims
    assert (await party.claims(refreshed["access_token"]))["aud"] == RESOURCE
    clock.advance(1)
    assert (await party.redeem("", **ask))[1]["error"] == "invalid_grant"


async def test_a_refresh_token_belongs_to_its_client(party):
    tokens = await party.tokens()
    ask = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    foreign = await party.redeem("", client_id="portal", client_secret="portal secret", **ask)
    assert foreign[1]["error"] == "invalid_grant"
    assert (await party.redeem("", **ask))[0] == 200
