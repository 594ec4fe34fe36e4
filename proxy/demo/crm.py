"""A small CRM to stand in front of: enough of Dynamics 365's addresses to see what a session means for each.

| path | what |
|---|---|
| `/main.aspx` | the application: accounts by `fetch`, a WebSocket, server-sent events, a form |
| `/session` | what is left of the session, live |
| `/note` | a form in a page that lets no proxy change it |
| `/api/data/v9.2/accounts`, `/api/data/v9.2/WhoAmI` | Web API (JSON) |
| `/XRMServices/2011/Organization.svc` | the SOAP endpoint |
| `/WebResources/…` | the page's own files, `polling.html`, `ClientGlobalContext.js.aspx` |
| `/live`, `/events` | WebSocket (echo and ticks), server-sent events |
| `/headers`, `/echo`, `/download`, `/upload`, `/slow` | what reached us, and bodies of any size and pace |

It trusts the headers it gets: whoever reaches it past the proxy is whoever they say. So it belongs on loopback.
"""

import uuid
from collections.abc import Callable, Mapping
from importlib.resources import files
from urllib.parse import unquote

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from proxy.demo import crm_live, crm_probes
from proxy.demo.crm_data import ACCOUNTS, ORGANIZATION_ID
from proxy.model.time import Instant, Seconds

_TEMPLATES = Environment(loader=PackageLoader("proxy.demo"), autoescape=True, undefined=StrictUndefined)
_TYPES = {"css": "text/css", "js": "text/javascript", "html": "text/html", "svg": "image/svg+xml"}
_WEB_RESOURCES: Mapping[str, str] = {
    "contoso/crm.css": "crm.css",
    "contoso/icon.svg": "icon.svg",
    "contoso/main.js": "main.js",
    "contoso/polling.js": "polling.js",
    "contoso/session.js": "session.js",
    "polling.html": "polling.html",
}
_FILES = {path: (files("proxy.demo") / "static" / name).read_text("utf-8") for path, name in _WEB_RESOURCES.items()}
_LARGEST_FORM = 64 << 20
_ODATA = {"OData-Version": "4.0", "Cache-Control": "no-cache"}


def crm_application(clock: Callable[[], Instant], *, tick: Seconds = 1.0) -> web.Application:
    """The CRM, ready to be served. `tick`: seconds between two messages of `/live` and `/events`."""
    application = web.Application(client_max_size=_LARGEST_FORM)
    application.router.add_get("/", _start)
    application.router.add_get("/main.aspx", _main)
    application.router.add_get("/session", _session)
    application.router.add_get("/note", _note)
    application.router.add_get("/api/data/v9.2/accounts", _accounts)
    application.router.add_get("/api/data/v9.2/WhoAmI", _who_am_i)
    application.router.add_route("*", "/XRMServices/2011/Organization.svc", _organization_service)
    application.router.add_get("/WebResources/ClientGlobalContext.js.aspx", _client_global_context)
    application.router.add_get("/WebResources/{path:.+}", _web_resource)
    application.router.add_post("/echo", _echo)
    application.router.add_get("/headers", _headers)
    crm_live.add(application, clock, tick)
    crm_probes.add(application)
    return application


def _user(request: web.Request) -> dict[str, str]:
    """Who the headers say it is: user, display name, groups; empty texts where nobody is named."""
    user = unquote(request.headers.get("X-Forwarded-User", ""))
    name = unquote(request.headers.get("X-Claims-Name", "")) or user
    initials = "".join(word[0] for word in name.split("@")[0].replace(".", " ").split()[:2]).upper()
    return {
        "user": user,
        "name": name,
        "initials": initials or "?",
        # Commas inside a value come percent-encoded, so those that stand part the values.
        "groups": ", ".join(map(unquote, request.headers.get("X-Forwarded-Groups", "").split(","))),
    }


def _page(template: str, **context: object) -> web.Response:
    text = _TEMPLATES.get_template(template).render(context)
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers={"Cache-Control": "no-cache"})


async def _start(_: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/main.aspx"})


async def _main(request: web.Request) -> web.Response:
    return _page("crm_main.html", **_user(request))


async def _session(request: web.Request) -> web.Response:
    """What is left of the session, second by second: the proxy says it, this page shows it."""
    return _page("crm_session.html", **_user(request))


async def _note(request: web.Request) -> web.Response:
    """A form that the page's script does not reach, so that its user learns of the end by sending it."""
    answer = _page("crm_note.html", **_user(request))
    answer.headers["Cache-Control"] = "no-cache, no-transform"  # RFC 9111, section 5.2.2.6
    return answer


async def _accounts(_: web.Request) -> web.Response:
    value = [
        {"accountid": str(uuid.uuid5(ORGANIZATION_ID, account.name)), **account.record(), "statecode": 0}
        for account in ACCOUNTS
    ]
    return web.json_response({"@odata.context": "/api/data/v9.2/$metadata#accounts", "value": value}, headers=_ODATA)


async def _who_am_i(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "@odata.context": "/api/data/v9.2/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
            "BusinessUnitId": str(uuid.uuid5(ORGANIZATION_ID, "business unit")),
            "UserId": str(uuid.uuid5(ORGANIZATION_ID, _user(request)["user"])),
            "OrganizationId": str(ORGANIZATION_ID),
        },
        headers=_ODATA,
    )


async def _organization_service(request: web.Request) -> web.Response:
    """GET describes the service; POST answers any envelope with its size, in an envelope."""
    if request.method != "POST":
        return _page("crm_service.html")
    size = len(await request.read())
    envelope = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        '<ExecuteResponse xmlns="http://schemas.microsoft.com/xrm/2011/Contracts/Services">'
        f"<ExecuteResult>{size} bytes received</ExecuteResult></ExecuteResponse></s:Body></s:Envelope>"
    )
    return web.Response(text=envelope, content_type="text/xml", charset="utf-8")


async def _client_global_context(request: web.Request) -> web.Response:
    """The script a web resource includes to be part of the application; here with the few calls that pages need."""
    text = _TEMPLATES.get_template("crm_context.js").render(organization_id=str(ORGANIZATION_ID), **_user(request))
    headers = {"Cache-Control": "no-cache"}
    return web.Response(text=text, content_type="text/javascript", charset="utf-8", headers=headers)


async def _web_resource(request: web.Request) -> web.Response:
    path = request.match_info["path"]
    text = _FILES.get(path)
    if text is None:
        raise web.HTTPNotFound(text="There is no web resource of this name.")
    content_type = _TYPES[path.rpartition(".")[2]]
    headers = {"Cache-Control": "no-cache"}
    return web.Response(text=text, content_type=content_type, charset="utf-8", headers=headers)


async def _echo(request: web.Request) -> web.Response:
    """A form, shown as it came."""
    form = await request.post()
    fields = [(name, value if isinstance(value, str) else "a file") for name, value in form.items()]
    return _page("crm_echo.html", fields=fields, **_user(request))


async def _headers(request: web.Request) -> web.Response:
    """Every header that reached us, in order: a table, or JSON pairs for those who ask for JSON."""
    headers = list(request.headers.items())
    if "application/json" in request.headers.get("Accept", ""):
        return web.json_response({"method": request.method, "target": request.raw_path, "headers": headers})
    return _page("crm_headers.html", headers=headers, **_user(request))
