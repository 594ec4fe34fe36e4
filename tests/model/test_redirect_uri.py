"""Redirect URIs: one for each OpenID provider where several answer at a host, the common one elsewhere."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.configuration.redirects import redirect_faults
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol, SecretText
from proxy.model.redirect_uri import Redirects, callback_of, canonical_callback, host_of
from proxy.policy.target import judge_target

ADFS = IdentityProvider("adfs", "https://adfs.contoso.com/adfs", "a", SecretText("s"))
PARTNER = replace(ADFS, name="partner", issuer="https://login.partner.com")
FEDERATED = replace(PARTNER, protocol=Protocol.WS_FEDERATION, metadata="https://login.partner.com/metadata")


def organization(name: str, provider: str, *hosts: str, path: str = "") -> Organization:
    return Organization(name=name, id=name, hosts=hosts, upstream="http://a", path=path, identity_provider=provider)


def by_path(*providers: IdentityProvider) -> Redirects:
    organizations = [organization(each.name, each.name, "crm.contoso.com", path=f"/{each.name}") for each in providers]
    return Redirects.among([*organizations, organization("alone", "adfs", "alone.contoso.com")], providers)


def test_two_providers_at_one_host_have_a_redirect_uri_each():
    redirects = by_path(ADFS, PARTNER)
    assert redirects.endpoint(ADFS, "crm.contoso.com") == "callback/adfs"
    assert redirects.endpoint(PARTNER, "CRM.contoso.com:8443") == "callback/partner"
    assert redirects.endpoint(ADFS, "alone.contoso.com") == "callback"


@pytest.mark.parametrize("providers", [(ADFS,), (ADFS, FEDERATED)])
def test_the_only_openid_provider_of_a_host_keeps_the_common_one(providers):
    """WS-Federation responses have another endpoint."""
    assert by_path(*providers).endpoint(ADFS, "crm.contoso.com") == "callback"


@pytest.mark.parametrize(
    ("other", "expected"), [("auth.contoso.com:444", "callback/adfs"), ("auth.fabrikam.com", "callback")]
)
def test_a_common_sign_in_host_is_a_shared_host(other, expected):
    adfs = replace(ADFS, sign_in_host="auth.contoso.com")
    partner = replace(PARTNER, sign_in_host=other)
    organizations = [organization("a", "adfs", "a.contoso.com"), organization("b", "partner", "b.contoso.com")]
    assert Redirects.among(organizations, [adfs, partner]).endpoint(adfs, "a.contoso.com") == expected


def test_a_sign_in_host_that_is_another_organization_s_own_host_is_shared():
    partner = replace(PARTNER, sign_in_host="a.contoso.com:8443")
    organizations = [organization("a", "adfs", "a.contoso.com"), organization("b", "partner", "b.contoso.com")]
    redirects = Redirects.among(organizations, [ADFS, partner])
    assert redirects.endpoint(ADFS, "a.contoso.com:8443") == "callback/adfs"
    assert redirects.endpoint(partner, "b.contoso.com:8443") == "callback/partner"


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("Contoso AD FS", "callback/Contoso%20AD%20FS"),
        ("b\u00fcro", "callback/b%C3%BCro"),
        ("50%", "callback/50%25"),
        ("a%41", "callback/a%2541"),
        ("callback", "callback/callback"),
        ("a@b", "callback/a%40b"),
    ],
)
def test_a_name_is_one_encoded_segment_and_is_decoded_once(name, endpoint):
    assert callback_of(name) == endpoint
    segment = endpoint.partition("/")[2]
    assert canonical_callback(segment) == endpoint
    assert canonical_callback(segment.lower()) == callback_of(name.lower())
    assert (canonical_callback(quote(segment, safe="")) == endpoint) is ("%" not in segment)


def test_a_segment_that_is_not_utf_8_names_no_provider():
    assert canonical_callback("b%FCro") is None
    assert canonical_callback("b%C3%BCro") == "callback/b%C3%BCro"


def sharing(*names: str) -> dict[str, object]:
    return {
        "organizations": [
            {
                "hosts": ["crm.contoso.com"],
                "path": f"/{number}",
                "identity_provider": {"name": name, "protocol": "oidc"},
            }
            for number, name in enumerate(names)
        ]
    }


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20))
def test_a_name_that_check_accepts_reaches_its_endpoint(name):
    if any(redirect_faults(sharing("honest", name))):
        return
    path = f"/.claims/{callback_of(name)}"
    assert judge_target(path, allow_encoded_slash=False) == path
    assert canonical_callback(path.rpartition("/")[2]) == callback_of(name)


@pytest.mark.parametrize(("authority", "host"), [("A.b:1", "a.b"), ("[::1]:1", "[::1]"), ("[::1]", "[::1]")])
def test_a_host_is_an_authority_without_its_port(authority, host):
    assert host_of(authority) == host
