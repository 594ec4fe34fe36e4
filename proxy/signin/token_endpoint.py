"""A provider's token endpoint: codes and refresh tokens against tokens, and tokens given back."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote_plus

from proxy.errors import ProviderMisconfigured, ProviderUnavailable, RefreshRefused, SignInRefused
from proxy.model.provider import ClientAuthentication, IdentityProvider, ProviderMetadata
from proxy.tokens.strict import parse_object

_OK, _SERVER_FAULT = 200, 500
# Errors that no further attempt of the user mends (RFC 6749, section 5.2).
_OUR_FAULTS = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})


@dataclass(frozen=True, slots=True, repr=False)
class TokenResponse:
    """What the token endpoint answered (OpenID Connect Core, sections 3.1.3.3 and 12.2).

    `id_token` is empty where none came with a refresh.
    """

    id_token: str
    access_token: str | None = None
    refresh_token: str | None = None


class Ask(Protocol):
    """Asks a provider: (what for, method, URL) -> (status, body). Raises ProviderUnavailable, ProviderMisconfigured."""

    async def __call__(
        self, kind: str, method: str, url: str, *, headers: Mapping[str, str], data: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """The answer."""


class TokenEndpoint:
    """One provider's."""

    def __init__(
        self, settings: IdentityProvider, metadata: Callable[[], Awaitable[ProviderMetadata]], ask: Ask
    ) -> None:
        self._settings = settings
        self._metadata = metadata
        self._ask = ask

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> TokenResponse:
        """Redeem an authorization code (RFC 6749, section 4.1.3; RFC 7636, section 4.5).

        Raises SignInRefused where the provider refuses it, ProviderUnavailable, ProviderMisconfigured.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        status, answer = await self._post("token", form)
        if status != _OK or "error" in answer:
            raise SignInRefused("provider_refused", f"the token endpoint answered {status}: {_error_of(answer)}")
        return _tokens(answer)

    async def refresh(self, refresh_token: str) -> TokenResponse:
        """New tokens for a refresh token (RFC 6749, section 6).

        Raises RefreshRefused("invalid_grant") where the provider refuses that very token, for it was revoked or its
        user may no longer sign in. Whatever else goes wrong says nothing of the user: ProviderUnavailable,
        ProviderMisconfigured.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if self._settings.resource is not None:
            # AD FS and RFC 8707 (section 2.2): the access token is to be for the same as at the sign-in.
            form["resource"] = self._settings.resource
        status, answer = await self._post("refresh", form)
        if status != _OK or "error" in answer:
            error = _error_of(answer)
            if error == "invalid_grant":
                raise RefreshRefused(error, f"the token endpoint answered {status}")
            raise ProviderUnavailable(f"the token endpoint answered {status} to a refresh: {error}")
        # Without an id token it is of no use, but the refresh token in it may have taken the place of the one we have.
        return _tokens({"id_token": "", **answer})

    async def revoke(self, refresh_token: str) -> bool:
        """Give a refresh token back (RFC 7009, section 2.1); False where the provider takes none.

        Raises ProviderUnavailable, ProviderMisconfigured.
        """
        endpoint = (await self._metadata()).revocation_endpoint
        if endpoint is None:
            return False
        form, headers = self._authenticated({"token": refresh_token, "token_type_hint": "refresh_token"})
        status, _ = await self._ask("revoke", "POST", endpoint, data=form, headers=headers)
        if status != _OK:
            raise ProviderUnavailable(f"the revocation endpoint answered {status}")
        return True

    async def _post(self, kind: str, form: Mapping[str, str]) -> tuple[int, dict[str, object]]:
        endpoint = (await self._metadata()).token_endpoint
        form, headers = self._authenticated(form)
        status, body = await self._ask(kind, "POST", endpoint, data=form, headers=headers)
        if status >= _SERVER_FAULT:
            raise ProviderUnavailable(f"the token endpoint answered {status}")
        answer = object_of(body, "the token endpoint")
        if (error := _error_of(answer)) in _OUR_FAULTS:
            raise ProviderMisconfigured(f"the token endpoint answered {error}: check client_id and client_secret")
        return status, answer

    def _authenticated(self, form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Form and headers with who we are (RFC 6749, section 2.3.1)."""
        settings, headers = self._settings, {"Accept": "application/json"}
        if settings.client_authentication is ClientAuthentication.SECRET_BASIC:
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret)}"
            return dict(form), headers | {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return {**form, "client_id": settings.client_id, "client_secret": str(settings.client_secret)}, headers


def object_of(body: bytes, where: str) -> dict[str, object]:
    """A JSON object that a provider answered. Raises ProviderMisconfigured."""
    try:
        return parse_object(body)
    except ValueError as error:
        raise ProviderMisconfigured(f"{where} answered no usable JSON: {error}") from error


def _tokens(answer: Mapping[str, object]) -> TokenResponse:
    id_token, access, refresh = (answer.get(name) for name in ("id_token", "access_token", "refresh_token"))
    if not isinstance(id_token, str):
        raise ProviderMisconfigured("the token endpoint gave no id_token; is the scope openid granted?")
    return TokenResponse(
        id_token, access if isinstance(access, str) else None, refresh if isinstance(refresh, str) else None
    )


def _error_of(answer: Mapping[str, object]) -> str:
    """An error code of the provider's, as far as it is one (RFC 6749, section 5.2)."""
    value = answer.get("error")
    return value[:64] if isinstance(value, str) and value.replace("_", "").isalnum() else "(no error code)"
