"""`wsignoutcleanup1.0`: the provider has a person's sessions ended, by a frame in its own page.

The request names nobody; a cookie of ours that is sent from a foreign site's frame does (WS-Federation 1.2, 13.2.4).
Where a browser blocks such cookies nothing is ended, and the answer is the same.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog
from aiohttp import web

from proxy.errors import StoreUnavailable
from proxy.model.organization import Organization, SameSite
from proxy.model.request import RequestFacts
from proxy.model.session import EndReason, SessionReference
from proxy.model.settings import TimeRules
from proxy.model.time import Instant
from proxy.observability.audit import Audit, AuditEvent
from proxy.sealing import Sealer
from proxy.sessions.cookie import cookie_names, expire_cookie, read_cookies
from proxy.signin.answers import with_cookies
from proxy.signin.cleanup import open_cleanup
from proxy.signin.protocol import SignInProtocol

log = structlog.get_logger("signin")

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class EndsSessions(Protocol):
    """What is needed of `sessions.service.Sessions`."""

    async def end_at(
        self, reference: SessionReference, organization: str, reason: EndReason, now: Instant, *, owes_credentials: bool
    ) -> bool:
        """End a session that its reference names; whether this very call did. Raises StoreUnavailable."""


class CleanUp:
    """Ends what cleanup cookies name. At a host of several organizations each has a cookie of its own."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        sessions: EndsSessions,
        providers: Mapping[str, SignInProtocol],
        organizations: Sequence[Organization],
        rules_for: Callable[[Organization], TimeRules],
        clock: Callable[[], Instant],
        audit: Audit,
        prefix: str,
    ) -> None:
        self._sealer = sealer
        self._sessions = sessions
        self._providers = providers
        self._organizations = organizations
        self._rules_for = rules_for
        self._clock = clock
        self._audit = audit
        self._prefix = prefix

    async def __call__(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """200 and an image of one pixel, whoever asks; where sign-ins are taken for all, a page that asks all."""
        if organization is None and facts.authority in self._sign_in_hosts():
            return self._everywhere(facts)
        here = [organization] if organization else [one for one in self._organizations if facts.host in one.hosts]
        secure = facts.scheme == "https"
        cookies = read_cookies(request.headers.getall("Cookie", []), secure=secure)
        gone = []
        for one in here:
            names = cookie_names(one.cookie_suffix, secure=secure)
            reference = open_cleanup(self._sealer, one.name, cookies.get(names.cleanup))
            if reference is not None and await self._end(reference, one, facts):
                gone.append(expire_cookie(names.cleanup, secure=secure, same_site=SameSite.NONE))
        return with_cookies(web.Response(body=_PIXEL, content_type="image/gif", headers=_HEADERS), gone)

    async def _end(self, reference: SessionReference, organization: Organization, facts: RequestFacts) -> bool:
        owes = self._rules_for(organization).sign_out_owes_credentials
        try:
            ended = await self._sessions.end_at(
                reference, organization.name, EndReason.SIGNED_OUT, self._clock(), owes_credentials=owes
            )
        except StoreUnavailable as error:
            log.warning("sign_out_failed", reason="store_unreachable", detail=str(error))
            return False
        if ended:
            self._audit.record(
                AuditEvent.SIGNED_OUT,
                organization=organization.name,
                reason="by_provider",
                client_address=facts.client_address,
                session=reference.id_hash,
            )
        return True

    def _sign_in_hosts(self) -> set[str]:
        return {provider.settings.sign_in_host or "" for provider in self._providers.values()} - {""}

    def _everywhere(self, facts: RequestFacts) -> web.Response:
        """The provider knows this host alone: the browser asks every organization's own, which has the cookies."""
        asked = {
            f"{facts.scheme}://{host}{_port_of(facts.authority)}"
            for one in self._organizations
            if self._providers[one.identity_provider].settings.sign_in_host == facts.authority
            for host in one.hosts
        }
        where = sorted(asked)
        images = "".join(f'<img src="{origin}{self._prefix}/wsfed?wa=wsignoutcleanup1.0" alt="">' for origin in where)
        policy = f"default-src 'none'; img-src {' '.join(where)}" if where else "default-src 'none'"
        return web.Response(
            text=f'<!doctype html><html lang="en"><title>Signed out</title>{images}</html>',
            content_type="text/html",
            headers={**_HEADERS, "Content-Security-Policy": policy},
        )


def _port_of(authority: str) -> str:
    name, colon, port = authority.rpartition(":")
    return f":{port}" if colon and port.isdigit() and name else ""
