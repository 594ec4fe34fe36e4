import pytest

from proxy.model.provider import CredentialRules
from proxy.policy.credentials import ENTERED, WINDOWS, counts_as_credentials

PLAIN = CredentialRules()
MS = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/"
FORMS = "urn:oasis:names:tc:SAML:1.0:am:password"
MFA = "http://schemas.microsoft.com/claims/multipleauthn"


def counts(*methods, rules=PLAIN, states_methods=True):
    return counts_as_credentials(methods, rules, states_methods=states_methods)


@pytest.mark.parametrize(
    "method",
    [
        FORMS,
        "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        "urn:oasis:names:tc:SAML:1.0:am:X509-PKI",
        "urn:ietf:rfc:2246",
        *(MS + name for name in ("password", "x509", "tlsclient", "smartcard")),
        MFA,
        *("pwd", "otp", "mfa", "hwk", "sc", "ngcmfa"),
        f"  {MS}password ",
        MFA.upper(),
    ],
)
def test_password_certificate_and_second_factor_count_in_every_spelling(method):
    assert counts(method)


@pytest.mark.parametrize(
    "method",
    [
        MS + "windows",
        "urn:federation:authentication:windows",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos",
        "http://schemas.microsoft.com/claims/wiaormultiauthn",
        "wia",
        "kerberos",
    ],
)
def test_windows_authentication_counts_only_where_configured(method):
    assert not counts(method)
    assert counts(method, rules=CredentialRules(windows=True))


@pytest.mark.parametrize("method", ["urn:oasis:names:tc:SAML:1.0:am:unspecified", "rba", "pwd2", "password"])
def test_a_method_that_is_not_listed_does_not_count(method):
    assert not counts(method)
    assert not counts(method, states_methods=False)
    assert counts(method, rules=CredentialRules(counting=frozenset({method.lower()})))


def test_one_method_that_counts_is_enough():
    assert counts(MS + "windows", MFA)
    assert not counts(MS + "windows", MFA, rules=CredentialRules(not_counting=frozenset({MFA})))


def test_an_unstated_method_counts_unless_the_provider_states_methods():
    assert counts(states_methods=False)
    assert not counts(states_methods=True)
    assert not counts(" ", states_methods=True)
    assert counts(states_methods=True, rules=CredentialRules(unstated=True))
    assert not counts(states_methods=False, rules=CredentialRules(unstated=False))


def test_the_tables_are_lower_case_and_apart():
    assert {method.lower() for method in ENTERED | WINDOWS} == ENTERED | WINDOWS
    assert ENTERED.isdisjoint(WINDOWS)
