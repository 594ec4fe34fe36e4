"""Authentication methods that count as entering credentials, in every spelling that providers send.

Sources: SAML 1.1 core, section 7.1; SAML 2.0 Authentication Context; RFC 8176; the `AuthenticationMethods` class of
Windows Identity Foundation, whose names AD FS uses; [MS-OAPX] 2.2.2.10 (`ngcmfa`).
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from proxy.model.provider import CredentialRules, normalized_method

_SAML11 = "urn:oasis:names:tc:saml:1.0:am:"
_SAML20 = "urn:oasis:names:tc:saml:2.0:ac:classes:"
_MS2008 = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/"
_MS2012 = "http://schemas.microsoft.com/ws/2012/12/authmethod/"
_MS_CLAIMS = "http://schemas.microsoft.com/claims/"


def _below(prefix: str, names: str) -> Iterator[str]:
    return (prefix + name for name in names.split())


ENTERED = frozenset(
    chain(
        _below("", "pwd pin otp sms tel kba mca mfa ngcmfa fido hwk sc x509 fpt face iris retina vbm"),
        _below(_SAML11, "password hardwaretoken x509-pki"),
        _below(_SAML20, "password passwordprotectedtransport internetprotocolpassword secureremotepassword"),
        _below(_SAML20, "x509 tlsclient smartcard smartcardpki softwarepki timesynctoken"),
        _below(_SAML20, "mobiletwofactorcontract mobiletwofactorunregistered"),
        _below(_MS2008, "password x509 tlsclient smartcard smartcardpki hardwaretoken secureremotepassword"),
        _below(_MS2012, "otp smsotp phoneconfirmation phoneappnotification phoneappotp"),
        # RFC 2246: a TLS client certificate; RFC 2945: a password by SRP (SAML 1.1 core, 7.1).
        (_MS_CLAIMS + "multipleauthn", "urn:ietf:rfc:2246", "urn:ietf:rfc:2945"),
    )
)
"""Methods that require the user to do something: a password, a certificate, a second factor. Lower case."""

WINDOWS = frozenset(
    chain(
        _below("", "wia kerberos"),
        _below(_SAML20, "kerberos"),
        _below(_MS2008, "windows kerberos"),
        (_MS_CLAIMS + "wiaormultiauthn", "urn:federation:authentication:windows", "urn:ietf:rfc:1510"),
    )
)
"""Integrated Windows Authentication, which a browser answers without its user. Lower case."""


def is_listed(method: str) -> bool:
    """Return True if a table names this method."""
    return normalized_method(method) in ENTERED | WINDOWS


def counts_as_credentials(methods: Iterable[str], rules: CredentialRules, *, states_methods: bool) -> bool:
    """Return True if an authentication by these methods proves that the user entered credentials.

    One method that counts is enough: AD FS states Windows authentication and its second factor together. A method that
    is stated and not listed does not count.

    Args:
        methods: as the token states them.
        rules: the provider's, which come before the tables.
        states_methods: the provider states a method, as AD FS does, so a token without one proves nothing.
    """
    stated = {normalized_method(method) for method in methods} - {""}
    if not stated:
        return not states_methods if rules.unstated is None else rules.unstated
    counting = {*ENTERED, *(WINDOWS if rules.windows else ()), *rules.counting} - {*rules.not_counting}
    return not stated.isdisjoint(counting)
