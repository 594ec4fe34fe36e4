"""Documents of an identity provider for `token inspect`: fetched as the proxy fetches them, or read from files."""

from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from proxy.app.trust import Trust
from proxy.errors import ProviderError
from proxy.model.provider import IdentityProvider
from proxy.model.time import Instant
from proxy.signin.federation import Federation
from proxy.signin.provider import Provider, read_discovery
from proxy.tokens.federation_metadata import FederationMetadata
from proxy.tokens.inspection import Known
from proxy.tokens.keys import KeySet
from proxy.tokens.strict import parse_object


@dataclass(frozen=True, slots=True)
class Files:
    """Files that take the place of what the provider would answer; None: it is asked."""

    discovery: Path | None = None
    jwks: Path | None = None
    metadata: Path | None = None


async def openid_documents(settings: IdentityProvider, ca_file: str | None, files: Files, now: Instant) -> Known | str:
    """Return the discovery document and keys of an OpenID provider; a text says why there are none.

    Raises OSError, ValueError, ProviderMisconfigured for a file that cannot be used.
    """
    discovery = read_discovery(_object(files.discovery), settings.issuer) if files.discovery else None
    keys = KeySet.from_jwks(_object(files.jwks)) if files.jwks else None
    if discovery is not None and keys is not None:
        return discovery, keys
    async with _client(ca_file) as http:
        provider = Provider(settings, http, lambda: now)
        try:
            return discovery or await provider.metadata(), keys or await provider.keys()
        except ProviderError as error:
            return f"{error}; to look offline, give --discovery FILE and --jwks FILE"


async def federation_metadata(
    settings: IdentityProvider, ca_file: str | None, files: Files, now: Instant
) -> FederationMetadata | str:
    """Return the metadata of a WS-Federation provider; a text says why there are none. Raises OSError."""
    if files.metadata:
        files.metadata.stat()
        settings = replace(settings, metadata=str(files.metadata))
    async with _client(ca_file) as http:
        federation = Federation(settings, Provider(settings, http, lambda: now).fetch, lambda: now)
        try:
            return await federation.metadata()
        except ProviderError as error:
            return f"{error}; to look offline, give --metadata FILE"


def _client(ca_file: str | None) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(ssl=Trust().towards(ca_file))
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _object(file: Path) -> dict[str, object]:
    return parse_object(file.read_bytes())
