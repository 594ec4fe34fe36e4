"""Our own federation metadata: an administrator gives AD FS this one address, and the trust is made."""

from collections.abc import Callable, Mapping, Sequence

from aiohttp import web

from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.time import Instant
from proxy.signin.protocol import SignInProtocol


class OwnMetadata:
    def __init__(self, providers: Mapping[str, SignInProtocol], prefix: str, clock: Callable[[], Instant]) -> None:
        pass

    async def __call__(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        return web.Response(status=404)


def decryption_keys(files: Sequence[str]):
    return ()
