"""The questions put to a provider, and what its answers mean."""

from urllib.parse import parse_qs, urlsplit

import pytest

from proxy.errors import SignInRefused
from proxy.model.provider import IdentityProvider, ProviderMetadata, ResponseMode, SecretText
from proxy.signin import oidc

ISSUER = "https://adfs.contoso.com/adfs"
SETTINGS = {"name": "adfs", "issuer": ISSUER, "client_id": "crm", "client_secret": SecretText("a-client-secret")}
# RFC 7636, appendix B.
VERIFIER, CHALLENGE = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def metadata(endpoint=f"{ISSUER}/oauth2/authorize/", **changes) -> ProviderMetadata:
    return ProviderMetadata(ISSUER, endpoint, f"{ISSUER}/oauth2/token/", f"{ISSUER}/discovery/keys", **changes)


def asked(endpoint=f"{ISSUER}/oauth2/authorize/", *, ask_for_credentials=False, **settings) -> tuple[str, dict]:
    """The address without its query, and the query as a mapping in which nothing stands twice."""
    url = oidc.authorization_url(
        IdentityProvider(**(SETTINGS | settings)),
        metadata(endpoint),
        redirect_uri="https://crm.contoso.com/.claims/callback",
        state="a state&more",
        nonce="a-nonce",
        verifier=VERIFIER,
        ask_for_credentials=ask_for_credentials,
    )
    query = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values())
    return url.partition("?")[0], {name: values[0] for name, values in query.items()}


PLAIN = {
    "response_type": "code",
    "client_id": "crm",
    "redirect_uri": "https://crm.contoso.com/.claims/callback",
    "scope": "openid",
    "state": "a state&more",
    "nonce": "a-nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def test_the_challenge_is_that_of_the_rfc():
    assert oidc.challenge(VERIFIER) == CHALLENGE


@pytest.mark.parametrize(
    ("settings", "ask", "more"),
    [
        ({}, False, {}),
        ({"response_mode": ResponseMode.FORM_POST}, False, {"response_mode": "form_post"}),
        ({"resource": "https://crm.contoso.com/"}, False, {"resource": "https://crm.contoso.com/"}),
        ({"scopes": ("openid", "profile")}, False, {"scope": "openid profile"}),
        ({}, True, {"prompt": "login", "max_age": "0"}),
    ],
)
def test_a_question_says_these_parameters_and_no_others(settings, ask, more):
    assert asked(ask_for_credentials=ask, **settings) == (f"{ISSUER}/oauth2/authorize/", PLAIN | more)


def test_neither_the_verifier_nor_the_client_s_secret_is_in_the_question():
    said = " ".join(asked(ask_for_credentials=True)[1].values())
    assert VERIFIER not in said
    assert "a-client-secret" not in said


def test_an_endpoint_with_a_query_of_its_own_keeps_it():
    address, query = asked("https://login.contoso.com/authorize?tenant=7")
    assert (address, query) == ("https://login.contoso.com/authorize", PLAIN | {"tenant": "7"})


@pytest.mark.parametrize(
    ("promised", "stated", "passes"),
    [
        (False, None, True),
        (False, ISSUER, True),
        (False, f"{ISSUER}/", False),
        (False, "https://evil.example/adfs", False),
        (False, "", False),
        (True, ISSUER, True),
        (True, None, False),
        (True, ISSUER.upper(), False),
    ],
)
def test_an_answer_that_names_another_issuer_or_leaves_out_a_promised_one_is_refused(promised, stated, passes):
    told = metadata(iss_in_response=promised)
    if passes:
        oidc.check_issuer(told, stated)
        return
    with pytest.raises(SignInRefused) as caught:
        oidc.check_issuer(told, stated)
    assert caught.value.reason == "issuer"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("access_denied", "access_denied"),
        ("consent_required", "access_denied"),
        ("login_required", "login_required"),
        ("interaction_required", "login_required"),
        ("temporarily_unavailable", "provider_unavailable"),
        ("server_error", "provider_unavailable"),
        ("invalid_request", "provider_refused"),
        ("anything_else", "provider_refused"),
        ("", "provider_refused"),
    ],
)
def test_every_error_of_a_provider_has_its_reason(error, reason):
    assert oidc.refusal(error).reason == reason


@pytest.mark.parametrize("error", ["<script>", "a\r\nforged=line", "", "x" * 1000])
def test_no_text_of_a_stranger_reaches_the_log_as_an_error_code(error):
    text = str(oidc.refusal(error))
    assert len(text) < 120
    assert not set("<>\r\n") & set(text)


def test_signing_out_hands_the_provider_the_hint_and_the_way_back():
    url = oidc.end_session_url(
        f"{ISSUER}/oauth2/logout", id_token="a.b.c", back_to="https://crm.contoso.com/.claims/signed-out", client_id="x"
    )
    assert url.startswith(f"{ISSUER}/oauth2/logout?")
    assert parse_qs(urlsplit(url).query) == {
        "post_logout_redirect_uri": ["https://crm.contoso.com/.claims/signed-out"],
        "client_id": ["x"],
        "id_token_hint": ["a.b.c"],
    }


def test_signing_out_without_an_id_token_gives_no_hint_and_keeps_the_endpoint_s_query():
    url = oidc.end_session_url(
        "https://login.contoso.com/out?t=7", id_token=None, back_to="https://crm/", client_id="x"
    )
    assert parse_qs(urlsplit(url).query) == {
        "t": ["7"],
        "post_logout_redirect_uri": ["https://crm/"],
        "client_id": ["x"],
    }
