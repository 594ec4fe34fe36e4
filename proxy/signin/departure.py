"""Sending a browser to its provider: the question, and the cookie that ties the answer to this browser."""

import secrets
from collections.abc import Callable, Mapping

from aiohttp import web

from proxy.model.organization import SameSite
from proxy.model.provider import IdentityProvider, Protocol
from proxy.model.redirect_uri import Redirects
from proxy.model.request import RequestFacts
from proxy.model.time import Instant
from proxy.policy.binding import is_nonce
from proxy.sealing import Sealer
from proxy.sessions.cookie import set_cookie
from proxy.signin import login_state as login
from proxy.signin.answers import redirect
from proxy.signin.protocol import Question, SignInProtocol
from proxy.signin.visit import Visit

_NONCE_BYTES = 32


class Departures:
    """Makes the redirects to providers. `prefix`: where our endpoints lie on a host."""

    def __init__(
        self,
        sealer: Sealer,
        providers: Mapping[str, SignInProtocol],
        clock: Callable[[], Instant],
        prefix: str,
        redirects: Redirects,
    ) -> None:
        self._sealer = sealer
        self._providers = providers
        self._redirects = redirects
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
        change: str = "",
    ) -> web.Response:
        """The redirect. `again`: the sign-in that is repeated with credentials; its cookie's slot is taken over.

        `restarted`: it takes the place of one whose cookie is gone. `change`: digest of a change that waits for it.
        Raises ProviderUnavailable, ProviderMisconfigured.
        """
        now = self._clock()
        provider = self._providers[visit.organization.identity_provider]
        shown = visit.cookies.get(visit.names.nonce)
        nonce = shown if shown and is_nonce(shown) else secrets.token_urlsafe(_NONCE_BYTES)
        held = login.start_login(now, visit.replaces, nonce)
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
            provider=provider.settings.name,
            change=again.change if again else change,
        )
        question = self.question(visit, held, ask_for_credentials=ask_for_credentials)
        url = await provider.sign_in_url(question, login.seal_state(self._sealer, state))
        cookie = set_cookie(
            visit.names.logins()[slot],
            login.seal_secrets(self._sealer, held),
            secure=visit.secure,
            same_site=SameSite.NONE if provider.posts else SameSite.LAX,
            max_age=int(login.LOGIN_SECONDS),
        )
        return redirect(302, url, [cookie] if nonce == shown else [cookie, nonce_cookie(visit, nonce)])

    def question(self, visit: Visit, held: login.LoginSecrets, *, ask_for_credentials: bool) -> Question:
        """What the provider is asked, and what its answer is judged by.

        The address for answers is always at the host's root: one to register, whatever the organizations' paths.
        """
        provider = self._providers[visit.organization.identity_provider]
        origin = sign_in_origin(provider.settings, visit.facts)
        return Question(
            held=held,
            reply_to=f"{origin}{self._prefix}/{self.endpoint(provider, visit.facts.authority)}",
            realm=visit.organization.realm or provider.settings.realm,
            ask_for_credentials=ask_for_credentials,
        )

    def endpoint(self, provider: SignInProtocol, authority: str) -> str:
        """Return the endpoint that takes the provider's response to a sign-in that started at this host."""
        if provider.settings.protocol is Protocol.OIDC:
            return self._redirects.endpoint(provider.settings, authority)
        return provider.endpoint


def nonce_cookie(visit: Visit, nonce: str) -> str:
    """The Set-Cookie value of the browser's binding."""
    return set_cookie(visit.names.nonce, nonce, secure=visit.secure, same_site=visit.organization.same_site)


def sign_in_origin(settings: IdentityProvider, facts: RequestFacts) -> str:
    """Where the provider's answers come to: this host, or the one host that takes them for all organizations."""
    return f"{facts.scheme}://{settings.sign_in_host}" if settings.sign_in_host else facts.origin
