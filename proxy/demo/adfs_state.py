"""What the AD FS double holds while it runs, how it shows itself, and how it refuses."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from proxy.demo.adfs_keys import KeyRing
from proxy.demo.adfs_model import Client, Grant, Login, Method, Person, Trust
from proxy.demo.adfs_tokens import Issuer
from proxy.model.time import Instant, Seconds

SSO_COOKIE = "MSISAuth"
SSO_LIFETIME: Seconds = 8 * 3600
KEPT_SSO_LIFETIME: Seconds = 24 * 3600
CODE_LIFETIME: Seconds = 600
REFRESH_LIFETIME: Seconds = 8 * 3600

_TEMPLATES = Environment(loader=PackageLoader("proxy.demo"), autoescape=True, undefined=StrictUndefined)


@dataclass(slots=True)
class AdfsState:
    """Everything one double knows. `token_lifetime`: minutes. Codes and refresh tokens are held by their own text.

    `method`: how users authenticate who use the form. `windows_user`: whom every browser signs in as, silently, by
    Integrated Windows Authentication; None: no browser does.
    """

    issuer: Issuer
    keys: KeyRing
    clients: Mapping[str, Client]
    people: tuple[Person, ...]
    clock: Callable[[], Instant]
    token_lifetime: int
    honours_max_age: bool
    trusts: tuple[Trust, ...] = ()
    method: Method = Method.FORMS
    windows_user: Person | None = None
    logins: dict[str, Login] = field(default_factory=dict)
    codes: dict[str, Grant] = field(default_factory=dict)
    refresh_tokens: dict[str, Grant] = field(default_factory=dict)

    def login(self, request: web.Request) -> Login | None:
        """The single sign-on of this browser, if it has one that still holds."""
        login = self.logins.get(request.cookies.get(SSO_COOKIE, ""))
        return login if login is not None and self.clock() < login.ends_at else None

    def keep(self, grants: dict[str, Grant], grant: Grant) -> str:
        """Keeps a grant under a random text and lets go of those whose time is over."""
        now = self.clock()
        for text in [text for text, other in grants.items() if now >= other.ends_at]:
            del grants[text]
        text = secrets.token_urlsafe(48)
        grants[text] = grant
        return text


class Refusal(Exception):
    """A protocol error in AD FS's words: the OAuth `error` and a description that opens with an MSIS number."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


def page(template: str, *, status: int = 200, **context: object) -> web.Response:
    """A page of the double; never stored, never framed."""
    return web.Response(
        status=status,
        text=_TEMPLATES.get_template(template).render(context),
        content_type="text/html",
        charset="utf-8",
        headers={"Cache-Control": "no-cache,no-store", "Pragma": "no-cache", "X-Frame-Options": "DENY"},
    )


def error_page(refusal: Refusal) -> web.Response:
    """AD FS's «An error occurred»."""
    return page(
        "adfs_error.html", status=refusal.status, description=refusal.description, activity=secrets.token_hex(16)
    )
