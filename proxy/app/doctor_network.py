"""How the doctor talks to providers and applications: as the proxy does, and with an eye on their clocks."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from email.utils import parsedate_to_datetime

import aiohttp

from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, Protocol
from proxy.model.time import Instant, Seconds
from proxy.signin.federation import Federation
from proxy.signin.own_metadata import decryption_keys
from proxy.signin.provider import Provider

_PATIENCE: Seconds = 10.0
_UPSTREAM = aiohttp.ClientTimeout(total=10, connect=5)


class DatesSeen:
    """The Date header of answers, beside our clock. `ahead`: seconds, None where no answer had one."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self.ahead: Seconds | None = None

    def note(self, date: str | None) -> None:
        """One answer's."""
        if date is None:
            return
        with contextlib.suppress(ValueError, TypeError):
            self.ahead = parsedate_to_datetime(date).timestamp() - self._clock()


@contextlib.asynccontextmanager
async def talking(trust: ssl.SSLContext, dates: DatesSeen) -> AsyncIterator[aiohttp.ClientSession]:
    """A client to providers, as `neighbours` makes one."""

    async def ended(_: object, __: object, parameters: aiohttp.TraceRequestEndParams) -> None:
        dates.note(parameters.response.headers.get("Date"))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[trace]
    ) as http:
        yield http


async def look_at_provider(
    settings: IdentityProvider, http: aiohttp.ClientSession, clock: Callable[[], Instant]
) -> str:
    """What its metadata and keys are. Raises ProviderError, CannotStart, TimeoutError."""
    provider = Provider(settings, http, clock)
    async with asyncio.timeout(_PATIENCE):
        if settings.protocol is Protocol.OIDC:
            keys = await provider.keys()
            return f"metadata of {settings.issuer}; signing keys: {len(keys.keys)}"
        federation = Federation(settings, provider.fetch, clock, decryption_keys(settings.decryption_keys))
        known = await federation.metadata()
        own = len(federation.decryption_keys)
        return f"metadata of {known.entity_id}; signing keys: {len(known.keys)}; our decryption keys: {own}"


async def look_at_upstream(url: str, organization: Organization, tls: ssl.SSLContext) -> int | str:
    """The status that it answers `/` with, whatever it is; else why there is none."""
    named = organization.upstream_tls.server_name if organization.upstream_tls else None
    headers = {"Host": organization.hosts[0]}
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls), timeout=_UPSTREAM) as http,
            http.get(f"{url}/", headers=headers, allow_redirects=False, server_hostname=named) as answer,
        ):
            return answer.status
    except TimeoutError:
        return "no answer in time"
    except (aiohttp.ClientError, OSError) as error:
        return f"{type(error).__name__}: {error}"
