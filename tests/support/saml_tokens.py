"""SAML tokens of both versions, signed and encrypted as providers do it, with any one thing different."""

from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from proxy.demo.adfs_keys import SigningKey, make_signing_key
from proxy.demo.adfs_saml import encrypted
from proxy.model.provider import IdentityProvider, Protocol, SecretText
from proxy.tokens.saml import SamlExpectation
from proxy.tokens.wstrust import SAML11, SAML20
from proxy.tokens.xml_encryption import DecryptionKey
from proxy.tokens.xml_signature import PinnedCertificate
from proxy.tokens.xml_signing import sign
from support.certificates import encryption_files

NOW = 1_790_000_000.0
ISSUER, REALM = "http://adfs.contoso.com/adfs/services/trust", "https://crm.contoso.com/"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
ID = {SAML11: "AssertionID", SAML20: "ID"}
TRUST_2005 = "http://schemas.xmlsoap.org/ws/2005/02/trust"
TRUST_13 = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
BEARER = {SAML11: "urn:oasis:names:tc:SAML:1.0:cm:bearer", SAML20: "urn:oasis:names:tc:SAML:2.0:cm:bearer"}


def text_of(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def signing_key() -> SigningKey:
    return make_signing_key(NOW)


@cache
def other_key() -> SigningKey:
    return make_signing_key(NOW, "Somebody else")


def pem_of(key: SigningKey) -> bytes:
    """The private key."""
    return key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def decryption_key() -> DecryptionKey:
    return DecryptionKey.from_pem(encryption_files()[0])


def expected(**changes) -> SamlExpectation:
    provider = {"name": "default", "issuer": "", "client_id": "", "client_secret": SecretText("")}
    provider |= {"protocol": Protocol.WS_FEDERATION, **changes.pop("provider", {})}
    facts = {"issuer": ISSUER, "audience": REALM, "decryption_keys": (decryption_key(),)}
    return SamlExpectation(IdentityProvider(**provider), **(facts | changes))


def pinned(key: SigningKey | None = None) -> list[PinnedCertificate]:
    return [PinnedCertificate((key or signing_key()).certificate)]


def assertion(namespace: str, identifier: str = "_original", upn: str = "alice@contoso.com") -> etree._Element:
    """An assertion as yet unsigned."""
    make = _assertion_11 if namespace == SAML11 else _assertion_20
    return make(identifier, upn)


def _assertion_11(identifier: str, upn: str) -> etree._Element:
    method = f"<ConfirmationMethod>{BEARER[SAML11]}</ConfirmationMethod>"
    subject = f"<Subject><SubjectConfirmation>{method}</SubjectConfirmation></Subject>"
    namespace, _, name = UPN.rpartition("/")
    return etree.fromstring(
        f'<Assertion xmlns="{SAML11.strip("{}")}" MajorVersion="1" MinorVersion="1" AssertionID="{identifier}" '
        f'Issuer="{ISSUER}" IssueInstant="{text_of(NOW)}">'
        f'<Conditions NotBefore="{text_of(NOW)}" NotOnOrAfter="{text_of(NOW + 3600)}">'
        f"<AudienceRestrictionCondition><Audience>{REALM}</Audience></AudienceRestrictionCondition></Conditions>"
        f"<Advice/><AttributeStatement>{subject}"
        f'<Attribute AttributeName="{name}" AttributeNamespace="{namespace}"><AttributeValue>{upn}</AttributeValue>'
        "</Attribute></AttributeStatement>"
        f'<AuthenticationStatement AuthenticationMethod="urn:oasis:names:tc:SAML:1.0:am:password" '
        f'AuthenticationInstant="{text_of(NOW)}">{subject}</AuthenticationStatement></Assertion>'
    )


def _assertion_20(identifier: str, upn: str) -> etree._Element:
    return etree.fromstring(
        f'<Assertion xmlns="{SAML20.strip("{}")}" Version="2.0" ID="{identifier}" IssueInstant="{text_of(NOW)}">'
        f"<Issuer>{ISSUER}</Issuer><Subject><NameID>{upn}</NameID>"
        f'<SubjectConfirmation Method="{BEARER[SAML20]}"><SubjectConfirmationData '
        f'NotOnOrAfter="{text_of(NOW + 300)}"/></SubjectConfirmation></Subject>'
        f'<Conditions NotBefore="{text_of(NOW)}" NotOnOrAfter="{text_of(NOW + 3600)}">'
        f"<AudienceRestriction><Audience>{REALM}</Audience></AudienceRestriction></Conditions><Advice/>"
        f'<AttributeStatement><Attribute Name="{UPN}"><AttributeValue>{upn}</AttributeValue></Attribute>'
        f'</AttributeStatement><AuthnStatement AuthnInstant="{text_of(NOW)}" SessionIndex="_1"><AuthnContext>'
        "<AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
        "</AuthnContextClassRef></AuthnContext></AuthnStatement></Assertion>"
    )


def signed(root: etree._Element, key: SigningKey | None = None) -> etree._Element:
    """The assertion, signed where its version has the signature."""
    key = key or signing_key()
    namespace = f"{{{root.nsmap[None]}}}"
    sign(root, ID[namespace], key.private, key.certificate, position=1 if namespace == SAML20 else None)
    return root


def sealed(root: etree._Element) -> etree._Element:
    """The element encrypted: bare for 1.1, as an EncryptedAssertion for 2.0."""
    data = encrypted(root, encryption_files()[1])
    if root.nsmap.get(None) != SAML20.strip("{}"):
        return data
    holder = etree.Element(f"{SAML20}EncryptedAssertion", nsmap={None: SAML20.strip("{}")})
    holder.append(data)
    return holder


def response(*tokens: etree._Element, trust: str = TRUST_2005) -> etree._Element:
    """A response with these in its RequestedSecurityToken; WS-Trust 1.3 in its collection."""
    inner = etree.Element(f"{{{trust}}}RequestSecurityTokenResponse", nsmap={"t": trust})
    requested = etree.SubElement(inner, f"{{{trust}}}RequestedSecurityToken")
    requested.extend(tokens)
    if trust == TRUST_2005:
        return inner
    collection = etree.Element(f"{{{trust}}}RequestSecurityTokenResponseCollection", nsmap={"t": trust})
    collection.append(inner)
    return collection


def as_text(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode")
