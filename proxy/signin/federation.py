"""A WS-Federation provider: its metadata from a URL or a file, and what its tokens say, off the event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import structlog

from proxy.errors import ProviderError, ProviderMisconfigured, ProviderUnavailable, TokenRefused
from proxy.model.provider import IdentityProvider
from proxy.model.time import Instant, Seconds
from proxy.signin.provider import safe_address
from proxy.signin.shared_call import SharedCall
from proxy.signin.verification import Verification
from proxy.tokens.federation_metadata import FederationMetadata, read_metadata
from proxy.tokens.keys import UnknownKey
from proxy.tokens.own_metadata import OwnParty, write_metadata
from proxy.tokens.saml import SamlExpectation, VerifiedAssertion, verify_response
from proxy.tokens.xml import LARGEST_TOKEN
from proxy.tokens.xml_encryption import DecryptionKey

log = structlog.get_logger("signin")

_METADATA_SECONDS: Seconds = 12 * 3600.0
_LAST_KNOWN_GOOD_SECONDS: Seconds = 3600.0
_REFETCH_SECONDS: Seconds = 10.0
_RETRY_SECONDS: Seconds = 5.0
_MOST_WRITTEN = 256

Fetch = Callable[[str], Awaitable[bytes]]
"""The body of a URL. Raises ProviderUnavailable, ProviderMisconfigured."""


class Federation:
    """One provider. Nothing is fetched before it is needed, so one that is down keeps nobody from starting.

    Metadata are fetched every 12 hours, and because of an unknown key at most once in 10 seconds; while that fails the
    last good ones serve for an hour more. Tokens come here only with a login state that opens in the browser that
    started the sign-in, and each state is used once. `decryption_keys`: tried where a token does not name its key.
    """

    def __init__(
        self,
        settings: IdentityProvider,
        fetch: Fetch,
        clock: Callable[[], Instant],
        decryption_keys: tuple[DecryptionKey, ...] = (),
        verification: Verification | None = None,
    ) -> None:
        self._verification = verification or Verification()
        self.settings = settings
        self._fetch = fetch
        self._clock = clock
        self.decryption_keys = decryption_keys
        self._written: dict[OwnParty, bytes] = {}
        self._known: FederationMetadata | None = None
        self._fetched_at: Instant = 0.0
        self._due: Instant = 0.0
        self._refetch_allowed: Instant = 0.0
        self._call = SharedCall(self._load)

    async def metadata(self) -> FederationMetadata:
        """The metadata. Raises ProviderUnavailable, ProviderMisconfigured where there is none to fall back on."""
        now = self._clock()
        if self._known is not None and now < self._due:
            return self._known
        try:
            return await self._call()
        except ProviderError as error:
            last = self._fetched_at + _METADATA_SECONDS + _LAST_KNOWN_GOOD_SECONDS
            if self._known is None or now >= last:
                raise
            log.warning("provider_metadata_kept", provider=self.settings.name, error=str(error))
            self._due = min(now + _RETRY_SECONDS, last)
            return self._known

    async def _load(self) -> FederationMetadata:
        where = self.settings.metadata or ""
        data = await self._fetch(where) if "://" in where else await asyncio.to_thread(_read, where)
        try:
            known = await self._verification.run(partial(read_metadata, data, self._clock()))
        except ValueError as error:
            raise ProviderMisconfigured(f"{where}: {error}") from error
        safe_address("PassiveRequestorEndpoint", known.endpoint)
        self._known = known
        self._fetched_at = self._clock()
        self._due = self._fetched_at + _METADATA_SECONDS
        return known

    async def verify(self, wresult: str, realm: str, now: Instant, reply_to: str | None = None) -> VerifiedAssertion:
        """What a response says, once it keeps every rule.

        Raises TokenRefused, ProviderUnavailable, ProviderMisconfigured.
        """
        if len(wresult) > LARGEST_TOKEN:
            raise TokenRefused("too_large", f"{len(wresult)} characters; {LARGEST_TOKEN} at most")
        metadata = await self.metadata()
        try:
            return await self._verified(metadata, wresult, realm, now, reply_to)
        except UnknownKey:
            fresh = await self._after_unknown()
            if fresh.keys == metadata.keys:
                # The same keys would come to the same, at the same cost.
                raise
            return await self._verified(fresh, wresult, realm, now, reply_to)

    async def _verified(
        self, metadata: FederationMetadata, wresult: str, realm: str, now: Instant, reply_to: str | None
    ) -> VerifiedAssertion:
        expected = SamlExpectation(self.settings, metadata.entity_id, realm, self.decryption_keys, reply_to)
        # Canonicalization, digest, signature and decryption take more than 2 ms.
        return await self._verification.run(partial(verify_response, wresult, metadata.keys, expected, now))

    async def own_metadata(self, party: OwnParty) -> bytes:
        """Return the proxy's own metadata for this provider, signed once for each party. Raises VerificationBusy."""
        if party not in self._written:
            written = await self._verification.run(partial(write_metadata, party, self.decryption_keys))
            # A party is an organization at one of its addresses; ports and schemes make more than there are hosts.
            if len(self._written) >= _MOST_WRITTEN:
                self._written.clear()
            self._written[party] = written
            return written
        return self._written[party]

    async def _after_unknown(self) -> FederationMetadata:
        """Metadata fetched anew: AD FS publishes its next certificate beside the present one, or changes at once.

        Raises ProviderUnavailable where the last fetch was a moment ago: the key may have been published since.
        """
        now = self._clock()
        if self._known is not None and now < self._refetch_allowed and not self._call.is_running:
            raise ProviderUnavailable("a token has an unknown key, and the metadata were fetched a moment ago")
        self._refetch_allowed = now + _REFETCH_SECONDS
        try:
            return await self._call()
        except ProviderError:
            self._refetch_allowed = now + _RETRY_SECONDS
            raise


def local_metadata(settings: IdentityProvider) -> bytes | None:
    """What the file of metadata says; None where it is fetched, or is not there."""
    where = settings.metadata
    if not where or "://" in where:
        return None
    try:
        return Path(where).read_bytes()
    except OSError:
        return None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ProviderUnavailable(f"{path} cannot be read: {error.strerror}") from error
