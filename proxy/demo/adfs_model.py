"""Who may sign in at the AD FS double, for whom it answers, and what it remembers of a sign-in."""

import hashlib
from dataclasses import dataclass, field
from enum import Enum

from proxy.demo.adfs_keys import base64url
from proxy.model.time import Instant

DOMAIN = "CONTOSO"
UPN_SUFFIX = "contoso.com"
_METHODS = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/"
_MULTIPLE = "http://schemas.microsoft.com/claims/multipleauthn"


class Method(Enum):
    """How a user authenticated: what `amr` lists, the last of which is `authmethod`, and SAML 1.1's name for it."""

    FORMS = ((f"{_METHODS}password",), "urn:oasis:names:tc:SAML:1.0:am:password")
    WINDOWS = ((f"{_METHODS}windows",), "urn:federation:authentication:windows")
    CERTIFICATE = ((f"{_METHODS}x509",), "urn:ietf:rfc:2246")
    MFA = ((f"{_METHODS}password", _MULTIPLE), _MULTIPLE)

    def __init__(self, amr: tuple[str, ...], saml: str) -> None:
        self.amr = amr
        self.saml = saml


@dataclass(frozen=True, slots=True)
class Person:
    """One account. `relative_id` ends the primary SID."""

    account: str
    name: str
    relative_id: int
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def upn(self) -> str:
        """The user principal name."""
        return f"{self.account}@{UPN_SUFFIX}"

    @property
    def unique_name(self) -> str:
        r"""The Windows account name, `CONTOSO\alice`."""
        return f"{DOMAIN}\\{self.account}"

    @property
    def primary_sid(self) -> str:
        """The primary SID."""
        return f"S-1-5-21-1004336348-1177238915-682003330-{self.relative_id}"

    def known_as(self, typed: str) -> bool:
        r"""Whether a person typed this account's name, in any of `alice`, `alice@contoso.com`, `CONTOSO\alice`."""
        return typed.strip().casefold() in {self.account, self.upn.casefold(), self.unique_name.casefold()}


PEOPLE = (
    Person("alice", "Alice Ng", 1104, groups=("Sales",)),
    Person("bob", "Bob Okafor", 1105, groups=("Service", "Sales")),
    Person("admin", "Carla Reyes", 1106, groups=("CRM Administrators",), roles=("System Administrator",)),
)


@dataclass(frozen=True, slots=True)
class Client:
    """A confidential client («server application») with the relying parties it may ask tokens for.

    `redirect_uris` hold for sign-in; AD FS looks for a post-logout address among them as well,
    `post_logout_redirect_uris` adds to those. `resources`: identifiers that `resource` may name. `logout_uri`: the
    front-channel LogoutUri.
    """

    client_id: str
    secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    logout_uri: str | None = None

    def may_return_after_logout(self, uri: str) -> bool:
        """Whether the browser may be sent there after sign-out."""
        return uri in self.redirect_uris or uri in self.post_logout_redirect_uris


@dataclass(frozen=True, slots=True)
class Trust:
    """A relying party trust. `identifiers`: what `wtrealm` may say. `endpoints`: where answers go, first the default.

    `encryption_certificate`: DER; tokens are encrypted for it, None for plain ones.
    """

    identifiers: tuple[str, ...]
    endpoints: tuple[str, ...]
    encryption_certificate: bytes | None = None


@dataclass(slots=True)
class Login:
    """A browser's single sign-on at the double, behind its `MSISAuth` cookie.

    `provider_session` is what tokens call `sid`. `clients` and `trusts` (by endpoint): who got a token by it, and is
    told of the sign-out.
    """

    person: Person
    authenticated_at: Instant
    ends_at: Instant
    provider_session: str
    method: Method = Method.FORMS
    clients: set[str] = field(default_factory=set)
    trusts: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code or a refresh token stands for, until `ends_at`."""

    client_id: str
    person: Person
    authenticated_at: Instant
    method: Method
    provider_session: str
    scope: str
    resource: str | None
    nonce: str | None
    redirect_uri: str
    challenge: str | None
    form_post: bool
    ends_at: Instant


def pairwise_subject(person: Person, client_id: str) -> str:
    """AD FS's `sub`: another one for the same person at every client (OpenID Connect Core, section 8.1)."""
    return base64url(hashlib.sha256(f"{person.primary_sid}\n{client_id}".encode()).digest())
