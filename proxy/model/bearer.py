"""Bearer tokens of one organization, as configured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BearerSettings:
    """Which bearer tokens an organization accepts.

    Attributes:
        issuer: OpenID Connect issuer whose keys verify them; None: the organization's identity provider.
        audiences: Names of the application in tokens; empty: the provider's `resource`, else its `client_id`.
        accept_id_tokens: Id tokens for the provider's `client_id` are accepted as well.
    """

    issuer: str | None = None
    audiences: tuple[str, ...] = ()
    accept_id_tokens: bool = False
