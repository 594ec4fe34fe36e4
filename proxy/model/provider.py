"""What we are told of an identity provider, and what it tells of itself."""

from dataclasses import dataclass
from enum import StrEnum

from proxy.model.time import Seconds


class Protocol(StrEnum):
    """How we speak with the provider."""

    OIDC = "oidc"
    WS_FEDERATION = "ws-federation"


class ResponseMode(StrEnum):
    """How the provider answers (OAuth 2.0 Multiple Response Types; Form Post Response Mode)."""

    QUERY = "query"
    FORM_POST = "form_post"


class ClientAuthentication(StrEnum):
    """How we authenticate at the token endpoint (OpenID Connect Core, section 9)."""

    SECRET_POST = "client_secret_post"  # noqa: S105 - the method's name
    SECRET_BASIC = "client_secret_basic"  # noqa: S105 - the method's name


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Which claims of the provider carry what; defaults are AD FS's and the standard's, first found wins."""

    upn: tuple[str, ...] = (
        "upn",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    )
    sid: tuple[str, ...] = (
        "primarysid",
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarysid",
    )
    name: tuple[str, ...] = (
        "name",
        "unique_name",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    )
    email: tuple[str, ...] = (
        "email",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    )
    groups: tuple[str, ...] = (
        "group",
        "groups",
        "http://schemas.xmlsoap.org/claims/Group",
    )
    roles: tuple[str, ...] = (
        "role",
        "roles",
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    )


class SecretText(str):
    """A text that never shows itself in a repr, and so in no log line or traceback that prints values."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretText(…)"


SIGNATURE_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signature algorithms that a provider may use; `none` and HMAC are never among them."""

OFFLINE_ACCESS = "offline_access"
"""The scope that asks for a refresh token (OpenID Connect Core, section 11)."""

PASSWORD = "urn:oasis:names:tc:SAML:1.0:am:password"  # noqa: S105 - the method's name
"""Forms sign-in, as WS-Federation's `wauth` names it."""


def normalized_method(method: str) -> str:
    """Return an authentication method's name for comparison: URIs differ in letter case, and claim rules add blanks."""
    return method.strip().lower()


@dataclass(frozen=True, slots=True)
class CredentialRules:
    """Which authentications of a provider count as entering credentials, beyond `policy.credentials`.

    Attributes:
        windows: Integrated Windows Authentication counts.
        unstated: an authentication whose method the token does not state counts; None: it does unless the provider is
            AD FS, which states a method wherever a claim rule passes it on.
        counting: further methods that count, as `normalized_method` spells them.
        not_counting: methods that do not count although the table lists them.
    """

    windows: bool = False
    unstated: bool | None = None
    counting: frozenset[str] = frozenset()
    not_counting: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """One identity provider, as configured. Keep `client_secret` out of every log: `repr` leaves it out.

    `issuer`: the exact `issuer` of discovery, e.g. `https://adfs.contoso.com/adfs`. `resource`: AD FS's relying party
    identifier to ask an access token for. `token_lifetime`: seconds a session lasts where the provider states no end.
    `credentials`: which authentications satisfy a request for credentials. `send_max_age`: ask for them with
    `max_age=0` beside `prompt=login`; some providers refuse it.
    `maximum_token_lifetime`: a token that claims to live longer is refused. `leeway`: seconds, for tokens only.

    WS-Federation: `metadata`: URL or file of the federation metadata; `realm`: wtrealm; `home_realm`: whr; `wauth`: the
    method asked for where credentials are owed; `wreply`: sent in place of our own address; `decryption_keys`: PEM
    files of private keys, each with its certificate if that is to be published; `allow_sha1`: rsa-sha1 signatures too.
    `sign_in_host`: `auth.contoso.com[:port]`, the one host that takes the provider's answers for all organizations.
    `refresh`: renew sessions with refresh tokens where custom session timeouts are off. `trust_unverified_email`: an
    address counts where an OpenID provider other than AD FS does not state `email_verified`; None: not decided.
    `id_token_algorithms`: those that the provider signs id tokens and logout tokens for this client with; empty: RS256.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: SecretText
    protocol: Protocol = Protocol.OIDC
    client_authentication: ClientAuthentication = ClientAuthentication.SECRET_POST
    resource: str | None = None
    scopes: tuple[str, ...] = ("openid",)
    response_mode: ResponseMode = ResponseMode.QUERY
    claims: ClaimNames = ClaimNames()
    token_lifetime: Seconds = 3600.0
    credentials: CredentialRules = CredentialRules()
    send_max_age: bool = True
    maximum_token_lifetime: Seconds = 86400.0
    leeway: Seconds = 60.0
    realm: str | None = None
    metadata: str | None = None
    home_realm: str | None = None
    wauth: str = PASSWORD
    wreply: str | None = None
    decryption_keys: tuple[str, ...] = ()
    allow_sha1: bool = False
    sign_in_host: str | None = None
    refresh: bool = False
    id_token_algorithms: tuple[str, ...] = ()
    trust_unverified_email: bool | None = None


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """What an OpenID provider's discovery document says, as far as we use it (OpenID Connect Discovery, section 3).

    `access_token_issuer`: AD FS alone states it; access tokens may carry it for `iss`.
    `iss_in_response`: the provider promises `iss` in its authorization response (RFC 9207, section 3).
    `revocation_endpoint`: where tokens are revoked (RFC 7009; RFC 8414, section 2). `offers_offline_access`: it lists
    the scope that asks for a refresh token (OpenID Connect Core, section 11).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    access_token_issuer: str | None = None
    iss_in_response: bool = False
    revocation_endpoint: str | None = None
    offers_offline_access: bool = False
    id_token_signing_algs: tuple[str, ...] = ("RS256",)

    def vouches_for_addresses(self, settings: IdentityProvider) -> bool:
        """Return True if e-mail addresses count although the provider does not state that they are verified.

        AD FS takes them from the directory and never states it.
        """
        return self.access_token_issuer is not None or settings.trust_unverified_email is True

    def id_token_algorithms(self, settings: IdentityProvider) -> tuple[str, ...]:
        """Return the algorithms that id tokens and logout tokens for this client may have.

        Discovery lists those of all clients. Which one a client gets is its `id_token_signed_response_alg`, by default
        RS256 (OpenID Connect Core, section 3.1.3.7, step 7). A provider that does not offer RS256 may use any it lists.
        """
        listed = self.id_token_signing_algs
        return settings.id_token_algorithms or (("RS256",) if "RS256" in listed else listed)
