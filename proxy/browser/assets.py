"""What a page loads of ours: `session-watch.js` and its modules, `texts/<language>.json`, and the page `signed-in`."""

import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import TypeAlias

from aiohttp import web

from proxy.browser.injection.coding import accepts_gzip
from proxy.browser.injection.transform import MODULES, SCRIPT
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts

_Endpoint: TypeAlias = Callable[[web.Request, RequestFacts, Organization | None], Awaitable[web.StreamResponse]]

_FOLDER = files("proxy.browser")
_MOUNT = '"$MOUNT/"'
_METHODS = ("GET", "HEAD")
# The address stays when the program is replaced, so a copy is used unasked only briefly; one that names the very
# version in its query (`?v=…`) is good for ever.
_BRIEFLY = "public, max-age=300"
_FOR_EVER = "public, max-age=31536000, immutable"
_GUARDED = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
_SIGNED_IN = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Asset:
    """One file, read and compressed once. `version`: 16 hex digits of its content; the ETag and what `?v=` names."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self._body = body
        self._zipped = gzip.compress(self._body, mtime=0)
        self._type = content_type
        self.version = hashlib.sha256(self._body).hexdigest()[:16]

    async def __call__(self, request: web.Request, _: RequestFacts, __: Organization | None) -> web.StreamResponse:
        """GET, for anyone: it holds nothing of anybody's. 304 where the browser has it (RFC 9110, section 13.1.2)."""
        if request.method not in _METHODS:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        lasting = _FOR_EVER if request.query.get("v") == self.version else _BRIEFLY
        is_zipped = accepts_gzip(", ".join(request.headers.getall("Accept-Encoding", ())))
        # Two codings are two representations, and a strong tag is of one (RFC 9110, section 8.8.3.3).
        tag = f"{self.version}-gzip" if is_zipped else self.version
        headers = {**_GUARDED, "Cache-Control": lasting, "ETag": f'"{tag}"', "Vary": "Accept-Encoding"}
        known = request.if_none_match or ()
        if any(each.value in (tag, "*") for each in known):
            return web.Response(status=304, headers=headers)
        body = self._body
        if is_zipped:
            body, headers["Content-Encoding"] = self._zipped, "gzip"
        return web.Response(body=body, content_type=self._type, charset="utf-8", headers=headers)


class Assets:
    """Every asset by its path below the mount.

    `mount`: where those paths lie for an organization; `prefix`: where they lie at a host that serves none. The script
    names its own mount: it takes no address from a page.
    """

    def __init__(self, mount: Callable[[Organization], str], prefix: str) -> None:
        self._mount = mount
        self._prefix = prefix
        self._source = (_FOLDER / "static" / SCRIPT).read_text("utf-8")
        self._scripts: dict[str, Asset] = {}
        texts = [each for each in (_FOLDER / "texts").iterdir() if each.name.endswith(".json")]
        self.endpoints: Mapping[str, _Endpoint] = {
            SCRIPT: self._own_script,
            **{name: Asset((_FOLDER / "static" / name).read_bytes(), "text/javascript") for name in MODULES},
            **{f"texts/{each.name}": Asset(each.read_bytes(), "application/json") for each in texts},
        }
        self._signed_in = (_FOLDER / "static" / "signed-in.html").read_bytes()

    async def _own_script(
        self, request: web.Request, facts: RequestFacts, organization: Organization | None
    ) -> web.StreamResponse:
        mount = self._mount(organization) if organization else self._prefix
        script = self._scripts.get(mount)
        if script is None:
            named = self._source.replace(_MOUNT, json.dumps(f"{mount}/"))
            script = self._scripts[mount] = Asset(named.encode(), "text/javascript")
        return await script(request, facts, organization)

    async def signed_in(self, request: web.Request, _: RequestFacts, __: Organization | None) -> web.StreamResponse:
        """GET: where the window of a renewed sign-in ends. Its script tells the browser's tabs and closes it."""
        if request.method not in _METHODS:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        return web.Response(body=self._signed_in, content_type="text/html", charset="utf-8", headers=_SIGNED_IN)
