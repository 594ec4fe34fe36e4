"""The endpoint `admin/`: pages, their files, the API and its description, each for administrators alone."""

from collections.abc import Mapping
from importlib import resources

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from proxy.admin.api import Api
from proxy.admin.openapi import description
from proxy.admin.problem import HEADERS, Problem, answer
from proxy.admin.visitor import Reception, Visitor
from proxy.admin.words import texts
from proxy.model.organization import Organization
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import Session
from proxy.observability.audit import Audit, AuditEvent
from proxy.pages.render import Page, Pages

PAGES = ("overview", "general", "organizations", "sessions", "history")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
)
_TYPES: Mapping[str, str] = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_NAVIGATIONS = frozenset({RequestKind.NAVIGATION, RequestKind.FRAMED_NAVIGATION})


class AdminStation:
    """What administrators reach at every organization's host. `prefix`: where our endpoints lie, `/.claims`."""

    def __init__(self, api: Api, reception: Reception, pages: Pages, audit: Audit, prefix: str) -> None:
        self._mark = f"{prefix}/admin"
        self._api = api
        self._reception = reception
        self._pages = pages
        self._audit = audit
        self._files = _static_files()
        self._texts = texts()
        environment = Environment(loader=PackageLoader("proxy.admin"), autoescape=True, undefined=StrictUndefined)
        self._shell = environment.get_template("shell.html")

    async def __call__(
        self, request: web.Request, facts: RequestFacts, organization: Organization, session: Session
    ) -> web.StreamResponse:
        """Whatever is asked for below `admin`, for whom it is meant."""
        before, _, name = facts.path.partition(self._mark)
        base, name = f"{before}{self._mark}", name.removeprefix("/")
        visitor = self._reception.admit(request, facts, organization, session)
        if visitor is None:
            return self._refused(request, facts, organization, session)
        if name.startswith("api/"):
            return await self._api.answer(visitor, name.removeprefix("api/"), base.removesuffix("/admin"))
        if request.method not in {"GET", "HEAD"}:
            return Problem(405, "method_not_allowed", "GET alone", headers={"Allow": "GET, HEAD"}).answer()
        return self._shown(visitor, base, name)

    def _shown(self, visitor: Visitor, base: str, name: str) -> web.StreamResponse:
        if visitor.facts.path == base or not name:
            return web.Response(status=302, headers={**HEADERS, "Location": f"{base}/{PAGES[0]}"})
        if name in PAGES:
            return self._page(visitor, base, name)
        if name == "openapi.json":
            return answer(description(base))
        if name == "texts.json":
            return answer(self._texts)
        if name in self._files:
            body, content_type = self._files[name]
            return web.Response(body=body, content_type=content_type, charset="utf-8", headers=HEADERS)
        return Problem(404, "not_found", "there is no such page").answer()

    def _page(self, visitor: Visitor, base: str, name: str) -> web.Response:
        body = self._shell.render(
            page=name,
            pages=PAGES,
            texts=self._texts,
            base=base,
            mount=base.removesuffix("/admin"),
            who=visitor.name,
            organization=visitor.organization.friendly_name or visitor.organization.name,
        )
        headers = {**HEADERS, "Content-Security-Policy": _POLICY}
        return web.Response(text=body, content_type="text/html", charset="utf-8", headers=headers)

    def _refused(
        self, request: web.Request, facts: RequestFacts, organization: Organization, session: Session
    ) -> web.StreamResponse:
        self._audit.record(
            AuditEvent.REFUSED,
            organization=organization.name,
            principal=session.principal.user,
            reason="no_access",
            display_name=session.principal.display_name,
            client_address=facts.client_address,
            method=facts.method,
            path=facts.path,
        )
        if facts.kind in _NAVIGATIONS:
            name = organization.friendly_name or organization.name
            return self._pages.respond(request, Page.NO_ACCESS, status=403, organization=name)
        return Problem(403, "no_access", "the configuration's administrators rule does not admit you").answer()


def _static_files() -> dict[str, tuple[bytes, str]]:
    """The pages' files by their path below `admin/`: (bytes, content type)."""
    folder = resources.files("proxy.admin") / "static"
    found: dict[str, tuple[bytes, str]] = {}
    for file in folder.iterdir():
        suffix = file.name.rpartition(".")[2]
        if suffix in _TYPES:
            found[f"static/{file.name}"] = (file.read_bytes(), _TYPES[suffix])
    return found
