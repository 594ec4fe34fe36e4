"""An application's own root, where WS-Federation comes for CRM: what of it is ours, and what is the application's.

A trust that was registered with CRM's root as its endpoint has AD FS post its answers there. Ours is what opens as a
sign-in of ours, begun in this browser; everything else passes on as it came.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs

from aiohttp import web

from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.policy.application_root import METADATA_PATH, is_cleanup
from proxy.sessions.cookie import LOGIN_SLOTS, cookie_names, read_cookies

_LARGEST = 1024 * 1024
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20


@dataclass(frozen=True, slots=True)
class Found:
    """See `gateway.ports.AtRoot`."""

    answer: web.StreamResponse | None = None
    body: bytes | None = None
    is_sign_in: bool = False


class TakesAnswers(Protocol):
    """What is needed of `routes.SignInRoutes`."""

    async def wsfed(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """Complete a sign-in."""

    def knows(self, wctx: str | None, facts: RequestFacts, organization: Organization) -> bool:
        """Whether an answer belongs to a sign-in of ours."""


Ends = Callable[[web.Request, RequestFacts, Organization | None], Awaitable[web.StreamResponse]]


class SignInAtRoot:
    """Looks at requests that `policy.application_root.may_be_sign_in` names."""

    def __init__(self, routes: TakesAnswers, clean_up: Ends, metadata: Ends) -> None:
        self._routes = routes
        self._clean_up = clean_up
        self._metadata = metadata

    async def __call__(self, request: web.Request, facts: RequestFacts, organization: Organization) -> Found:
        """What it is. Raises RequestRefused where one of our cookies comes twice."""
        if facts.path == METADATA_PATH:
            return Found(await self._metadata(request, facts, organization))
        if request.method == "POST" and self._may_carry_a_token(request, facts, organization):
            return await self._posted(request, facts, organization)
        if request.method == "GET" and is_cleanup(facts.target):
            # Ours ends in any case; the application answers where it has a session of its own to end.
            answer = await self._clean_up(request, facts, organization)
            return Found(is_sign_in=True) if organization.upstream_sign_in else Found(answer)
        return Found()

    async def _posted(self, request: web.Request, facts: RequestFacts, organization: Organization) -> Found:
        body = await request.read()
        given = _fields(body)
        if "wresult" not in given:
            return Found(body=body)
        wctx = given.get("wctx", [])
        if len(wctx) == 1 and self._routes.knows(wctx[0], facts, organization):
            return Found(await self._routes.wsfed(request, facts, organization))
        return Found(body=body, is_sign_in=True)

    def _may_carry_a_token(self, request: web.Request, facts: RequestFacts, organization: Organization) -> bool:
        if request.content_type != _FORM or not 0 < (request.content_length or 0) <= _LARGEST:
            return False
        if organization.upstream_sign_in:
            return True
        secure = facts.scheme == "https"
        names = cookie_names(organization.cookie_suffix, secure=secure)
        cookies = read_cookies(request.headers.getall("Cookie", []), secure=secure)
        return any(names.logins()[slot] in cookies for slot in range(LOGIN_SLOTS))


def _fields(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:  # no UTF-8, or more fields than an answer has
        return {}
