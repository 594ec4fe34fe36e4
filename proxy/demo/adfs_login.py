"""The AD FS double's sign-in page and the single sign-on behind it, whichever protocol asks for it."""

import base64
import binascii
import secrets
import uuid

from aiohttp import web

from proxy.demo.adfs_model import Login, Method, Person
from proxy.demo.adfs_state import (
    KEPT_SSO_LIFETIME,
    SSO_COOKIE,
    SSO_LIFETIME,
    AdfsState,
    Refusal,
    error_page,
    page,
)
from proxy.model.time import Instant, Seconds

LOOP_COOKIE = "MSISLoopDetectionCookie"
LOOP_REQUESTS = 5
LOOP_SECONDS: Seconds = 20


class LoginPage:
    """The page; `Kmsi` is its «keep me signed in»."""

    def __init__(self, state: AdfsState) -> None:
        self._state = state

    def ask(self, request: web.Request, chosen: str, complaint: str) -> web.Response:
        """Who are you?"""
        return page(
            "adfs_sign_in.html",
            action=request.rel_url.raw_path_qs,
            people=self._state.people,
            chosen=chosen.strip().casefold() or self._state.people[0].account,
            complaint=complaint,
        )

    async def typed(self, request: web.Request) -> tuple[Login, str] | web.Response:
        """The single sign-on of who typed a name and any password but none, and its cookie's header; else the page."""
        form = await request.post()
        typed = str(form.get("UserName", ""))
        person = next((person for person in self._state.people if person.known_as(typed)), None)
        if person is None:
            return self.ask(request, typed, "Incorrect user ID or password. Type the correct user ID and try again.")
        if not form.get("Password"):
            return self.ask(request, person.account, "Enter your password.")
        return self._sign_in(request, person, self._state.method, kept="Kmsi" in form)

    def by_windows(self, request: web.Request) -> tuple[Login, str] | None:
        """The single sign-on of a browser that answers Integrated Windows Authentication; None for any other."""
        user = self._state.windows_user
        return None if user is None else self._sign_in(request, user, Method.WINDOWS, kept=False)

    def _sign_in(self, request: web.Request, person: Person, method: Method, *, kept: bool) -> tuple[Login, str]:
        """A new single sign-on in place of the browser's present one, and its cookie's header."""
        now = self._state.clock()
        self._state.logins.pop(request.cookies.get(SSO_COOKIE, ""), None)
        login = Login(person, now, now + (KEPT_SSO_LIFETIME if kept else SSO_LIFETIME), str(uuid.uuid4()), method)
        cookie = secrets.token_urlsafe(32)
        self._state.logins[cookie] = login
        age = f"; Max-Age={int(KEPT_SSO_LIFETIME)}" if kept else ""
        secure = "; Secure" if self._state.issuer.url.startswith("https:") else ""
        return login, f"{SSO_COOKIE}={cookie}; Path=/adfs; HttpOnly; SameSite=Lax{secure}{age}"


def loop_page(first: Instant, count: int, now: Instant) -> web.Response | None:
    """AD FS's end of a loop: `count` requests since `first`; None while they are few enough."""
    if count <= LOOP_REQUESTS:
        return None
    return error_page(
        Refusal(
            "loop",
            f"MSIS7042: The same client browser session has made '{count}' requests in the last "
            f"'{int(now - first)}' seconds. Contact your administrator for details.",
        )
    )


def loop_of(request: web.Request, now: Instant) -> tuple[Instant, int]:
    """Since when, and how often with this one, the browser has come; AD FS keeps that in a cookie of the browser."""
    try:
        first_text, count_text = base64.b64decode(request.cookies.get(LOOP_COOKIE, "")).decode().split("\\")
        first, count = float(first_text), int(count_text)
    except (binascii.Error, ValueError):
        return now, 1
    return (first, count + 1) if now - first <= LOOP_SECONDS else (now, 1)


def remember_loop(response: web.Response, first: Instant, count: int) -> None:
    """Write that cookie."""
    value = base64.b64encode(f"{first}\\{count}".encode()).decode()
    response.set_cookie(LOOP_COOKIE, value, path="/adfs", httponly=True)
