"""Pages as HTTP: one template, escaped always, with headers that let nothing else in."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from proxy.model.held_form import TOKEN_FIELD
from proxy.pages.reference import REFERENCE, make_reference
from proxy.pages.texts import CATALOGUES, ENGLISH, Page
from proxy.printable import printable

__all__ = ["Page", "Pages", "origin_of"]

# Pages that may stand in a frame of the same site: CRM shows most of its forms in frames, and a blank frame tells
# nobody anything. Pages with something to press that matters (sign-out) stay out of frames.
_SHOWN_IN_FRAMES = frozenset(
    {
        Page.FRAMED,
        Page.FORM_NOT_KEPT,
        Page.FORM_TOO_LARGE,
        Page.FORM_NO_ROOM,
        Page.NO_ACCESS,
        Page.NOT_FOUND,
        Page.STORE_UNAVAILABLE,
        Page.UPSTREAM_BUSY,
        Page.UPSTREAM_TIMEOUT,
        Page.UPSTREAM_UNREACHABLE,
    }
)

# What the application answers to a form that is sent on may be a redirect to anywhere.
_LEADS_ON = frozenset({Page.FORM_KEPT})

# A browser drops tabs and newlines and reads `\` as `/`, so those could make another host of a path.
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*\Z")
_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]+\Z")


class Pages:
    """Renders the pages of one language (a key of `texts.CATALOGUES`; KeyError for another)."""

    def __init__(self, language: str = ENGLISH.language) -> None:
        self._catalogue = CATALOGUES[language]
        environment = Environment(
            loader=PackageLoader("proxy.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = environment.get_template("page.html")
        # The template puts the style in as it stands: a byte more or less and the hash would forbid it.
        self._style = environment.get_template("page.css").render()
        digest = hashlib.sha256(self._style.encode()).digest()
        self._style_source = f"'sha256-{base64.b64encode(digest).decode()}'"

    def respond(
        self,
        request: web.Request,
        page: Page,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        form_action: Sequence[str] = (),
        framed_by: Sequence[str] = (),
        retry: str | None = None,
        sign_in: str | None = None,
        sign_out: str | None = None,
        everywhere: str | None = None,
        cancel: str | None = None,
        home: str | None = None,
        send_on: str | None = None,
        token: str | None = None,
        discard: str | None = None,
        details: str | None = None,
        lines: Sequence[str] = (),
        action: str | None = None,
        organization: str | None = None,
        name: str | None = None,
    ) -> web.Response:
        """The answer that shows `page`.

        `retry`, `sign_in`, `sign_out`, `everywhere`, `cancel` and `home` are links, `action` is where the form of a
        sign-out posts, `send_on` (with `token`) and `discard` where those of a kept form do: paths of this host with
        their query. Anything else (another host, a scheme, control characters) is left
        out.
        `form_action`: URLs or origins that the answer to that POST may redirect to, such as the provider's end-session
        endpoint; Chromium holds redirects after a POST to `form-action` too. `framed_by`: origins beside our own that
        may frame a page meant for frames. `organization` (a friendly name),
        `name` (who is signed in), `details` and `lines` (a list) are shown. `headers` come last and win. Raises
        ValueError for a `form_action` or `framed_by` that has no origin.
        """
        body = self._template.render(
            language=self._catalogue.language,
            labels=self._catalogue.labels,
            text=self._catalogue.pages[page],
            page=page,
            style=self._style,
            retry=_local(retry),
            sign_in=_local(sign_in),
            sign_out=_local(sign_out),
            everywhere=_local(everywhere),
            cancel=_local(cancel),
            home=_local(home),
            send_on=_local(send_on),
            token=token,
            token_field=TOKEN_FIELD,
            discard=_local(discard),
            details=details and printable(details),
            lines=lines,
            action=_local(action),
            organization=organization,
            name=name and printable(name),
            reference=_reference(request),
        )
        ancestors = _sources(framed_by) if page in _SHOWN_IN_FRAMES else "'none'"
        actions = "*" if page in _LEADS_ON else _sources(form_action)
        policy = (
            f"default-src 'none'; style-src {self._style_source}; "
            f"form-action {actions}; frame-ancestors {ancestors}; base-uri 'none'"
        )
        return web.Response(
            status=status,
            text=body,
            content_type="text/html",
            charset="utf-8",
            headers={
                "Content-Security-Policy": policy,
                "Content-Language": self._catalogue.language,
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                # Not no-referrer: a form of such a page posts `Origin: null`, and sign-out asks for the exact origin.
                "Referrer-Policy": "same-origin",
                **(headers or {}),
            },
        )


def origin_of(url: str) -> str:
    """`https://adfs.contoso.com:8443/adfs/…` -> `https://adfs.contoso.com:8443`. ValueError where there is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not _HOST.match(parts.netloc):
        raise ValueError(f"{url!r} has no origin; an http or https URL would have one")
    return f"{parts.scheme}://{parts.netloc}"


def _sources(urls: Sequence[str]) -> str:
    """A source list of the policy: ourselves and the origins of `urls`."""
    return " ".join(["'self'", *map(origin_of, urls)])


def _local(target: str | None) -> str | None:
    """The target if it is a path of this host, else None."""
    return target if target is not None and _LOCAL_PATH.match(target) else None


def _reference(request: web.Request) -> str:
    """The request's reference; one that came this far without any gets its own, and keeps it for the log."""
    reference = request.get(REFERENCE)
    if reference is None:
        reference = request[REFERENCE] = make_reference()
    return reference
