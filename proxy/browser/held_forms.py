"""Forms that were posted after the session had ended: kept for minutes, offered to the same user, sent on once.

The store has them sealed under a key that only the browser's cookie holds, so neither the store's owner nor another
browser can open one. What a form says is in no log.
"""

import hmac
import json
import math
import secrets
from collections.abc import Callable
from urllib.parse import quote

import structlog
from aiohttp import web

from proxy.browser.visits import Visit, Visits
from proxy.errors import SealBroken, StoreUnavailable
from proxy.model.held_form import KEPT_SECONDS, LARGEST_FORM, HeldForm, Kept, NotKept, NotSent
from proxy.model.organization import Organization, SameSite
from proxy.model.request import RequestFacts
from proxy.model.session import Session, SessionReference
from proxy.model.time import Instant
from proxy.pages.render import Page, Pages
from proxy.sealing import Sealer, to_text
from proxy.sessions.cookie import cookie_names, expire_cookie, read_cookies, set_cookie
from proxy.store.forms_port import FormStore

log = structlog.get_logger("browser")

_PURPOSE = "held form"
_TOKEN_PURPOSE = "held form's token"  # noqa: S105 - what it is for
_KEY_BYTES = 16
_NAME_LENGTH, _KEY_LENGTH = 43, 22
_DISCARD = "discard"
_COOKIE_SECONDS = 3600
"""Longer than the form: by it the gateway knows our own form, whose token no application is to see."""


class HeldForms:
    """Keeps, offers and hands out. `budget`: bytes that all kept forms of all nodes may come to; 0 keeps none."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        store: FormStore,
        visits: Visits,
        pages: Pages,
        clock: Callable[[], Instant],
        mount: Callable[[Organization], str],
        budget: int,
    ) -> None:
        self._sealer = sealer
        self._store = store
        self._visits = visits
        self._pages = pages
        self._clock = clock
        self._mount = mount
        self._budget = budget

    async def keep(
        self, request: web.Request, facts: RequestFacts, organization: Organization, over: SessionReference
    ) -> Kept | NotKept:
        """Keep the form of a session that is over. Nothing of it is kept where the answer is a NotKept."""
        if not self._budget:
            return NotKept.TURNED_OFF
        body = await _read(request)
        if body is None:
            return NotKept.TOO_LARGE
        head = {
            "o": organization.name,
            "t": facts.target,
            "c": request.headers.get("Content-Type", ""),
            "u": over.tag,
            "a": self._clock(),
        }
        name, key = over.id_hash, to_text(secrets.token_bytes(_KEY_BYTES))
        form = json.dumps(head).encode() + b"\n" + body
        sealed = self._sealer.seal(form, purpose=_PURPOSE, context=name.encode(), key=key.encode())
        try:
            kept = await self._store.hold(name, sealed, int(KEPT_SECONDS), self._clock(), self._budget)
        except StoreUnavailable:
            return NotKept.STORE_UNREACHABLE
        if not kept:
            return NotKept.NO_ROOM
        mount, secure = self._mount(organization), facts.scheme == "https"
        cookie = set_cookie(
            cookie_names(organization.cookie_suffix, secure=secure).held,
            f"{name}.{key}",
            secure=secure,
            same_site=SameSite.LAX,
            max_age=_COOKIE_SECONDS,
        )
        return Kept(_sign_in_first(mount), cookie)

    async def take(
        self, request: web.Request, facts: RequestFacts, organization: Organization, session: Session, token: str
    ) -> HeldForm | NotSent:
        """The form that this very request sends on, once. Raises StoreUnavailable; the form stays then."""
        if request.headers.getall("Origin", []) != [facts.origin]:
            return NotSent.FOREIGN_ORIGIN
        form = await self._find(request, facts, organization)
        if form is None or form.target != facts.target or not self._is_token(token, form, session):
            return NotSent.GONE
        if not self._is_of(form, session):
            return NotSent.ANOTHER_USER
        if await self._store.take(form.name, self._clock()) is None:
            return NotSent.GONE
        log.info("form_sent_on", organization=organization.name)
        return form

    async def give_back(self, form: HeldForm) -> None:
        """Nothing of it went out: it may be sent on once more. Raises StoreUnavailable."""
        left = int(form.at + KEPT_SECONDS - self._clock())
        if left > 0:
            await self._store.hold(form.name, form.sealed, left, self._clock(), self._budget)

    async def __call__(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """GET offers the form, POST from our own origin discards it. Raises StoreUnavailable."""
        if organization is None:
            return self._pages.respond(request, Page.NOT_FOUND, status=404)
        if request.method not in ("GET", "HEAD", "POST"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD, POST"})
        if request.method == "POST" and request.headers.getall("Origin", []) != [facts.origin]:
            return self._pages.respond(request, Page.FORBIDDEN, status=403)
        visit = await self._visits.find(request, facts, organization)
        if not isinstance(visit, Visit):
            return self._without_session(request, organization, visit)
        form = await self._find(request, facts, organization)
        if request.method == "POST":
            return await self._discard(facts, organization, form)
        return await self._offer(request, facts, visit, form)

    def _without_session(
        self, request: web.Request, organization: Organization, answer: web.Response
    ) -> web.StreamResponse:
        if answer.status == 503:  # noqa: PLR2004 - Service Unavailable
            return self._pages.respond(request, Page.STORE_UNAVAILABLE, status=503, headers={"Retry-After": "5"})
        location = _sign_in_first(self._mount(organization))
        return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})

    async def _offer(
        self, request: web.Request, facts: RequestFacts, visit: Visit, form: HeldForm | None
    ) -> web.StreamResponse:
        organization, session, home = visit.organization, visit.session, f"{visit.organization.path}/"
        if form is None:
            return self._pages.respond(request, Page.FORM_GONE, status=200, home=home)
        if not self._is_of(form, session):
            # Whoever sits here now must neither see it nor have it sent; and whose it is has left this browser.
            await self._store.take(form.name, self._clock())
            log.info("form_discarded", organization=organization.name, reason=NotSent.ANOTHER_USER)
            answer = self._pages.respond(request, Page.FORM_OF_ANOTHER, status=403, home=home)
            answer.headers.add("Set-Cookie", _expired(facts, organization))
            return answer
        left = max(1, math.ceil(form.at + KEPT_SECONDS - visit.now))
        return self._pages.respond(
            request,
            Page.FORM_KEPT,
            status=200,
            headers={"Refresh": str(left)},
            organization=organization.friendly_name,
            send_on=form.target,
            token=self._sealer.tag(_token_of(form, session), purpose=_TOKEN_PURPOSE),
            discard=f"{self._mount(organization)}/held-form",
            details=form.target.partition("?")[0],
        )

    async def _discard(
        self, facts: RequestFacts, organization: Organization, form: HeldForm | None
    ) -> web.StreamResponse:
        if form is not None:
            await self._store.take(form.name, self._clock())
            log.info("form_discarded", organization=organization.name, reason=_DISCARD)
        answer = web.Response(status=303, headers={"Location": f"{organization.path}/", "Cache-Control": "no-store"})
        answer.headers.add("Set-Cookie", _expired(facts, organization))
        return answer

    async def _find(self, request: web.Request, facts: RequestFacts, organization: Organization) -> HeldForm | None:
        """The form that the browser's cookie opens, in this organization. Raises StoreUnavailable."""
        secure = facts.scheme == "https"
        names = cookie_names(organization.cookie_suffix, secure=secure)
        cookies = read_cookies(request.headers.getall("Cookie", []), secure=secure)
        name, _, key = cookies.get(names.held, "").partition(".")
        if len(name) != _NAME_LENGTH or len(key) != _KEY_LENGTH:
            return None
        now = self._clock()
        sealed = await self._store.look(name, now)
        if sealed is None:
            return None
        try:
            opened = self._sealer.open(sealed, purpose=_PURPOSE, context=name.encode(), key=key.encode())
        except SealBroken:
            return None
        head, _, body = opened.partition(b"\n")
        told = json.loads(head)
        form = HeldForm(name, told["o"], told["t"], told["c"], told["u"], told["a"], body, sealed)
        return form if form.organization == organization.name and now < form.at + KEPT_SECONDS else None

    def _is_of(self, form: HeldForm, session: Session) -> bool:
        return form.user in self._sealer.tags(session.principal.key, purpose="principal")

    def _is_token(self, token: str, form: HeldForm, session: Session) -> bool:
        good = self._sealer.tags(_token_of(form, session), purpose=_TOKEN_PURPOSE)
        return any(hmac.compare_digest(token.encode(), each.encode()) for each in good)


def _sign_in_first(mount: str) -> str:
    """Where a browser signs in and comes back from to the form."""
    return f"{mount}/sign-in?return={quote(f'{mount}/held-form')}"


def _token_of(form: HeldForm, session: Session) -> str:
    """What the token binds: this form, to be sent in this session."""
    return f"{form.name} {session.reference.id_hash if session.reference else ''}"


def _expired(facts: RequestFacts, organization: Organization) -> str:
    secure = facts.scheme == "https"
    names = cookie_names(organization.cookie_suffix, secure=secure)
    return expire_cookie(names.held, secure=secure, same_site=SameSite.LAX)


async def _read(request: web.Request) -> bytes | None:
    """The body; None where it is larger than what is kept."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > LARGEST_FORM:
            return None
    return bytes(body)
