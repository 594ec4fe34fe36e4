"""The one place that turns a decision, a refusal or an upstream's failure into HTTP."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never
from urllib.parse import quote

from aiohttp import web

from proxy.errors import RequestRefused, UpstreamBusy, UpstreamError, UpstreamTimeout
from proxy.gateway.ports import ChallengeAddress
from proxy.model.decision import Challenge, Reason, Refuse, SignIn
from proxy.model.held_form import Kept, NotKept, NotSent
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts, RequestKind
from proxy.pages.reference import REFERENCE
from proxy.pages.render import Page, Pages
from proxy.policy.organization import OrganizationTable

_NO_STORE = MappingProxyType({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
_RETRY_AFTER = MappingProxyType({"Retry-After": "5"})
_NOTHING: Mapping[str, str] = MappingProxyType({})
_NAVIGATIONS = frozenset({RequestKind.NAVIGATION, RequestKind.FRAMED_NAVIGATION})

_PAGES_OF_REFUSALS = {
    Reason.STORE_UNREACHABLE: Page.STORE_UNAVAILABLE,
    Reason.FOREIGN_ORIGIN: Page.FORBIDDEN,
    Reason.NO_ACCESS: Page.NO_ACCESS,
    Reason.DEVICE_UNREGISTERED: Page.DEVICE_UNREGISTERED,
}
_PAGES_OF_FORMS = {
    NotKept.TOO_LARGE: Page.FORM_TOO_LARGE,
    NotKept.NO_ROOM: Page.FORM_NO_ROOM,
    NotKept.STORE_UNREACHABLE: Page.STORE_UNAVAILABLE,
}
# What a person may meet by a mistyped address or a planted cookie, and can do something about; the rest is for tools.
_PAGES_OF_REFUSED_REQUESTS = {
    "duplicate_cookie": Page.BAD_REQUEST,
    "unknown_host": Page.UNKNOWN_HOST,
    "unknown_path": Page.UNKNOWN_HOST,
}
_PHRASES = {
    400: "Bad Request",
    408: "Request Timeout",
    421: "Misdirected Request",
    505: "HTTP Version Not Supported",
}


def with_strict_transport(answer: web.StreamResponse, hsts: int | None) -> None:
    """Say on an answer of ours that this host is to be spoken to over TLS alone, for `hsts` seconds (RFC 6797, 7.1).

    None or 0 changes nothing, as where TLS does not end here.
    """
    if hsts:
        answer.headers.setdefault("Strict-Transport-Security", f"max-age={hsts}")


class Answers:
    """Makes the answers that are ours. `challenge_address`: where an API client gets a bearer token."""

    def __init__(self, pages: Pages, table: OrganizationTable, challenge_address: ChallengeAddress) -> None:
        self._pages = pages
        self._table = table
        self._challenge_address = challenge_address

    def sign_in(
        self, request: web.Request, facts: RequestFacts, organization: Organization, decision: SignIn
    ) -> web.Response:
        """302 to our own sign-in, which leads back to the raw target; in a frame a page with a link out of it."""
        if not decision.framed:
            return web.Response(
                status=302, headers={**_NO_STORE, "Location": self._sign_in(organization, facts.target)}
            )
        return self._pages.respond(
            request,
            Page.FRAMED,
            status=401,
            headers={"WWW-Authenticate": self._bearer(organization, facts)},
            sign_in=self._sign_in(organization, _embedding_page(request, facts) or f"{organization.path}/"),
        )

    def outside_administration(
        self, request: web.Request, facts: RequestFacts, organization: Organization
    ) -> web.Response:
        """302 from the root of the administrators' own host to their pages; 404 for any other path of it."""
        if facts.path != "/" or facts.method not in {"GET", "HEAD"}:
            return self.not_found(request, facts)
        return web.Response(status=302, headers={**_NO_STORE, "Location": f"{self._table.mount(organization)}/admin/"})

    def challenge(
        self, request: web.Request, facts: RequestFacts, organization: Organization, decision: Challenge
    ) -> web.Response:
        """401 that a program can read: never a redirect, which it would follow into a page it cannot use."""
        return _json(
            request,
            401,
            decision.reason,
            {"WWW-Authenticate": self._bearer(organization, facts)},
            sign_in=f"{facts.origin}{self._table.mount(organization)}/sign-in",
        )

    def form_kept(self, kept: Kept) -> web.Response:
        """303 to sign-in, which leads to the form."""
        return web.Response(status=303, headers={**_NO_STORE, "Location": kept.location, "Set-Cookie": kept.cookie})

    def form_not_kept(
        self, request: web.Request, facts: RequestFacts, organization: Organization, why: NotKept
    ) -> web.Response:
        """A page: the browser still has the form."""
        page = _PAGES_OF_FORMS.get(why, Page.FORM_NOT_KEPT)
        away = page is Page.STORE_UNAVAILABLE
        return self._pages.respond(
            request,
            page,
            status=503 if away else 401,
            headers=_RETRY_AFTER if away else {"WWW-Authenticate": self._bearer(organization, facts)},
            organization=organization.friendly_name or organization.name,
            sign_in=None if away else self._sign_in(organization, f"{organization.path}/"),
        )

    def form_not_sent(self, request: web.Request, organization: Organization, why: NotSent) -> web.Response:
        """A page: nothing has gone to the application."""
        home = f"{organization.path}/"
        match why:
            case NotSent.GONE:
                return self._pages.respond(request, Page.FORM_GONE, status=409, home=home)
            case NotSent.ANOTHER_USER:
                return self._pages.respond(request, Page.FORM_OF_ANOTHER, status=403, home=home)
            case NotSent.FOREIGN_ORIGIN:
                return self._pages.respond(request, Page.FORBIDDEN, status=403)
            case _:
                assert_never(why)

    def refuse(
        self, request: web.Request, facts: RequestFacts, organization: Organization, decision: Refuse
    ) -> web.Response:
        """403 or 503, as a page for people and JSON for programs."""
        headers = _RETRY_AFTER if decision.status == 503 else _NOTHING  # noqa: PLR2004 - Service Unavailable
        if facts.kind not in _NAVIGATIONS:
            return _json(request, decision.status, decision.reason, headers)
        page = _PAGES_OF_REFUSALS.get(decision.reason, Page.FORBIDDEN)
        name = organization.friendly_name or organization.name
        # A device that missed its minute registers with the next sign-in.
        again = decision.reason is Reason.DEVICE_UNREGISTERED
        path = self._sign_in(organization, facts.target) if again else None
        return self._pages.respond(
            request, page, status=decision.status, headers=headers, organization=name, sign_in=path
        )

    def upstream_failed(self, request: web.Request, facts: RequestFacts, error: UpstreamError) -> web.Response:
        """504 for one that is slow, 503 for one that is full, 502 for all else."""
        match error:
            case UpstreamTimeout():
                status, reason, page, headers = 504, "upstream_timeout", Page.UPSTREAM_TIMEOUT, _NOTHING
            case UpstreamBusy():
                status, reason, page, headers = 503, "upstream_busy", Page.UPSTREAM_BUSY, _RETRY_AFTER
            case _:
                status, reason, page, headers = 502, "upstream_unreachable", Page.UPSTREAM_UNREACHABLE, _NOTHING
        if facts.kind not in _NAVIGATIONS:
            return _json(request, status, reason, headers)
        return self._pages.respond(request, page, status=status, headers=headers)

    def not_found(self, request: web.Request, facts: RequestFacts) -> web.Response:
        """404 below our own prefix, which is never forwarded."""
        if facts.kind not in _NAVIGATIONS:
            return _json(request, 404, "not_found", _NOTHING)
        return self._pages.respond(request, Page.NOT_FOUND, status=404)

    def store_unreachable(self, request: web.Request, facts: RequestFacts) -> web.Response:
        """503 from one of our own endpoints."""
        if facts.kind not in _NAVIGATIONS:
            return _json(request, 503, Reason.STORE_UNREACHABLE, _RETRY_AFTER)
        return self._pages.respond(request, Page.STORE_UNAVAILABLE, status=503, headers=_RETRY_AFTER)

    def refused(self, request: web.Request, refused: RequestRefused) -> web.Response:
        """A request no rule may see: without any echo of it, and the connection closes."""
        page = _PAGES_OF_REFUSED_REQUESTS.get(refused.reason)
        if page is not None and "text/html" in request.headers.get("Accept", ""):
            answer = self._pages.respond(request, page, status=refused.status)
        elif refused.status == 421:  # noqa: PLR2004 - Misdirected Request (RFC 9110, section 15.5.20)
            answer = _json(request, refused.status, refused.reason, _NOTHING)
        else:
            title = f"{refused.status} {_PHRASES.get(refused.status, 'Refused')}"
            text = f"{title}\n{refused.reason}\nReference: {request[REFERENCE]}\n"
            answer = web.Response(status=refused.status, text=text, headers=_NO_STORE)
        answer.force_close()
        return answer

    def _sign_in(self, organization: Organization, target: str) -> str:
        return f"{self._table.mount(organization)}/sign-in?return={quote(target.encode('latin-1'), safe='/')}"

    def _bearer(self, organization: Organization, facts: RequestFacts) -> str:
        """The form that Microsoft's SDK clients parse: pairs after the scheme, without quotes."""
        address = self._challenge_address(organization, facts)
        if address is None:
            return "Bearer"
        return f"Bearer authorization_uri={address.authorization_uri}, resource_id={address.resource_id}"


def _json(request: web.Request, status: int, reason: str, headers: Mapping[str, str], **facts: str) -> web.Response:
    body = {"error": str(reason), **facts, "reference": request[REFERENCE]}
    return web.json_response(body, status=status, headers={**_NO_STORE, **headers})


def _embedding_page(request: web.Request, facts: RequestFacts) -> str | None:
    """The target of the page of this host that holds the frame, so that signing in leads back to it."""
    referer = request.headers.get("Referer", "")
    origin = f"{facts.origin}/"
    if not referer.startswith(origin) or not referer.isascii():
        return None
    return referer[len(facts.origin) :]
