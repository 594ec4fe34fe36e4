"""Sending a browser to its provider: the question, and the cookie that ties the answer to this browser."""

from collections.abc import Callable, Mapping

from aiohttp import web

from proxy.model.organization import SameSite
from proxy.model.provider import ResponseMode
from proxy.model.request import RequestFacts
from proxy.model.time import Instant
from proxy.sealing import Sealer
from proxy.sessions.cookie import set_cookie
from proxy.signin import login_state as login
from proxy.signin import oidc
from proxy.signin.answers import redirect
from proxy.signin.provider import Provider
from proxy.signin.visit import Visit


class Departures:
    """Makes the redirects to providers. `prefix`: where our endpoints lie on a host."""

    def __init__(
        self, sealer: Sealer, providers: Mapping[str, Provider], clock: Callable[[], Instant], prefix: str
    ) -> None:
        self._sealer = sealer
        self._providers = providers
        self._clock = clock
        self._prefix = prefix

    async def leave(
        self,
        visit: Visit,
        return_to: str,
        *,
        ask_for_credentials: bool,
        again: login.LoginState | None = None,
        restarted: bool = False,
    ) -> web.Response:
        """The redirect. `again`: the sign-in that is repeated with credentials; its cookie's slot is taken over.

        `restarted`: it takes the place of one whose cookie is gone. Raises ProviderUnavailable, ProviderMisconfigured.
        """
        now = self._clock()
        provider = self._providers[visit.organization.identity_provider]
        metadata = await provider.metadata()
        held = login.start_login(now, visit.replaces)
        slot = again.slot if again else login.free_slot(visit.cookies, visit.names, self._sealer)
        state = login.LoginState(
            login_id=held.login_id,
            slot=slot,
            organization=visit.organization.name,
            return_to=return_to,
            authority=visit.facts.authority,
            started_at=now,
            asked_at=now if ask_for_credentials else None,
            retried=again is not None,
            restarted=restarted or (again is not None and again.restarted),
        )
        url = oidc.authorization_url(
            provider.settings,
            metadata,
            redirect_uri=self.redirect_uri(visit.facts),
            state=login.seal_state(self._sealer, state),
            nonce=held.nonce,
            verifier=held.verifier,
            ask_for_credentials=ask_for_credentials,
        )
        # A cross-site POST brings no Lax cookie; the GET that we make of it would, but not in every browser.
        posted = provider.settings.response_mode is ResponseMode.FORM_POST
        cookie = set_cookie(
            visit.names.logins()[slot],
            login.seal_secrets(self._sealer, held),
            secure=visit.secure,
            same_site=SameSite.NONE if posted else SameSite.LAX,
            max_age=int(login.LOGIN_SECONDS),
        )
        return redirect(302, url, [cookie])

    def redirect_uri(self, facts: RequestFacts) -> str:
        """Always at the host's root: one address to register, whatever the organizations' paths."""
        return f"{facts.origin}{self._prefix}/callback"
