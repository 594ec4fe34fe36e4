import pytest

from proxy.errors import TokenRefused
from proxy.model.principal import Claim
from proxy.model.provider import ClaimNames, IdentityProvider, SecretText
from proxy.tokens.claims import verified_token
from support.tokens import ACCESS_CLAIMS, CLIENT, ID_CLAIMS, ISSUER, NOW, SID, changed

PROVIDER = IdentityProvider(name="adfs", issuer=ISSUER, client_id=CLIENT, client_secret=SecretText("s"))


def principal(access_claims=None, **changes):
    return verified_token(changed(ID_CLAIMS, **changes), PROVIDER, access_claims=access_claims).principal


def refusal(access_claims=None, **changes):
    with pytest.raises(TokenRefused) as refused:
        principal(access_claims, **changes)
    return refused.value.reason


def test_the_primary_sid_says_who_it_is():
    assert principal(primarysid=SID).key == f"adfs|sid|{SID}"
    assert principal(primarysid=SID, upn="renamed@contoso.com").key == f"adfs|sid|{SID}"


def test_without_a_sid_the_upn_says_it_in_any_letter_case():
    assert principal().key == "adfs|upn|alice@contoso.com"
    assert principal(upn="ALICE@Contoso.com").key == principal().key
    assert principal(upn="ALICE@Contoso.com").upn == "ALICE@Contoso.com"


def test_without_a_upn_the_subject_says_it():
    assert principal(upn=..., sub="oaCQ").key == "adfs|sub|oaCQ"
    assert principal(upn="", sub="oaCQ").key == "adfs|sub|oaCQ"


def test_the_same_value_in_another_claim_is_another_user():
    assert len({principal(primarysid="x").key, principal(upn="x").key, principal(upn=..., sub="x").key}) == 3


def test_somebody_must_be_named():
    assert refusal(upn=..., sub=...) == "claim_missing"


@pytest.mark.parametrize("claim", ["upn", "primarysid"])
def test_a_naming_claim_has_one_value(claim):
    assert principal(**{claim: ["one"]}).key.endswith("|one")
    assert refusal(**{claim: ["one", "two"]}) == "claim_ambiguous"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"name": "Alice", "unique_name": "CONTOSO\\alice"}, "Alice"),
        ({"unique_name": ["Alice A.", "CONTOSO\\alice"]}, "Alice A."),
        ({"email": "a@contoso.com"}, "alice@contoso.com"),
        ({"email": "a@contoso.com", "upn": ...}, "a@contoso.com"),
        ({"upn": ..., "sub": "oaCQ"}, "oaCQ"),
    ],
)
def test_a_person_has_a_name_to_show(changes, name):
    assert principal(**changes).name == name


@pytest.mark.parametrize(
    ("changes", "groups"),
    [
        ({"group": "Sales"}, ("Sales",)),
        ({"group": ["Sales", "Staff", "Sales"]}, ("Sales", "Staff")),
        ({"groups": ["Sales"]}, ("Sales",)),
        ({"group": []}, ()),
        ({}, ()),
    ],
)
def test_groups_come_as_a_text_or_as_a_list(changes, groups):
    assert principal(**changes).groups == groups


def test_roles_and_email_are_found_under_their_long_names_too():
    found = principal(
        **{
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "Manager",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": "a@contoso.com",
        }
    )
    assert (found.roles, found.email) == (("Manager",), "a@contoso.com")


def test_a_provider_may_name_its_claims_otherwise():
    provider = IdentityProvider(
        name="other",
        issuer=ISSUER,
        client_id=CLIENT,
        client_secret=SecretText("s"),
        claims=ClaimNames(upn=("preferred_username",)),
    )
    found = verified_token({"sub": "5", "preferred_username": "Bob", "exp": NOW}, provider).principal
    assert (found.key, found.upn) == ("other|upn|bob", "Bob")


def test_claims_stand_in_the_tokens_order_without_those_of_the_protocol():
    found = principal(
        group=["a", "b"],
        sid="session",
        at_hash="h",
        c_hash="c",
        azp=CLIENT,
        jti="1",
        amr=["pwd"],
        email_verified=True,
        level=5,
        address={"country": "DE"},
        nothing=None,
    )
    assert found.claims == (
        Claim("sub", ID_CLAIMS["sub"]),
        Claim("upn", "alice@contoso.com"),
        Claim("group", "a"),
        Claim("group", "b"),
        Claim("amr", "pwd"),
        Claim("email_verified", "true"),
        Claim("level", "5"),
        Claim("address", '{"country":"DE"}'),
    )


def test_the_access_tokens_claims_follow_and_none_stands_twice():
    found = principal(
        changed(ACCESS_CLAIMS, group=["Sales", "Staff"], sub="pairwise", email="a@contoso.com"), group="Sales"
    )
    assert [(claim.type, claim.value) for claim in found.claims] == [
        ("sub", ID_CLAIMS["sub"]),
        ("upn", "alice@contoso.com"),
        ("group", "Sales"),
        ("authmethod", ACCESS_CLAIMS["authmethod"]),
        ("group", "Staff"),
        ("email", "a@contoso.com"),
    ]
    assert (found.groups, found.email) == (("Sales", "Staff"), "a@contoso.com")


def test_the_access_token_may_be_what_names_the_person():
    assert principal(ACCESS_CLAIMS, upn=...).key == "adfs|upn|alice@contoso.com"
    assert principal(changed(ACCESS_CLAIMS, primarysid=SID)).key == f"adfs|sid|{SID}"


def test_both_tokens_must_speak_of_one_person():
    assert principal(changed(ACCESS_CLAIMS, upn="ALICE@contoso.com")).upn == "alice@contoso.com"
    assert refusal(changed(ACCESS_CLAIMS, upn="bob@contoso.com")) == "subject_mismatch"


def test_the_session_ends_with_the_id_token():
    assert verified_token(ID_CLAIMS, PROVIDER).ends_at == ID_CLAIMS["exp"]


def test_the_session_ends_with_the_access_token_where_there_is_one():
    assert verified_token(ID_CLAIMS, PROVIDER, access_claims=ACCESS_CLAIMS).ends_at == ACCESS_CLAIMS["exp"]


def test_where_no_end_is_stated_the_configured_lifetime_counts_from_the_issue():
    assert verified_token(changed(ID_CLAIMS, exp=...), PROVIDER).ends_at == ID_CLAIMS["iat"] + 3600
    with pytest.raises(TokenRefused, match="neither exp nor iat"):
        verified_token(changed(ID_CLAIMS, exp=..., iat=...), PROVIDER)


def test_what_sign_in_and_sign_out_need_is_told_apart():
    token = verified_token(changed(ID_CLAIMS, sid="s-1", amr=["pwd", "mfa"], azp=CLIENT), PROVIDER)
    assert (token.issued_at, token.authenticated_at) == (ID_CLAIMS["iat"], ID_CLAIMS["auth_time"])
    assert (token.subject, token.provider_session, token.client_id) == (ID_CLAIMS["sub"], "s-1", CLIENT)
    assert token.methods == ("pwd", "mfa")


def test_a_bearers_access_token_says_all_of_it_too():
    token = verified_token(ACCESS_CLAIMS, PROVIDER)
    assert token.principal.key == "adfs|upn|alice@contoso.com"
    assert token.ends_at == ACCESS_CLAIMS["exp"]
    assert token.authenticated_at == NOW - 40
    assert (token.subject, token.provider_session, token.client_id) == (None, None, CLIENT)


@pytest.mark.parametrize(
    ("changes", "methods"),
    [
        ({}, ()),
        ({"amr": "pwd"}, ("pwd",)),
        ({"authmethod": "urn:federation:authentication:windows"}, ("urn:federation:authentication:windows",)),
        ({"amr": ["pwd"], "authmethod": ["pwd", "otp"]}, ("pwd", "otp")),
        ({"amr": [["pwd", ["mfa"]], " otp "]}, ("pwd", "mfa", "otp")),
        ({"http://schemas.microsoft.com/ws/2008/06/identity/claims/authenticationmethod": " wia"}, ("wia",)),
        ({"amr": "pwd", "acr": "1"}, ("pwd",)),
        ({"acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"}, ("urn:oasis:names:tc:SAML:2.0:ac:classes:X509",)),
    ],
)
def test_methods_come_from_amr_and_from_ad_fs_authmethod(changes, methods):
    assert verified_token(changed(ID_CLAIMS, **changes), PROVIDER).methods == methods


@pytest.mark.parametrize("claim", ["appid", "azp", "client_id"])
def test_the_client_is_named_by_any_of_three_claims(claim):
    assert verified_token(changed(ID_CLAIMS, **{claim: "phone"}), PROVIDER).client_id == "phone"
