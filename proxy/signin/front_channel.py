"""`frontchannel-logout`: the provider's own page loads it in a frame (OpenID Connect Front-Channel Logout 1.0, 2).

AD FS calls it by the client's LogoutUri. Who asks is not known, and `sid` is what nobody can guess; the session cookie
is SameSite=Lax and stays away. Where no `sid` comes, or one that everybody in the domain can look up, the cookie that
can end its session and nothing else names it.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiohttp import web

from proxy.errors import SignInRefused
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.time import Instant
from proxy.pages.render import Page, Pages, origin_of
from proxy.signin.oidc_sign_in import OidcSignIn
from proxy.signin.parameters import once_each
from proxy.signin.provider_sign_out import ProviderSignOut
from proxy.signin.strangers import Strangers
from proxy.tokens.session_id import session_id

log = structlog.get_logger("signin")

_PARTS = {"iss": 2048, "sid": 1024}
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
_BODY = '<!doctype html><html lang="en"><title>Signed out</title></html>'
_FRAMES = frozenset({None, "iframe", "frame"})

CleanUp = Callable[[web.Request, RequestFacts, Organization | None], Awaitable[web.StreamResponse]]


class FrontChannel:
    """`clean_up` ends what cleanup cookies name."""

    def __init__(self, ends: ProviderSignOut, clean_up: CleanUp, pages: Pages, clock: Callable[[], Instant]) -> None:
        self._ends = ends
        self._clean_up = clean_up
        self._pages = pages
        self._clock = clock
        self._strangers = Strangers()

    async def __call__(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """200 whether or not anything was ended: whoever guesses learns nothing. Raises StoreUnavailable."""
        spoken = self._ends.may_speak(facts, organization)
        if not spoken:
            return self._pages.respond(request, Page.NOT_FOUND, status=404)
        if request.method != "GET":
            return web.Response(status=405, headers={"Allow": "GET", **_HEADERS})
        try:
            given = once_each(request.query, _PARTS)
        except SignInRefused as refused:
            log.info("front_channel_refused", detail=str(refused))
            return web.Response(status=400, headers=_HEADERS)
        sid = session_id(given.get("sid"))
        # `iss` comes with every `sid` (section 2); a provider that leaves it out is one of those that may speak here.
        meant = [each for each in spoken if given.get("iss", each.settings.issuer) == each.settings.issuer]
        if meant and ("sid" not in given or sid is None) and request.headers.get("Sec-Fetch-Dest") in _FRAMES:
            return _framed_by(spoken, await self._clean_up(request, facts, organization))
        if sid:
            await self._end(sid, meant, facts)
        return _framed_by(spoken, web.Response(text=_BODY, content_type="text/html", headers=_HEADERS))

    async def _end(self, sid: str, meant: Sequence[OidcSignIn], facts: RequestFacts) -> None:
        vouched, count = self._strangers.vouched(facts.client_address, self._clock()), 0
        for each in meant:
            count += await self._ends.end(each.settings.name, facts, provider_session=sid, vouched=vouched)
        if not count:
            self._strangers.note(facts.client_address, self._clock())


def _framed_by(spoken: Sequence[OidcSignIn], answer: web.StreamResponse) -> web.StreamResponse:
    """The answer, to be framed by those providers' pages alone."""
    addresses = []
    for each in spoken:
        known = each.provider.known_metadata
        addresses += [each.settings.issuer, (known and known.end_session_endpoint) or each.settings.issuer]
    policy = answer.headers.get("Content-Security-Policy", "default-src 'none'")
    ancestors = " ".join(dict.fromkeys(map(origin_of, addresses)))
    answer.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors {ancestors}"
    return answer
