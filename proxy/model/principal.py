"""Who a verified token speaks of."""

from dataclasses import dataclass

from proxy.model.time import Instant

PROTOCOL_CLAIMS = frozenset(
    {
        *("iss", "aud", "exp", "nbf", "iat", "jti", "nonce", "sid", "events", "cnf", "typ", "ver"),
        *("at_hash", "c_hash", "s_hash", "auth_time", "azp", "appid", "apptype", "client_id", "scp", "scope"),
        *("_claim_names", "_claim_sources", "session_state"),
    }
)
"""Claims about the token and its delivery, not about its subject; they are no part of `Principal.claims`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One (type, value) pair about a subject, taken from a verified token and from nowhere else."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Principal:
    """The person or program that a token is about. A multi-valued claim is several `Claim`s in the token's order.

    Attributes:
        key: The meaning of "the same user": provider name + primary SID, else UPN with its ASCII letters folded, else
            `sub` (pairwise at AD FS).
        name: Display name. People choose it at some providers, so it identifies nobody: show it, never compare it.
        upn: User principal name.
        email: Address that the provider vouches for.
        provider: Name of the identity provider that issued the token. A rule applies to principals of its own provider
            only.
        subject: The provider's `sub`, or SAML's NameID.
    """

    key: str
    name: str
    upn: str | None = None
    email: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    provider: str = ""
    subject: str | None = None

    @property
    def user(self) -> str:
        """The UPN, else `sub`, else the primary SID: the name of the person in audit events, lists and commands."""
        return self.upn or self.subject or self.key.rpartition("|")[2]

    @property
    def display_name(self) -> str | None:
        """The display name where it says more than `user` does; only to be shown beside `user`."""
        return self.name if self.name != self.user else None

    def values(self, claim_type: str) -> tuple[str, ...]:
        """All values of one claim type, in the token's order."""
        return tuple(claim.value for claim in self.claims if claim.type == claim_type)


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What one verified token says, whichever protocol brought it.

    `ends_at`: the token's end (OIDC `exp`, SAML Conditions NotOnOrAfter). `issued_at`: `iat`, None where not stated.
    `authenticated_at`: the authentication instant (`auth_time`, AuthnInstant), None where not stated.
    `methods`: authentication methods (`amr`, `authmethod`, AuthenticationMethod). `subject` and `provider_session`:
    the provider's `sub` and `sid`, for single sign-out. `client_id`: the verified client (`appid`, `azp`), which may
    exempt.
    """

    principal: Principal
    ends_at: Instant
    issued_at: Instant | None = None
    authenticated_at: Instant | None = None
    methods: tuple[str, ...] = ()
    subject: str | None = None
    provider_session: str | None = None
    client_id: str | None = None
