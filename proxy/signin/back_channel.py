"""`backchannel-logout`: the provider itself posts a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.5).

The signature is what authenticates it; it is judged whole, and taken once, before anything is ended.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from aiohttp import web

from proxy.errors import ProviderError, SignInRefused, StoreUnavailable, TokenRefused
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts
from proxy.model.session import Vouched
from proxy.model.time import Instant, Seconds
from proxy.pages.render import Page, Pages
from proxy.signin.oidc_sign_in import OidcSignIn
from proxy.signin.parameters import read_form
from proxy.signin.provider_sign_out import ProviderSignOut
from proxy.tokens.jwt import read_unverified

log = structlog.get_logger("signin")

# Below what is verified on the event loop: a logout token has about 1 KB.
_LONGEST_TOKEN = 16 * 1024
_LARGEST = _LONGEST_TOKEN + 4096
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class UsesOnce(Protocol):
    """What is needed of `sessions.service.Sessions`."""

    async def use_once(self, name: str, seconds: Seconds) -> bool:
        """True the first time within `seconds`. Raises StoreUnavailable."""


class BackChannel:
    """Takes logout tokens."""

    def __init__(self, ends: ProviderSignOut, sessions: UsesOnce, pages: Pages, clock: Callable[[], Instant]) -> None:
        self._ends = ends
        self._sessions = sessions
        self._pages = pages
        self._clock = clock

    async def __call__(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        """200; 400 for what breaks a rule; 503 where keys or store cannot be asked, and then nothing was ended."""
        spoken = self._ends.may_speak(facts, organization)
        if not spoken:
            return self._pages.respond(request, Page.NOT_FOUND, status=404)
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST", **_HEADERS})
        try:
            count = await self._take(await _logout_token(request), facts, spoken)
        except TokenRefused as refused:
            log.warning("back_channel_refused", reason=refused.reason, detail=str(refused))
            return _error(400, "invalid_request", f"logout_token: {refused.reason}")
        except (ProviderError, StoreUnavailable) as error:
            log.warning("back_channel_failed", detail=str(error))
            return _error(503, "temporarily_unavailable", "nobody was signed out; send a new logout token")
        log.info("back_channel_taken", ended=count)
        return web.Response(status=200, headers=_HEADERS)

    async def _take(self, token: str, facts: RequestFacts, spoken: Sequence[OidcSignIn]) -> int:
        now, count = self._clock(), 0
        for party in _addressed(token, spoken):
            name = party.settings.name
            said = await party.provider.logout_token(token, now)
            lives = said.ends_at + party.settings.leeway - now
            if not await self._sessions.use_once(f"logout:{name}:{said.token_id}", max(lives, 1.0)):
                raise TokenRefused("replayed", "its jti was used before")
            count += await self._ends.end(
                name,
                facts,
                provider_session=said.provider_session,
                subject=said.subject,
                vouched=Vouched.SIGNED,
            )
        return count


async def _logout_token(request: web.Request) -> str:
    """The one `logout_token` of the form. Raises TokenRefused."""
    if "logout_token" in request.query:
        raise TokenRefused("parameters", "it belongs into the body")
    if (request.content_length or 0) > _LARGEST:
        raise TokenRefused("size", f"a body of {request.content_length} bytes")
    try:
        tokens = (await read_form(request)).getall("logout_token", [])
    except SignInRefused as refused:
        raise TokenRefused("parameters", str(refused)) from None
    if len(tokens) != 1:
        raise TokenRefused("parameters", f"logout_token stands {len(tokens)} times")
    if len(tokens[0]) > _LONGEST_TOKEN:
        raise TokenRefused("size", f"{len(tokens[0])} characters; {_LONGEST_TOKEN} are allowed")
    return tokens[0]


def _addressed(token: str, spoken: Sequence[OidcSignIn]) -> Sequence[OidcSignIn]:
    """Return the providers by whose keys and rules the token must be verified: those it names by `iss` and `aud`.

    Several entries of the configuration may be one client of one provider. The token then means the sessions of all.
    Raises TokenRefused if it names none of them, without asking any for its keys.
    """
    if len(spoken) == 1:
        return spoken
    _, claims = read_unverified(token)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    named = [each for each in spoken if each.settings.issuer == claims.get("iss")]
    if not named:
        raise TokenRefused("issuer", f"{str(claims.get('iss'))[:200]!r} is not a provider of this address")
    meant = [each for each in named if each.settings.client_id in audiences]
    if not meant:
        raise TokenRefused("audience", f"{str(audience)[:200]!r} is not our client at that provider")
    return meant


def _error(status: int, error: str, description: str) -> web.Response:
    """An error as OAuth writes it (Back-Channel Logout, section 2.8; RFC 6749, section 5.2)."""
    wait = {"Retry-After": "5"} if status == 503 else {}  # noqa: PLR2004 - Service Unavailable
    body = {"error": error, "error_description": description}
    return web.json_response(body, status=status, headers={**_HEADERS, **wait})
