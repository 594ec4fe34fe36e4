"""The one token in a `wresult`: WS-Trust 2005/02 as AD FS answers, or 1.3 with its collection.

Lifetime, AppliesTo and TokenType stand outside every signature, so nothing of them is read.
"""

from collections.abc import Sequence
from typing import Final

from lxml import etree

from proxy.errors import TokenRefused
from proxy.tokens.xml import alone, children, descendants, only, parse
from proxy.tokens.xml_encryption import XENC, DecryptionKey, decrypt, not_decrypted

SAML11: Final = "{urn:oasis:names:tc:SAML:1.0:assertion}"
SAML20: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"
ASSERTIONS: Final = (f"{SAML11}Assertion", f"{SAML20}Assertion")
_TRUSTS = (
    "{http://schemas.xmlsoap.org/ws/2005/02/trust}",
    "{http://docs.oasis-open.org/ws-sx/ws-trust/200512}",
)
_ENCRYPTED = (f"{XENC}EncryptedData", f"{SAML20}EncryptedAssertion")


def token_of(wresult: str, keys: Sequence[DecryptionKey]) -> etree._Element:
    """The assertion, decrypted if need be, as the root of a document of its own.

    `wresult`: a response, or an assertion alone. Raises TokenRefused.
    """
    return assertion_of(parse(wresult.encode("utf-8", "surrogatepass")), keys)


def assertion_of(root: etree._Element, keys: Sequence[DecryptionKey]) -> etree._Element:
    """As `token_of`, of a document that is parsed. Raises TokenRefused."""
    found = root if root.tag in (*ASSERTIONS, *_ENCRYPTED) else _requested(root)
    plain = list(descendants(root, *ASSERTIONS))
    if found.tag in ASSERTIONS:
        if plain != [found]:
            raise TokenRefused("several_tokens", "one assertion would be right")
        return alone(found)
    if plain:
        raise TokenRefused("several_tokens", "an assertion beside an encrypted one")
    return _opened(decrypt(_encrypted_data(found), keys))


def _opened(plain: bytes) -> etree._Element:
    """What was decrypted, as an assertion. Whether it is XML must not be told apart from whether it was decrypted."""
    try:
        root = parse(plain)
    except TokenRefused:
        raise not_decrypted() from None
    if root.tag not in ASSERTIONS or len(list(descendants(root, *ASSERTIONS))) != 1:
        raise not_decrypted()
    return root


def _requested(root: etree._Element) -> etree._Element:
    """What stands in the one RequestedSecurityToken."""
    for trust in _TRUSTS:
        response = root
        if root.tag == f"{trust}RequestSecurityTokenResponseCollection":
            response = only(root, f"{trust}RequestSecurityTokenResponse", "several_tokens")
        if response.tag == f"{trust}RequestSecurityTokenResponse":
            requested = only(response, f"{trust}RequestedSecurityToken", "several_tokens")
            if len(requested) != 1 or requested[0].tag not in (*ASSERTIONS, *_ENCRYPTED):
                raise TokenRefused("several_tokens", "one SAML token, plain or encrypted, would be right")
            return requested[0]
    raise TokenRefused("structure", "no RequestSecurityTokenResponse of WS-Trust 2005/02 or 1.3")


def _encrypted_data(found: etree._Element) -> etree._Element:
    if found.tag == f"{XENC}EncryptedData":
        return found
    inner = children(found, f"{XENC}EncryptedData")
    if len(inner) != 1:
        raise TokenRefused("several_tokens", "one EncryptedData would be right")
    return inner[0]
