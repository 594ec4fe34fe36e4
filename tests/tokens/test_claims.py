from dataclasses import replace

import pytest

from proxy.errors import TokenRefused
from proxy.model.principal import Claim
from proxy.model.provider import ClaimNames, IdentityProvider, Protocol, SecretText
from proxy.tokens.claims import verified_token
from support.tokens import ACCESS_CLAIMS, CLIENT, ID_CLAIMS, ISSUER, NOW, SID, changed

PROVIDER = IdentityProvider(name="adfs", issuer=ISSUER, client_id=CLIENT, client_secret=SecretText("s"))


def principal(access_claims=None, *, vouches=True, provider=PROVIDER, **changes):
    """As AD FS, which vouches for the addresses of its directory, unless told otherwise."""
    claims = changed(ID_CLAIMS, **changes)
    return verified_token(claims, provider, access_claims=access_claims, vouches_for_addresses=vouches).principal


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


_ADDRESS, _LONG = "a@contoso.com", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"


@pytest.mark.parametrize("vouches", [True, False])
@pytest.mark.parametrize("stated", [False, "false", "False", 0, "0", [False], [True, False], {}, "no"])
def test_address_that_is_not_verified_is_no_address(stated, vouches):
    found = principal(vouches=vouches, email=_ADDRESS, email_verified=stated, **{_LONG: _ADDRESS})
    assert found.email is None
    assert found.values("email") == found.values(_LONG) == ()
    assert principal(vouches=vouches, email=_ADDRESS, email_verified=True).email == _ADDRESS


@pytest.mark.parametrize("stated", [True, "true", "True", 1, [True]])
def test_address_that_is_verified_counts(stated):
    found = principal(vouches=False, email=_ADDRESS, email_verified=stated)
    assert (found.email, found.values("email")) == (_ADDRESS, (_ADDRESS,))


@pytest.mark.parametrize("stated", [..., None, "", []])
def test_address_without_a_statement_counts_only_where_the_provider_is_vouched_for(stated):
    for vouches, email in ((True, _ADDRESS), (False, None)):
        found = principal(vouches=vouches, email=_ADDRESS, email_verified=stated)
        assert found.email == email
        assert found.values("email") == ((email,) if email else ())


def test_statement_is_about_the_claim_email_of_its_own_token():
    provider = replace(PROVIDER, claims=ClaimNames(email=("mail", "email")))
    told = {"mail": "other@contoso.com", "email": _ADDRESS, "email_verified": True}
    assert principal(vouches=False, provider=provider, **told).email == _ADDRESS
    assert principal(vouches=True, provider=provider, **told).email == "other@contoso.com"
    access = changed(ACCESS_CLAIMS, email="other@contoso.com", upn=...)
    assert principal(access, vouches=False, email_verified=True).email is None
    assert principal(access, vouches=True, email_verified=True).email == "other@contoso.com"
    assert principal(access, vouches=True, email_verified=False).email is None


def test_address_that_is_not_verified_names_nobody():
    by_address = replace(PROVIDER, claims=ClaimNames(upn=("email",)))
    found = principal(vouches=False, provider=by_address, email=_ADDRESS, email_verified=False, sub="oaCQ")
    assert (found.key, found.upn, found.user) == ("adfs|sub|oaCQ", None, "oaCQ")
    found = principal(vouches=False, provider=by_address, email=_ADDRESS, email_verified=True, sub="oaCQ")
    assert (found.key, found.user) == (f"adfs|upn|{_ADDRESS}", _ADDRESS)


def test_claim_that_names_the_person_stays_a_name_where_it_is_the_address_too():
    both = replace(PROVIDER, claims=ClaimNames(email=("upn",)))
    found = principal(vouches=False, provider=both, email_verified=False)
    assert (found.key, found.email) == ("adfs|upn|alice@contoso.com", "alice@contoso.com")


def test_ws_federation_vouches_for_its_addresses():
    federated = replace(PROVIDER, protocol=Protocol.WS_FEDERATION)
    assert principal(vouches=False, provider=federated, **{_LONG: [_ADDRESS]}).email == _ADDRESS


@pytest.mark.parametrize(
    ("upn", "same"), [("KIM@contoso.com", True), ("\u212aim@contoso.com", False), ("\u017fkim@contoso.com", False)]
)
def test_only_ascii_letters_of_a_upn_fold(upn, same):
    assert (principal(upn=upn).key == principal(upn="kim@contoso.com").key) is same
    access = changed(ACCESS_CLAIMS, upn="kim@contoso.com")
    if same:
        assert principal(access, upn=upn).key == "adfs|upn|kim@contoso.com"
    else:
        assert refusal(access, upn=upn) == "subject_mismatch"


def test_display_name_identifies_nobody():
    found = principal(upn=..., sub="oaCQ", name="Administrator")
    assert (found.user, found.display_name, found.provider) == ("oaCQ", "Administrator", "adfs")
    assert principal(upn=..., sub=..., primarysid=SID, name="Administrator").user == SID
    assert principal(name="alice@contoso.com").display_name is None
