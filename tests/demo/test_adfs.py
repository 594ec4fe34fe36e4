"""Discovery, certificates, userinfo and sign-out of the AD FS double."""

import base64
import hashlib
from urllib.parse import urlencode

import pytest
from cryptography import x509

from proxy.demo.adfs import AdfsDouble

SIGNED_OUT = "http://127.0.0.1:9/.claims/signed-out"


async def test_discovery_has_the_addresses_of_ad_fs(party):
    document = await party.json("/adfs/.well-known/openid-configuration")
    assert document["issuer"] == "http://127.0.0.1:1/adfs"
    assert document["access_token_issuer"] == "http://127.0.0.1:1/adfs/services/trust"
    assert document["authorization_endpoint"].endswith("/adfs/oauth2/authorize/")
    assert document["token_endpoint"].endswith("/adfs/oauth2/token/")
    assert document["jwks_uri"].endswith("/adfs/discovery/keys")
    assert document["end_session_endpoint"].endswith("/adfs/oauth2/logout")


async def test_keys_are_named_by_the_thumbprint_of_their_certificate(party):
    (key,) = (await party.json("/adfs/discovery/keys"))["keys"]
    certificate = base64.b64decode(key["x5c"][0])
    assert (
        base64.urlsafe_b64encode(hashlib.sha1(certificate).digest()).rstrip(b"=").decode() == key["x5t"] == key["kid"]
    )
    assert x509.load_der_x509_certificate(certificate).public_key().key_size == 2048


@pytest.mark.parametrize("issuer", ["", "http://127.0.0.1:8081", "http://127.0.0.1:8081/adfs/", "/adfs"])
def test_an_issuer_that_is_not_ad_fs_is_refused(issuer, clock):
    with pytest.raises(ValueError, match="would be"):
        AdfsDouble(issuer, [], clock)
    assert AdfsDouble("https://fs/adfs", [], clock).state.issuer.access_tokens == "http://fs/adfs/services/trust"


async def test_a_double_without_a_key_makes_one_at_its_start(clock, serving):
    double = AdfsDouble("http://127.0.0.1:1/adfs", [], clock)
    with pytest.raises(RuntimeError, match="not been started"):
        _ = double.state.keys.signing
    runner, _ = await serving(double.application())
    assert double.state.keys.signing.private.key_size == 2048
    await runner.cleanup()


async def _userinfo(party, token):
    url = f"{party.base}/adfs/userinfo"
    async with party.browser.get(url, headers={"Authorization": f"Bearer {token}"}) as response:
        return response.status, await response.json() if response.status == 200 else response.headers[
            "WWW-Authenticate"
        ]


async def test_userinfo_tells_the_subject_alone(party, clock):
    tokens = await party.tokens()
    claims = await party.claims(tokens["access_token"])
    assert await _userinfo(party, tokens["access_token"]) == (200, {"sub": claims["sub"]})
    clock.advance(3600)
    assert (await _userinfo(party, tokens["access_token"]))[0] == 401


async def test_userinfo_refuses_a_token_for_a_resource_and_an_altered_one(party):
    tokens = await party.tokens(resource="https://crm.contoso.com/")
    status, challenge = await _userinfo(party, tokens["access_token"])
    assert (status, challenge[:28]) == (401, 'Bearer error="invalid_token"')
    assert (await _userinfo(party, (await party.tokens())["access_token"][:-8] + "AAAAAAAA"))[0] == 401


async def test_rollover_publishes_then_promotes_and_keeps_the_former(party):
    former = (await party.json("/adfs/discovery/keys"))["keys"][0]["kid"]
    before = await party.tokens()

    async def step(**form):
        async with party.browser.post(f"{party.base}/adfs/demo/rollover", data=form) as response:
            assert response.status == 200
            assert "Token-signing certificates" in await response.text()
        return [key["kid"] for key in (await party.json("/adfs/discovery/keys"))["keys"]]

    signing, following = await step(step="publish")
    assert signing == former
    assert await step(step="publish") == [former, following]
    assert await step(step="promote") == [following, former]
    assert (await party.claims(before["id_token"]))["upn"] == "alice@contoso.com"
    after = await party.tokens()
    assert (await party.claims(after["id_token"]))["upn"] == "alice@contoso.com"
    emergency, kept = await step()
    assert kept == following
    assert emergency not in {former, following}


async def _log_out(party, **query):
    url = f"{party.base}/adfs/oauth2/logout?{urlencode(query)}"
    async with party.browser.get(url, allow_redirects=False) as response:
        return response.status, response.headers.get("Location"), await response.text()


async def test_logout_ends_the_single_sign_on_and_goes_to_a_registered_address(party, clock):
    tokens = await party.tokens()
    assert (await party.ask())[0] == 302
    clock.advance(7200)
    status, location, _ = await _log_out(
        party, id_token_hint=tokens["id_token"], post_logout_redirect_uri=SIGNED_OUT, state="a&b"
    )
    assert (status, location) == (302, SIGNED_OUT + "?state=a%26b")
    assert (await party.ask())[0] == 200
    assert not party.double.state.logins


@pytest.mark.parametrize("changed", ["post_logout_redirect_uri", "id_token_hint"])
async def test_logout_without_a_sound_hint_and_a_registered_address_stays_there(party, changed):
    tokens = await party.tokens()
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT}
    status, location, text = await _log_out(party, **query | {changed: "https://evil.example/"})
    assert (status, location) == (200, None)
    assert "You have successfully signed out." in text
    assert not party.double.state.logins


async def test_logout_calls_every_party_that_has_a_logout_address(party):
    tokens = await party.tokens()
    await party.ask(client_id="portal", redirect_uri="http://127.0.0.1:9/portal")
    sid = (await party.claims(tokens["id_token"]))["sid"]
    status, _, text = await _log_out(
        party, id_token_hint=tokens["id_token"], post_logout_redirect_uri=SIGNED_OUT, state="s"
    )
    assert status == 200
    assert f'<iframe src="http://127.0.0.1:9/portal/out?iss=http%3A%2F%2F127.0.0.1%3A1%2Fadfs&amp;sid={sid}"' in text
    assert f"url={SIGNED_OUT}?state=s" in text


async def test_a_refresh_token_outlives_the_logout(party):
    tokens = await party.tokens()
    await _log_out(party, id_token_hint=tokens["id_token"])
    status, refreshed = await party.redeem("", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert status == 200
    assert "refresh_token" not in refreshed
