"""What makes a SAML token acceptable, and what it then says."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from proxy.errors import TokenRefused
from proxy.model.provider import IdentityProvider, Protocol, SecretText
from proxy.tokens.keys import UnknownKey
from proxy.tokens.saml import SamlExpectation, verify_response
from proxy.tokens.wstrust import SAML11, SAML20
from proxy.tokens.xml_signature import PinnedCertificate
from support.saml_tokens import (
    ISSUER,
    NOW,
    REALM,
    TRUST_13,
    TRUST_2005,
    UPN,
    as_text,
    assertion,
    expected,
    pinned,
    response,
    sealed,
    signed,
    text_of,
)

BOTH = pytest.mark.parametrize("namespace", [SAML11, SAML20], ids=["SAML 1.1", "SAML 2.0"])


def token(namespace: str, *changes: tuple[str, str]) -> str:
    """A response whose assertion was changed before it was signed."""
    text = as_text(assertion(namespace))
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return as_text(response(signed(etree.fromstring(text))))


def verified(text: str, now: float = NOW, **changes):
    return verify_response(text, pinned(), expected(**changes), now)


def reason_of(text: str, now: float = NOW, **changes) -> str:
    with pytest.raises(TokenRefused) as refused:
        verified(text, now, **changes)
    return refused.value.reason


@BOTH
@pytest.mark.parametrize("trust", [TRUST_2005, TRUST_13])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_good_token_says_who_until_when_and_how(namespace, trust, hidden):
    whole = signed(assertion(namespace))
    said = verified(as_text(response(sealed(whole) if hidden else whole, trust=trust)))
    assert said.token_id == "_original"
    assert said.token.principal.key == "default|upn|alice@contoso.com"
    assert (said.token.ends_at, said.token.issued_at, said.token.authenticated_at) == (NOW + 3600, NOW, NOW)
    assert said.token.methods[0].endswith((":password", "PasswordProtectedTransport"))


def test_an_assertion_alone_is_taken_too():
    assert verified(as_text(signed(assertion(SAML11)))).token.principal.upn == "alice@contoso.com"


@BOTH
def test_issuer_and_audience_are_exact(namespace):
    text = token(namespace)
    assert verified(text).token_id == "_original"
    assert reason_of(text, issuer=ISSUER + "/") == "issuer"
    assert reason_of(text, audience=REALM.rstrip("/")) == "audience"
    assert reason_of(text, audience=REALM.upper()) == "audience"


@BOTH
def test_conditions_hold_to_the_instant_with_the_leeway(namespace):
    text = token(namespace, (text_of(NOW + 300), text_of(NOW + 3600))) if namespace == SAML20 else token(namespace)
    assert verified(text, NOW - 60).token_id
    assert reason_of(text, NOW - 60.1) == "not_yet_valid"
    assert verified(text, NOW + 3659.9).token_id
    assert reason_of(text, NOW + 3660) == "expired"


def test_a_confirmation_of_saml_2_may_end_sooner():
    text = token(SAML20)
    assert verified(text, NOW + 359).token.ends_at == NOW + 3600
    assert reason_of(text, NOW + 360) == "expired"


@BOTH
def test_a_token_that_lives_too_long_or_not_at_all_is_refused(namespace):
    longer = token(namespace, (text_of(NOW + 3600), text_of(NOW + 90_000)))
    assert reason_of(longer) == "lifetime"
    assert verified(longer, provider={"maximum_token_lifetime": 100_000.0}).token.ends_at == NOW + 90_000
    assert reason_of(token(namespace, (text_of(NOW + 3600), text_of(NOW - 5)))) == "lifetime"


@BOTH
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (":cm:bearer", ":cm:holder-of-key", "confirmation"),
        ("<Advice/>", "", None),
        ("<Conditions ", "<Conditions><Unknown/></Conditions><Conditions ", "conditions"),
        ("2026-", "+2026-", "structure"),
    ],
)
def test_what_a_token_must_say(namespace, old, new, reason):
    text = token(namespace, (old, new))
    if reason is None:
        assert verified(text).token_id
    else:
        assert reason_of(text) == reason


def test_a_bearer_beside_another_method_is_no_bearer():
    method = "<ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:"
    one, other = (f"{method}{name}</ConfirmationMethod>" for name in ("bearer", "sender-vouches"))
    text = token(SAML11, (one, one + other))
    assert reason_of(text) == "confirmation"


@BOTH
def test_where_no_end_is_stated_the_configured_lifetime_counts(namespace):
    text = token(namespace, (f'NotOnOrAfter="{text_of(NOW + 3600)}"', ""))
    if namespace == SAML20:
        text = token(
            namespace, (f'NotOnOrAfter="{text_of(NOW + 3600)}"', ""), (f'NotOnOrAfter="{text_of(NOW + 300)}"', "")
        )
    assert verified(text).token.ends_at == NOW + 3600
    assert verified(text, provider={"token_lifetime": 600.0}).token.ends_at == NOW + 600
    assert reason_of(text, NOW + 660, provider={"token_lifetime": 600.0}) == "expired"


@BOTH
def test_an_unknown_condition_is_refused_and_a_harmless_one_is_not(namespace):
    known = "DoNotCacheCondition" if namespace == SAML11 else "OneTimeUse"
    assert verified(token(namespace, ("</Conditions>", f"<{known}/></Conditions>"))).token_id
    assert reason_of(token(namespace, ("</Conditions>", "<Proxied/></Conditions>"))) == "conditions"


def test_a_token_without_an_authentication_statement_is_refused():
    root = assertion(SAML11)
    root.remove(root.find(f"{SAML11}AuthenticationStatement"))
    assert reason_of(as_text(response(signed(root)))) == "no_authentication_statement"


@BOTH
def test_an_authentication_that_has_not_happened_yet_is_none(namespace):
    for after, known in ((60, NOW + 60), (61, None)):
        name = "AuthenticationInstant" if namespace == SAML11 else "AuthnInstant"
        stated = f'{name}="{text_of(NOW)}"', f'{name}="{text_of(NOW + after)}"'
        assert verified(token(namespace, stated)).token.authenticated_at == known


def test_two_people_in_one_token_are_refused():
    one, other = (f"<Subject><NameIdentifier>{name}</NameIdentifier>" for name in ("alice", "bob"))
    text = as_text(assertion(SAML11)).replace("<Subject>", one, 1)
    assert verified(as_text(response(signed(etree.fromstring(text))))).token.subject == "alice"
    text = other.join(text.rsplit("<Subject>", 1))
    assert reason_of(as_text(response(signed(etree.fromstring(text))))) == "several_subjects"


def test_a_recipient_must_be_on_our_host():
    data = "<SubjectConfirmationData "
    text = token(SAML20, (data, f'{data}Recipient="{REALM}.claims/wsfed" '))
    assert verified(text, reply_to=f"{REALM}.claims/wsfed").token_id
    assert verified(text, reply_to=REALM).token_id
    assert reason_of(text, reply_to="https://other.contoso.com/.claims/wsfed") == "recipient"
    assert verified(text).token_id


@BOTH
def test_values_keep_their_order_and_types_are_those_of_the_version(namespace):
    group = "http://schemas.xmlsoap.org/claims/Group"
    named = f'Name="{group}"'
    if namespace == SAML11:
        named = 'AttributeName="Group" AttributeNamespace="http://schemas.xmlsoap.org/claims"'
    values = "".join(f"<AttributeValue>{name}</AttributeValue>" for name in ("Sales", "", "Service", "Sales"))
    text = token(namespace, ("</AttributeStatement>", f"<Attribute {named}>{values}</Attribute></AttributeStatement>"))
    principal = verified(text).token.principal
    assert principal.values(group) == ("Sales", "Service")
    assert principal.groups == ("Sales", "Service")
    assert principal.values(UPN) == ("alice@contoso.com",)


@pytest.mark.parametrize("name", ["exp", "sub", "amr", "authmethod", "auth_time", "sid", "iat"])
def test_attributes_named_like_facts_of_the_token_are_not_believed(name):
    more = f'<Attribute Name="{name}"><AttributeValue>9999999999</AttributeValue></Attribute></AttributeStatement>'
    said = verified(token(SAML20, ("</AttributeStatement>", more))).token
    assert (said.ends_at, said.authenticated_at, said.subject) == (NOW + 3600, NOW, "alice@contoso.com")
    assert "9999999999" not in str(said)


def test_a_value_with_elements_in_it_is_no_text():
    more = '<Attribute Name="x"><AttributeValue>a<b/>c</AttributeValue></Attribute></AttributeStatement>'
    assert verified(token(SAML20, ("</AttributeStatement>", more))).token.principal.values("x") == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no XML",
        "<a/>",
        f'<t:RequestSecurityTokenResponse xmlns:t="{TRUST_2005}"/>',
        as_text(response()),
        f'<t:RequestSecurityTokenResponseCollection xmlns:t="{TRUST_13}"/>',
    ],
)
def test_what_is_no_response_is_refused(text):
    assert reason_of(text) in {"malformed", "structure", "several_tokens"}


# Real artefacts of AD FS.


@pytest.fixture
def adfs(shared_folder):
    return shared_folder / "fixtures" / "adfs"


ISSUED = datetime(2014, 2, 26, 23, 0, tzinfo=UTC).timestamp()


def of_cas(folder, name: str, certificate: str = "unicon-signing.crt", now: float = ISSUED, *, allow_sha1: bool = True):
    provider = IdentityProvider(
        "default", "", "", SecretText(""), protocol=Protocol.WS_FEDERATION, allow_sha1=allow_sha1
    )
    expectation = SamlExpectation(provider, "http://adfs.example.com/adfs/services/trust", "urn:federation:cas")
    keys = [PinnedCertificate((folder / certificate).read_bytes())]
    return verify_response((folder / f"rstr-saml11-{name}.xml").read_text(), keys, expectation, now)


def test_the_real_token_is_accepted_within_its_life_by_an_expired_certificate(adfs):
    token = of_cas(adfs, "good").token
    assert token.principal.upn == "jgasper@example.com"
    assert token.principal.groups == ("example.com\\Domain Users",)
    assert token.methods == ("urn:federation:authentication:windows",)


@pytest.mark.parametrize("name", ["attribute-changed", "signature-changed"])
def test_its_tampered_twins_are_refused_for_their_signature(adfs, name):
    with pytest.raises(TokenRefused) as refused:
        of_cas(adfs, name)
    assert refused.value.reason == "signature"


def test_with_another_certificate_alone_its_key_is_unknown(adfs):
    with pytest.raises(UnknownKey):
        of_cas(adfs, "good", "unicon-other-signing.crt")


def test_it_is_refused_once_it_is_old_and_where_sha1_is_not_allowed(adfs):
    with pytest.raises(TokenRefused, match="expired"):
        of_cas(adfs, "good", now=ISSUED + 3600)
    with pytest.raises(TokenRefused, match="algorithm"):
        of_cas(adfs, "good", allow_sha1=False)
