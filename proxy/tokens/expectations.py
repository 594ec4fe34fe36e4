"""Required contents of a provider's JWTs: the configuration and the provider's metadata as values to compare with."""

from dataclasses import dataclass, replace

from proxy.model.bearer import BearerSettings
from proxy.model.provider import IdentityProvider, ProviderMetadata
from proxy.model.time import Seconds


@dataclass(frozen=True, slots=True)
class IdTokenExpectation:
    """What an id token must say. `maximum_lifetime`: seconds from `iat` to `exp`.

    `nonce`: the one sent with this sign-in. `refreshed`: the token answers a refresh token; it should carry no nonce,
    and one that it carries is the sign-in's (OpenID Connect Core, 12.2), where that is known. `access_token`: the one
    that came with it; where both it and `at_hash` are there they must match.
    """

    issuer: str
    client_id: str
    nonce: str | None
    algorithms: tuple[str, ...] = ("RS256",)
    leeway: Seconds = 60.0
    maximum_lifetime: Seconds = 86400.0
    access_token: str | None = None
    refreshed: bool = False


@dataclass(frozen=True, slots=True)
class AccessTokenExpectation:
    """Required contents of an access token. Issuers and audiences are compared exactly; one match suffices.

    Attributes:
        issuers: Accepted issuers.
        audiences: Accepted audiences.
        typed_audiences: Audiences that id tokens have as well, so they count only in a token that says in its header
            that it is an access token (`typ: at+jwt`).
        accept_id_tokens: Id tokens are accepted too.
        maximum_lifetime: Longest time from `iat` to `exp`.
    """

    issuers: tuple[str, ...]
    audiences: tuple[str, ...]
    typed_audiences: tuple[str, ...] = ()
    accept_id_tokens: bool = False
    algorithms: tuple[str, ...] = ("RS256",)
    leeway: Seconds = 60.0
    maximum_lifetime: Seconds = 86400.0


@dataclass(frozen=True, slots=True)
class LogoutTokenExpectation:
    """What a logout token must say; `maximum_lifetime`: seconds from `iat` to `exp`."""

    issuer: str
    client_id: str
    algorithms: tuple[str, ...] = ("RS256",)
    leeway: Seconds = 60.0
    maximum_lifetime: Seconds = 86400.0


def id_token_of(
    settings: IdentityProvider,
    metadata: ProviderMetadata,
    nonce: str | None,
    *,
    access_token: str | None = None,
    refreshed: bool = False,
) -> IdTokenExpectation:
    """Return the required contents of an id token of this provider for the proxy."""
    return IdTokenExpectation(
        issuer=metadata.issuer,
        client_id=settings.client_id,
        nonce=nonce,
        algorithms=metadata.id_token_algorithms(settings),
        leeway=settings.leeway,
        maximum_lifetime=settings.maximum_token_lifetime,
        access_token=access_token,
        refreshed=refreshed,
    )


def granted_access_token_of(settings: IdentityProvider, metadata: ProviderMetadata) -> AccessTokenExpectation:
    """Return the required contents of the access token that the token endpoint returns beside an id token."""
    ours = settings.client_id
    return _access_token(settings, metadata, (settings.resource or "", ours, *_as_ad_fs_says(ours)))


def bearer_token_of(
    settings: IdentityProvider, metadata: ProviderMetadata, bearer: BearerSettings
) -> AccessTokenExpectation:
    """Return the required contents of a bearer token for an organization.

    Its `audiences` are accepted and no others; if it has none, the provider's `resource`; if there is none either, the
    proxy's `client_id`. That is the audience of id tokens as well, so the token itself must say what it is.
    """
    ours = settings.client_id
    if bearer.audiences:
        stated = bearer.audiences
    elif settings.resource and settings.resource != ours:
        stated = (settings.resource,)
    else:
        stated = (ours, *_as_ad_fs_says(ours))
    if bearer.accept_id_tokens:
        return replace(_access_token(settings, metadata, (*stated, ours)), accept_id_tokens=True)
    others = tuple(audience for audience in stated if audience != ours)
    return replace(
        _access_token(settings, metadata, others), typed_audiences=(ours,) if ours in stated and ours else ()
    )


def logout_token_of(settings: IdentityProvider, metadata: ProviderMetadata) -> LogoutTokenExpectation:
    """Return the required contents of a logout token of this provider for the proxy.

    Its algorithm is the one of id tokens (Back-Channel Logout 1.0, section 2.6, step 2).
    """
    return LogoutTokenExpectation(
        issuer=metadata.issuer,
        client_id=settings.client_id,
        algorithms=metadata.id_token_algorithms(settings),
        leeway=settings.leeway,
        maximum_lifetime=settings.maximum_token_lifetime,
    )


def _access_token(
    settings: IdentityProvider, metadata: ProviderMetadata, audiences: tuple[str, ...]
) -> AccessTokenExpectation:
    issuers = (metadata.issuer, metadata.access_token_issuer)
    return AccessTokenExpectation(
        issuers=tuple(issuer for issuer in issuers if issuer),
        audiences=tuple(dict.fromkeys(audience for audience in audiences if audience)),
        algorithms=metadata.id_token_signing_algs,
        leeway=settings.leeway,
        maximum_lifetime=settings.maximum_token_lifetime,
    )


def _as_ad_fs_says(client_id: str) -> tuple[str, ...]:
    """Return AD FS's name for a client as an audience; only access tokens have it."""
    return (f"microsoft:identityserver:{client_id}",) if client_id else ()
