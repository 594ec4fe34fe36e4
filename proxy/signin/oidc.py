"""The questions put to an OpenID provider, as URLs, and what its answers mean. Pure."""

import base64
import hashlib
from urllib.parse import urlencode

from proxy.errors import SignInRefused
from proxy.model.provider import OFFLINE_ACCESS, IdentityProvider, ProviderMetadata, ResponseMode

# Errors of the authorization response that tell more than «refused» (RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6).
_REASONS = {
    "access_denied": "access_denied",
    "login_required": "login_required",
    "interaction_required": "login_required",
    "consent_required": "access_denied",
    "temporarily_unavailable": "provider_unavailable",
    "server_error": "provider_unavailable",
}


def authorization_url(
    settings: IdentityProvider,
    metadata: ProviderMetadata,
    *,
    redirect_uri: str,
    state: str,
    nonce: str,
    verifier: str,
    ask_for_credentials: bool,
) -> str:
    """Where a browser goes to sign in (OpenID Connect Core, 3.1.2.1; PKCE S256, RFC 7636).

    Credentials are asked for by `prompt=login`, which AD FS knows, and `max_age=0`, for which others state `auth_time`;
    `max_age: off` leaves the second out for providers that refuse it.
    """
    parameters = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes_of(settings, metadata)),
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    if settings.response_mode is not ResponseMode.QUERY:
        parameters["response_mode"] = str(settings.response_mode)
    if settings.resource is not None:
        parameters["resource"] = settings.resource
    if ask_for_credentials:
        parameters["prompt"] = "login"
        if settings.send_max_age:
            parameters["max_age"] = "0"
    return _with_query(metadata.authorization_endpoint, parameters)


def scopes_of(settings: IdentityProvider, metadata: ProviderMetadata) -> tuple[str, ...]:
    """The scopes to ask for. AD FS lists no `offline_access`: it gives a refresh token unasked."""
    wanted = settings.refresh and metadata.offers_offline_access
    return tuple(dict.fromkeys((*settings.scopes, OFFLINE_ACCESS))) if wanted else settings.scopes


def challenge(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def check_issuer(metadata: ProviderMetadata, stated: str | None) -> None:
    """Refuse a response of another provider (RFC 9207, section 2.4). Raises SignInRefused("issuer")."""
    if stated is None and not metadata.iss_in_response:
        return
    if stated != metadata.issuer:
        raise SignInRefused("issuer", f"the response names {str(stated)[:200]!r}, {metadata.issuer!r} would be right")


def refusal(error: str) -> SignInRefused:
    """What an error code of the authorization response means."""
    shown = error[:64] if error.replace("_", "").isalnum() else "(no error code)"
    return SignInRefused(_REASONS.get(error, "provider_refused"), f"the provider answered {shown}")


def end_session_url(endpoint: str, *, id_token: str | None, back_to: str, client_id: str) -> str:
    """Where a browser goes to sign out (OpenID Connect RP-Initiated Logout, section 2).

    The id token stands in the URL because that is what the specification says; it is logged nowhere.
    """
    parameters = {"post_logout_redirect_uri": back_to, "client_id": client_id}
    if id_token is not None:
        parameters["id_token_hint"] = id_token
    return _with_query(endpoint, parameters)


def _with_query(url: str, parameters: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
