"""What a sign-in answers with: redirects that carry cookies, and pages for each way it can fail."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

from aiohttp import web

from proxy.errors import (
    ProviderError,
    ProviderUnavailable,
    SignInRefused,
    StoreUnavailable,
    TokenRefused,
    VerificationBusy,
)
from proxy.pages.render import Page, Pages

SignInFault: TypeAlias = SignInRefused | TokenRefused | ProviderError | StoreUnavailable
"""Why a sign-in that came back is not completed."""

_NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class Failure:
    """The page and status for a reason why a sign-in failed."""

    page: Page
    status: int


_FAILED = Failure(Page.SIGN_IN_FAILED, 403)
FAILURES = {
    "bad_request": Failure(Page.BAD_REQUEST, 400),
    "state_unknown": Failure(Page.SIGN_IN_FAILED, 400),
    "state_expired": Failure(Page.STATE_EXPIRED, 400),
    "other_browser": Failure(Page.OTHER_BROWSER, 403),
    "credentials_owed": Failure(Page.CREDENTIALS_OWED, 403),
    "no_authentication_instant": Failure(Page.NO_AUTHENTICATION_INSTANT, 403),
    "verification_busy": Failure(Page.STORE_UNAVAILABLE, 503),
    "provider_unavailable": Failure(Page.PROVIDER_UNAVAILABLE, 503),
    "provider_misconfigured": Failure(Page.SIGN_IN_FAILED, 502),
    "store_unreachable": Failure(Page.STORE_UNAVAILABLE, 503),
    "loop": Failure(Page.LOOP, 403),
}
"""By reason; any other is a sign-in that failed, 403."""


def redirect(status: int, location: str, cookies: Iterable[str] = ()) -> web.Response:
    """A redirect that is never stored and takes cookies along. `location` was made by us."""
    response = web.Response(status=status, headers={**_NO_STORE, "Location": location})
    return with_cookies(response, cookies)


def with_cookies(response: web.Response, cookies: Iterable[str]) -> web.Response:
    """The response with these Set-Cookie values."""
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)
    return response


def failed(
    pages: Pages, request: web.Request, reason: str, *, sign_in: str | None, organization: str | None
) -> web.Response:
    """The page for a reason; one that may pass says when to try again."""
    failure = FAILURES.get(reason, _FAILED)
    headers = {"Retry-After": "5"} if failure.status == 503 else {}  # noqa: PLR2004 - Service Unavailable
    return pages.respond(
        request,
        failure.page,
        status=failure.status,
        headers=headers,
        sign_in=sign_in,
        retry=sign_in,
        organization=organization,
    )


def sign_in_path(mount: str, return_to: str) -> str:
    """Our own sign-in, leading back to a path of this host."""
    return f"{mount}/sign-in?return={quote(return_to, safe='/')}"


def reason_of(error: SignInFault) -> str:
    """The stable word for what went wrong, for log, audit and page."""
    match error:
        case SignInRefused():
            return error.reason
        case TokenRefused():
            return f"token_{error.reason}"
        case VerificationBusy():
            return "verification_busy"
        case ProviderUnavailable():
            return "provider_unavailable"
        case StoreUnavailable():
            return "store_unreachable"
        case _:
            return "provider_misconfigured"
