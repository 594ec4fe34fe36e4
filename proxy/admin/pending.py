"""Changes that wait for a sign-in, where the administrators' pages share an origin with an application.

A script of the application can send whatever an administrator's page can send, so the request alone changes nothing.
The change is sealed into a cookie, its digest travels in the sealed login state, and the callback of a sign-in with
fresh credentials carries out exactly that change, once. Entering credentials at the provider is what no script can do.
"""

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

import structlog
from aiohttp import web

from proxy.admin.changes import BODIES, Body, Changes
from proxy.admin.problem import Problem
from proxy.admin.visitor import Visitor
from proxy.errors import SealBroken, SettingsError, StoreUnavailable
from proxy.model.confirmation import Confirmation
from proxy.model.organization import AccessRule, SameSite
from proxy.model.time import Instant, Seconds
from proxy.observability.audit import Audit, AuditEvent
from proxy.pages.render import Page, Pages
from proxy.policy.access import is_administrator
from proxy.sealing import Sealer, to_text
from proxy.sessions.cookie import cookie_names, set_cookie

log = structlog.get_logger("admin")

WAITS: Final[Seconds] = 600.0
"""How long a change waits for its sign-in; a sign-in may take as long."""

_PURPOSE = "administrator-change"
# With name and attributes a cookie must stay within 4,096 bytes (RFC 6265, section 6.1).
_LONGEST = 3800

UseOnce: TypeAlias = Callable[[str, Seconds], Awaitable[bool]]
"""(name, seconds): True the first time. Raises StoreUnavailable."""


class _NotConfirmed(Exception):
    """The sign-in does not confirm the change. Its text is the reason, a stable word for the audit trail."""


@dataclass(frozen=True, slots=True)
class Pending:
    """One change that waits.

    Attributes:
        number: Random name, under which the change is carried out once.
        name: The change's path below `api/`.
        body: Its body, as JSON.
        organization: The organization at whose host it was requested.
        principal: Key of the administrator who requested it.
        credentials_at: When that administrator last entered credentials, by the provider's clock; None if not stated.
        at: When it was requested.
    """

    number: str
    name: str
    body: str
    organization: str
    principal: str
    credentials_at: Instant | None
    at: Instant


class PendingChanges:
    """Makes changes wait, and carries them out."""

    def __init__(
        self,
        *,
        changes: Changes,
        rules: Sequence[AccessRule],
        sealer: Sealer,
        use_once: UseOnce,
        pages: Pages,
        audit: Audit,
        clock: Callable[[], Instant],
    ) -> None:
        self._changes = changes
        self._rules = rules
        self._sealer = sealer
        self._use_once = use_once
        self._pages = pages
        self._audit = audit
        self._clock = clock

    def wait(self, visitor: Visitor, name: str, body: Body, mount: str) -> Problem:
        """Return the response that names the sign-in which carries out this change; its cookie holds the change.

        Raises Problem for a change that does not fit into a cookie.
        """
        session, organization = visitor.session, visitor.organization
        pending = [
            secrets.token_urlsafe(16),
            name,
            body.model_dump_json(),
            organization.name,
            session.principal.key,
            session.credentials_at,
            self._clock(),
        ]
        sealed = self._sealer.seal_text(json.dumps(pending).encode(), purpose=_PURPOSE)
        if len(sealed) > _LONGEST:
            message = "the change is too long to wait for a sign-in; fix: make it in parts, or by claims-proxy settings"
            raise Problem(413, "too_large", message)
        secure = visitor.facts.scheme == "https"
        # SameSite=None, because browsers leave other cookies out where a provider posts its response. It opens nothing.
        cookie = set_cookie(
            cookie_names(organization.cookie_suffix, secure=secure).change,
            sealed,
            secure=secure,
            same_site=SameSite.NONE,
            max_age=int(WAITS),
        )
        sign_in = f"{mount}/sign-in?change={_digest(sealed)}"
        message = (
            "this origin is shared with an application, so the change waits for a sign-in; fix: open sign_in in the "
            "browser within 10 minutes, or use claims-proxy settings, or give administration a host of its own"
        )
        return Problem(403, "sign_in_required", message, headers={"Set-Cookie": cookie}, sign_in=sign_in)

    async def confirm(self, request: web.Request, shown: Confirmation) -> web.Response:
        """Carry out the change that this sign-in confirms, and show what was changed, or that nothing was."""
        who = shown.session.principal.upn or shown.session.principal.name
        try:
            pending = await self._confirmed(shown)
            body = BODIES[pending.name].model_validate_json(pending.body)
            outcome = await self._changes.carry_out(pending.name, body, who)
        except _NotConfirmed as refused:
            self._refused(shown, who, str(refused))
            return self._page(request, shown, Page.CHANGE_NOT_CONFIRMED, 403, ())
        except SettingsError as error:
            return self._page(request, shown, Page.CHANGE_NOT_MADE, 409, (str(error),))
        except Problem as problem:
            return self._page(request, shown, Page.CHANGE_NOT_MADE, problem.status, (problem.message,))
        except StoreUnavailable as error:
            log.warning("store_unreachable", endpoint="confirmation", error=str(error))
            return self._page(request, shown, Page.STORE_UNAVAILABLE, 503, ())
        return self._page(request, shown, Page.CHANGE_MADE, 200, outcome.lines)

    async def _confirmed(self, shown: Confirmation) -> Pending:
        """Return the change. Raises _NotConfirmed, StoreUnavailable."""
        pending, session = self._opened(shown), shown.session
        if self._clock() >= pending.at + WAITS:
            raise _NotConfirmed("expired")
        if (session.principal.key, shown.organization.name) != (pending.principal, pending.organization):
            raise _NotConfirmed("another_user")
        if not is_administrator(self._rules, session.principal):
            raise _NotConfirmed("no_access")
        if not _are_fresh(pending, shown):
            raise _NotConfirmed("credentials_not_fresh")
        if not await self._use_once(f"change:{pending.number}", 2 * WAITS):
            raise _NotConfirmed("replayed")
        return pending

    def _opened(self, shown: Confirmation) -> Pending:
        if shown.waiting is None or _digest(shown.waiting) != shown.digest:
            raise _NotConfirmed("another_change")
        try:
            return Pending(*json.loads(self._sealer.open_text(shown.waiting, purpose=_PURPOSE)))
        except (SealBroken, ValueError, TypeError) as error:
            raise _NotConfirmed("another_change") from error

    def _refused(self, shown: Confirmation, who: str, rule: str) -> None:
        self._audit.record(
            AuditEvent.REFUSED,
            organization=shown.organization.name,
            principal=who,
            reason="change_not_confirmed",
            client_address=shown.facts.client_address,
            method=shown.facts.method,
            path=shown.facts.path,
            rule=rule,
        )

    def _page(
        self, request: web.Request, shown: Confirmation, page: Page, status: int, lines: Sequence[str]
    ) -> web.Response:
        name = shown.organization.friendly_name or shown.organization.name
        return self._pages.respond(request, page, status=status, lines=lines, home=shown.return_to, organization=name)


def _digest(sealed: str) -> str:
    return to_text(sha256(sealed.encode()).digest())


def _are_fresh(pending: Pending, shown: Confirmation) -> bool:
    """Return True if the user has entered credentials for this very sign-in.

    The instant must be newer than the one that the administrator's session had before, both by the provider's clock: so
    the leeway between its clock and ours admits no sign-in of a moment ago.
    """
    entered, asked = shown.session.credentials_at, shown.asked_at
    if entered is None or asked is None:
        return False
    before = pending.credentials_at
    return entered >= asked - shown.leeway and (before is None or entered > before)
