"""What every part of a sign-in says to a browser: where to go, what failed, and what the cookies say of both."""

from collections.abc import Callable

import structlog
from aiohttp import web

from proxy.errors import ProviderError
from proxy.model.organization import Organization, SameSite
from proxy.model.request import RequestFacts
from proxy.model.time import Instant
from proxy.observability.audit import Audit, AuditEvent
from proxy.pages.render import Pages
from proxy.sealing import Sealer
from proxy.sessions.cookie import expire_cookie, set_cookie
from proxy.signin import login_state as login
from proxy.signin import loop
from proxy.signin.answers import failed, reason_of, sign_in_path
from proxy.signin.departure import Departures
from proxy.signin.visit import Visit

log = structlog.get_logger("signin")


class Desk:
    """`mount` gives an organization's path of endpoints."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        departures: Departures,
        pages: Pages,
        clock: Callable[[], Instant],
        audit: Audit,
        mount: Callable[[Organization], str],
    ) -> None:
        self.departures = departures
        self.mount = mount
        self._sealer = sealer
        self._pages = pages
        self._clock = clock
        self._audit = audit

    async def leave(
        self,
        visit: Visit,
        return_to: str,
        *,
        ask_for_credentials: bool,
        again: login.LoginState | None = None,
        restarted: bool = False,
        change: str = "",
    ) -> web.Response:
        """The redirect to the provider, or the page that says why there is none."""
        try:
            return await self.departures.leave(
                visit,
                return_to,
                ask_for_credentials=ask_for_credentials,
                again=again,
                restarted=restarted,
                change=change,
            )
        except ProviderError as error:
            reason = reason_of(error)
            log.warning("sign_in_not_started", reason=reason, detail=str(error), organization=visit.organization.name)
            return self.failed(visit, reason, return_to)

    def failed(self, visit: Visit, reason: str, return_to: str) -> web.Response:
        """The page for a sign-in that is not completed."""
        path = sign_in_path(self.mount(visit.organization), return_to)
        return failed(self._pages, visit.request, reason, sign_in=path, organization=visit.organization.friendly_name)

    def nowhere(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None, reason: str
    ) -> web.Response:
        """An answer that belongs to no sign-in of ours: where the person wanted to go is not known."""
        log.info("sign_in_failed", reason=reason)
        self.refused(facts, organization, reason)
        if organization is None:
            return failed(self._pages, request, reason, sign_in=None, organization=None)
        path = sign_in_path(self.mount(organization), f"{organization.path}/")
        return failed(self._pages, request, reason, sign_in=path, organization=organization.friendly_name)

    def refused(self, facts: RequestFacts, organization: Organization | None, reason: str, principal: str = "") -> None:
        """Tell the audit."""
        self._audit.record(
            AuditEvent.SIGN_IN_REFUSED,
            organization=organization.name if organization else "",
            principal=principal,
            reason=reason,
            client_address=facts.client_address,
        )

    def expired_login(self, visit: Visit, state: login.LoginState) -> str:
        """The Set-Cookie value that ends a sign-in under way."""
        return expire_cookie(visit.names.logins()[state.slot], secure=visit.secure, same_site=SameSite.LAX)

    def loop_after(self, visit: Visit, event: loop.LoopEvent) -> loop.LoopState:
        """What the loop cookie would say after this event."""
        known = loop.open_loop(self._sealer, visit.cookies.get(visit.names.loop))
        return loop.next_loop_state(known, event, self._clock())

    def loop_cookie(self, visit: Visit, state: loop.LoopState) -> str:
        """The loop cookie's Set-Cookie value."""
        value = loop.seal_loop(self._sealer, state)
        return set_cookie(
            visit.names.loop, value, secure=visit.secure, same_site=SameSite.LAX, max_age=int(loop.LOOP_SECONDS)
        )
