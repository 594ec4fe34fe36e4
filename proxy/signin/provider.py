"""All network to identity providers: discovery, keys, the token endpoint. Bounded in time and size, no redirects."""

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit

import aiohttp
import structlog

from proxy.errors import ProviderError, ProviderMisconfigured, ProviderUnavailable
from proxy.model.bearer import BearerSettings
from proxy.model.principal import VerifiedToken
from proxy.model.provider import OFFLINE_ACCESS, SIGNATURE_ALGORITHMS, IdentityProvider, ProviderMetadata
from proxy.model.time import Instant, Seconds
from proxy.signin.shared_call import SharedCall
from proxy.signin.token_endpoint import TokenEndpoint, TokenResponse, object_of
from proxy.signin.verification import Verification
from proxy.tokens.claims import verified_token
from proxy.tokens.expectations import bearer_token_of, granted_access_token_of, id_token_of, logout_token_of
from proxy.tokens.jwt import (
    LogoutToken,
    verify_access_token,
    verify_bearer_token,
    verify_id_token,
    verify_logout_token,
)
from proxy.tokens.keys import KeySet, UnknownKey

log = structlog.get_logger("signin")

_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
_LARGEST_ANSWER = 1024 * 1024
_METADATA_SECONDS = 12 * 3600.0
_KEYS_SECONDS = 3600.0
_LAST_KNOWN_GOOD_SECONDS = 3600.0
_METADATA_RETRY_SECONDS = 300.0
_RETRY_SECONDS = 5.0
_OK, _SERVER_FAULT = 200, 500


class TokenSource(Enum):
    """Where a token came from; the value is the seconds between two key fetches that its unknown keys may cause.

    Each source has a budget of its own: what strangers send must not delay the sign-ins after a key rollover.
    """

    ANYBODY = 300.0
    """A bearer token or a logout token. Anybody can send one that names any key."""

    TOKEN_ENDPOINT = 5.0
    """The provider's own response to a code or a refresh token."""


T = TypeVar("T")

Observe: TypeAlias = Callable[[str, str, Seconds], None]
"""(`metadata`, `keys`, `token`, `refresh` or `revoke`; `ok`, `refused` or `unavailable`; how long it took), for each
question."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Keys, and when they were fetched and last asked for because of an unknown one."""

    keys: KeySet
    fetched_at: Instant


class Provider:
    """One identity provider. Nothing is fetched before it is needed, so one that is down keeps nobody from starting."""

    def __init__(
        self,
        settings: IdentityProvider,
        http: aiohttp.ClientSession,
        clock: Callable[[], Instant],
        observe: Observe | None = None,
        verification: Verification | None = None,
    ) -> None:
        self.settings = settings
        self._verification = verification or Verification()
        self._observe = observe
        self._http = http
        self._clock = clock
        self._metadata: ProviderMetadata | None = None
        self._metadata_due: Instant = 0.0
        self._known: _Known | None = None
        self._keys_due: Instant = 0.0
        self._refetch_allowed: dict[TokenSource, Instant] = {}
        self._metadata_call = SharedCall(self._fetch_metadata)
        self._keys_call = SharedCall(self._fetch_keys)
        self.tokens = TokenEndpoint(settings, self.metadata, self._ask)

    @property
    def known_metadata(self) -> ProviderMetadata | None:
        """The metadata if they were fetched before; asks nobody."""
        return self._metadata

    async def metadata(self) -> ProviderMetadata:
        """The discovery document, fetched every 12 hours; the last good one is kept while that fails.

        Raises ProviderUnavailable, ProviderMisconfigured where there is none to fall back on.
        """
        now = self._clock()
        if self._metadata is not None and now < self._metadata_due:
            return self._metadata
        try:
            return await self._metadata_call()
        except ProviderError as error:
            if self._metadata is None:
                raise
            log.warning("provider_metadata_kept", provider=self.settings.name, error=str(error))
            self._metadata_due = now + _METADATA_RETRY_SECONDS
            return self._metadata

    async def _fetch_metadata(self) -> ProviderMetadata:
        url = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        self._metadata = read_discovery(await self._get("metadata", url), self.settings.issuer)
        self._metadata_due = self._clock() + _METADATA_SECONDS
        return self._metadata

    async def keys(self) -> KeySet:
        """The signing keys, fetched every hour; while that fails the last good ones serve for one hour more.

        Raises ProviderUnavailable, ProviderMisconfigured.
        """
        now = self._clock()
        if self._known is not None and now < self._keys_due:
            return self._known.keys
        try:
            return await self._keys_call()
        except ProviderError as error:
            if self._known is None:
                raise
            last = self._known.fetched_at + _KEYS_SECONDS + _LAST_KNOWN_GOOD_SECONDS
            if now >= last:
                raise
            log.warning("provider_keys_kept", provider=self.settings.name, error=str(error))
            self._keys_due = min(now + _RETRY_SECONDS, last)
            return self._known.keys

    async def keys_after_unknown(self, source: TokenSource) -> KeySet:
        """Return newly fetched keys because a token names an unknown one, or the known keys if its source must wait.

        Anybody can name keys at random; the provider must not be asked for each (OpenID Connect Core, 10.1.1).
        A fetch in progress is shared. Tokens with known keys never wait for it. Raises ProviderUnavailable,
        ProviderMisconfigured.
        """
        now = self._clock()
        waits = now < self._refetch_allowed.get(source, now)
        if self._known is not None and waits and not self._keys_call.is_running:
            return self._known.keys
        self._refetch_allowed[source] = now + source.value
        try:
            return await self._keys_call()
        except ProviderError:
            # A fetch that failed brought nothing: the next one need not wait for so long.
            self._refetch_allowed[source] = now + _RETRY_SECONDS
            raise

    async def _fetch_keys(self) -> KeySet:
        document = await self._get("keys", (await self.metadata()).jwks_uri)
        keys = KeySet.from_jwks(document)
        now = self._clock()
        for left_out in keys.left_out:
            log.info("provider_key_left_out", provider=self.settings.name, key=str(left_out))
        self._known = _Known(keys, now)
        self._keys_due = now + _KEYS_SECONDS
        return keys

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> TokenResponse:
        """As `TokenEndpoint.exchange`."""
        return await self.tokens.exchange(code, verifier, redirect_uri)

    async def verify(
        self, response: TokenResponse, nonce: str | None, now: Instant, *, refreshed: bool = False
    ) -> VerifiedToken:
        """What a token response says, once its tokens keep every rule.

        `refreshed`: it answers a refresh token, so its id token may leave the nonce out (OpenID Connect Core, 12.2).
        Raises TokenRefused, ProviderUnavailable, ProviderMisconfigured.
        """
        metadata = await self.metadata()
        expected = id_token_of(self.settings, metadata, nonce, access_token=response.access_token, refreshed=refreshed)
        source = TokenSource.TOKEN_ENDPOINT
        token = response.id_token
        claims = await self._with_keys(token, lambda keys: verify_id_token(token, keys, expected, now), source)
        vouches = metadata.vouches_for_addresses(self.settings)
        if self.settings.resource is None:
            return verified_token(claims, self.settings, vouches_for_addresses=vouches)
        if response.access_token is None:
            raise ProviderMisconfigured("a resource was asked for, and no access token came")
        access = await self.access_claims(response.access_token, now)
        return verified_token(claims, self.settings, access_claims=access, vouches_for_addresses=vouches)

    async def access_claims(self, token: str, now: Instant) -> dict[str, object]:
        """Return the claims of an access token that the token endpoint itself returned.

        Raises TokenRefused, ProviderUnavailable, ProviderMisconfigured.
        """
        expected = granted_access_token_of(self.settings, await self.metadata())
        source = TokenSource.TOKEN_ENDPOINT
        return await self._with_keys(token, lambda keys: verify_access_token(token, keys, expected, now), source)

    async def bearer_token(self, token: str, bearer: BearerSettings, now: Instant) -> VerifiedToken:
        """Return the contents of a bearer token for an organization with these settings.

        Raises TokenRefused, ProviderUnavailable, ProviderMisconfigured.
        """
        metadata = await self.metadata()
        expected = bearer_token_of(self.settings, metadata, bearer)
        source = TokenSource.ANYBODY
        claims = await self._with_keys(token, lambda keys: verify_bearer_token(token, keys, expected, now), source)
        vouches = metadata.vouches_for_addresses(self.settings)
        return verified_token(claims, self.settings, vouches_for_addresses=vouches)

    async def logout_token(self, token: str, now: Instant) -> LogoutToken:
        """Return the contents of a logout token of this provider for the proxy. Raises as `bearer_token` does."""
        expected = logout_token_of(self.settings, await self.metadata())
        source = TokenSource.ANYBODY
        return await self._with_keys(token, lambda keys: verify_logout_token(token, keys, expected, now), source)

    async def _with_keys(self, token: str, verify: Callable[[KeySet], T], source: TokenSource) -> T:
        keys = await self.keys()
        try:
            return await self._verification.jwt(token, partial(verify, keys))
        except UnknownKey:
            keys = await self.keys_after_unknown(source)
        try:
            return await self._verification.jwt(token, partial(verify, keys))
        except UnknownKey as unknown:
            if source is TokenSource.ANYBODY:
                raise
            # The provider made this token a moment ago, so its published keys are behind: it may publish the key soon.
            raise ProviderUnavailable(f"the key of a token that it issued is not published: {unknown}") from unknown

    async def fetch(self, url: str) -> bytes:
        """A document of metadata. Raises ProviderUnavailable, ProviderMisconfigured."""
        return await self._got("metadata", url, "application/xml, text/xml, */*")

    async def _get(self, kind: str, url: str) -> dict[str, object]:
        return object_of(await self._got(kind, url, "application/json"), url)

    async def _got(self, kind: str, url: str, accept: str) -> bytes:
        status, body = await self._ask(kind, "GET", url, headers={"Accept": accept})
        if status >= _SERVER_FAULT:
            raise ProviderUnavailable(f"{url} answered {status}")
        if status != _OK:
            raise ProviderMisconfigured(f"{url} answered {status}; 200 would be right, redirects are not followed")
        return body

    async def _ask(
        self, kind: str, method: str, url: str, *, headers: Mapping[str, str], data: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        began, outcome = time.monotonic(), "unavailable"
        try:
            async with self._http.request(
                method, url, headers=headers, data=data, timeout=_TIMEOUT, allow_redirects=False
            ) as answer:
                body = await answer.content.read(_LARGEST_ANSWER + 1)
                while len(body) <= _LARGEST_ANSWER and not answer.content.at_eof():
                    body += await answer.content.read(_LARGEST_ANSWER + 1 - len(body))
            outcome = _outcome_of(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailable(f"{url}: {type(error).__name__}: {error}") from error
        finally:
            if self._observe is not None:
                self._observe(kind, outcome, time.monotonic() - began)
        if len(body) > _LARGEST_ANSWER:
            raise ProviderMisconfigured(f"{url} answered more than {_LARGEST_ANSWER} bytes")
        return answer.status, body


def _outcome_of(status: int) -> str:
    if status == _OK:
        return "ok"
    return "unavailable" if status >= _SERVER_FAULT else "refused"


def read_discovery(document: Mapping[str, object], issuer: str) -> ProviderMetadata:
    """Return the discovery document as a value (OpenID Connect Discovery, sections 3 and 4.3).

    Raises ProviderMisconfigured.
    """
    stated = document.get("issuer")
    if stated != issuer:
        raise ProviderMisconfigured(f"discovery states the issuer {str(stated)[:200]!r}; {issuer!r} is configured")
    algorithms = document.get("id_token_signing_alg_values_supported")
    known = tuple(name for name in algorithms if name in SIGNATURE_ALGORITHMS) if isinstance(algorithms, list) else ()
    access_token_issuer = document.get("access_token_issuer")
    scopes = document.get("scopes_supported")
    metadata = ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=_endpoint(document, "authorization_endpoint"),
        token_endpoint=_endpoint(document, "token_endpoint"),
        jwks_uri=_endpoint(document, "jwks_uri"),
        access_token_issuer=access_token_issuer if isinstance(access_token_issuer, str) else None,
        iss_in_response=document.get("authorization_response_iss_parameter_supported") is True,
        id_token_signing_algs=known or ("RS256",),
        offers_offline_access=isinstance(scopes, list) and OFFLINE_ACCESS in scopes,
    )
    if "end_session_endpoint" in document:
        metadata = replace(metadata, end_session_endpoint=_endpoint(document, "end_session_endpoint"))
    if "revocation_endpoint" in document:
        metadata = replace(metadata, revocation_endpoint=_endpoint(document, "revocation_endpoint"))
    return metadata


def _endpoint(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise ProviderMisconfigured(f"discovery states no {name}")
    return safe_address(name, value)


def safe_address(name: str, value: str) -> str:
    """An address of a provider's metadata to send people or secrets to: https, or http on loopback.

    Raises ProviderMisconfigured.
    """
    try:
        parts = urlsplit(value)
        host, secret = parts.hostname or "", parts.username or parts.password
    except ValueError:
        raise ProviderMisconfigured(f"its metadata state {name} {value[:200]!r}, which is no URL") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if host and safe and not secret:
        return value
    raise ProviderMisconfigured(f"its metadata state {name} {value[:200]!r}; an https URL would be right")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
