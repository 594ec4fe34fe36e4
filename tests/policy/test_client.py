from dataclasses import replace

import pytest

from proxy.model.organization import ExemptClientRule
from proxy.model.request import RequestKind
from proxy.model.session import ClientKind
from proxy.policy.client import client_kind, request_kind, user_caused

NAVIGATION, FRAMED, BACKGROUND = RequestKind.NAVIGATION, RequestKind.FRAMED_NAVIGATION, RequestKind.BACKGROUND
API, WEBSOCKET = RequestKind.API, RequestKind.WEBSOCKET
NAVIGATE = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
ACCEPTS_HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("method", "headers", "kind"),
    [
        ("GET", NAVIGATE, NAVIGATION),
        ("HEAD", NAVIGATE, NAVIGATION),
        ("POST", NAVIGATE, NAVIGATION),
        ("GET", {"sec-fetch-mode": "navigate"}, NAVIGATION),
        ("GET", {"sec-fetch-dest": "document"}, NAVIGATION),
        *(("GET", NAVIGATE | {"sec-fetch-dest": frame}, FRAMED) for frame in ("iframe", "frame", "embed", "object")),
        ("GET", {"sec-fetch-mode": "nested-navigate"}, FRAMED),
        ("GET", {"sec-fetch-dest": "iframe"}, FRAMED),
        ("GET", {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"} | ACCEPTS_HTML, BACKGROUND),
        ("GET", {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}, BACKGROUND),
        ("GET", {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "iframe"}, BACKGROUND),
        ("GET", {"sec-fetch-dest": "image"}, BACKGROUND),
        ("GET", ACCEPTS_HTML, NAVIGATION),
        ("POST", ACCEPTS_HTML, NAVIGATION),
        ("GET", ACCEPTS_HTML | {"x-requested-with": "XMLHttpRequest"}, BACKGROUND),
        ("GET", {"accept": "*/*"}, BACKGROUND),
        ("GET", {}, BACKGROUND),
        ("GET", {"upgrade": "websocket"}, WEBSOCKET),
        ("GET", {"upgrade": "h2c, WebSocket"} | NAVIGATE, WEBSOCKET),
        ("POST", {"upgrade": "websocket"}, BACKGROUND),
        ("GET", {"upgrade": "h2c"}, BACKGROUND),
        ("GET", {"upgrade": "websocketx"}, BACKGROUND),
        ("GET", NAVIGATE | {"x-ms-client-request-id": "1"}, API),
        ("POST", {"mscrmcallerid": "1"}, API),
    ],
)
def test_how_a_request_came_about(organization, method, headers, kind):
    assert request_kind(method, "/main.aspx", headers, organization) is kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/data/v9.2/accounts", API),
        ("/API/Data", API),
        ("/api/discovery/v9.2/Instances", API),
        ("/XRMServices/2011/Organization.svc", API),
        ("/xrmservices/2011/organization.svc/web", API),
        ("/contoso/api/data/v9.2/", API),
        ("/Contoso/XRMServices/2011/Discovery.svc", API),
        ("/own/api/x", API),
        ("/contoso/OWN/api", API),
        ("/api/database", NAVIGATION),
        ("/api", NAVIGATION),
        ("/XRMServices/2011/Organization.svcx", NAVIGATION),
        ("/XRMServices/2011/", NAVIGATION),
        ("/fabrikam/api/data", NAVIGATION),
        ("/own/apis", NAVIGATION),
    ],
)
def test_an_api_is_known_by_its_path_below_the_organization_s_too(organization, path, kind):
    organization = replace(organization, path="/contoso", api_paths=("/own/api/",))
    assert request_kind("GET", path, NAVIGATE, organization) is kind


CAUSED = NAVIGATE | {"sec-fetch-user": "?1"}


@pytest.mark.parametrize(
    ("method", "headers", "kind", "expected"),
    [
        ("GET", CAUSED, NAVIGATION, True),
        ("POST", CAUSED, NAVIGATION, True),
        ("GET", CAUSED, FRAMED, True),
        ("GET", NAVIGATE, NAVIGATION, False),
        ("GET", NAVIGATE | {"sec-fetch-user": "?0"}, NAVIGATION, False),
        ("GET", CAUSED, BACKGROUND, False),
        ("GET", CAUSED, API, False),
        ("GET", CAUSED, WEBSOCKET, False),
        ("HEAD", CAUSED, NAVIGATION, False),
        ("GET", CAUSED | {"sec-purpose": "prefetch"}, NAVIGATION, False),
        ("GET", CAUSED | {"sec-purpose": "prefetch;prerender"}, NAVIGATION, False),
        ("GET", CAUSED | {"purpose": "Prefetch"}, NAVIGATION, False),
        ("GET", CAUSED | {"x-moz": "prefetch"}, NAVIGATION, False),
        ("GET", CAUSED | {"purpose": "fun"}, NAVIGATION, True),
        ("GET", ACCEPTS_HTML, NAVIGATION, True),
        ("GET", ACCEPTS_HTML | {"purpose": "prefetch"}, NAVIGATION, False),
        ("GET", ACCEPTS_HTML | {"sec-fetch-site": "none"}, NAVIGATION, False),
    ],
)
def test_whether_the_user_caused_it(method, headers, kind, expected):
    assert user_caused(method, headers, kind) is expected


RULES = (
    ExemptClientRule(kind=ClientKind.TABLET, client_id="AAAA-1"),
    ExemptClientRule(kind=ClientKind.LIVE_ASSIST, path="/liveassist"),
    ExemptClientRule(kind=ClientKind.OUTLOOK, user_agent="Outlook/16"),
    ExemptClientRule(kind=ClientKind.PHONE, user_agent=""),
)


@pytest.mark.parametrize(
    ("client_id", "path", "user_agent", "kind"),
    [
        ("aaaa-1", "/liveassist", "Outlook/16", ClientKind.TABLET),
        ("AAAA-1", "/", "", ClientKind.TABLET),
        ("aaaa-12", "/", "", ClientKind.BROWSER),
        (None, "/liveassist/chat", "Outlook/16", ClientKind.LIVE_ASSIST),
        (None, "/liveassistant", "", ClientKind.BROWSER),
        (None, "/LiveAssist", "", ClientKind.BROWSER),
        (None, "/", "Mozilla/5.0 OUTLOOK/16.1", ClientKind.OUTLOOK),
        (None, "/", "Mozilla/5.0 Outlook/15", ClientKind.BROWSER),
        (None, "/", "", ClientKind.BROWSER),
    ],
)
def test_the_first_rule_that_matches_says_what_the_client_is(client_id, path, user_agent, kind):
    assert client_kind(RULES, client_id, path, user_agent) is kind


@pytest.mark.parametrize(
    ("client_id", "kind"),
    [
        ("CE9F9F18-dd0c-473e-b9b2-47812435e20d", ClientKind.PHONE),
        ("2f29638c-34d4-4cf2-a16a-7caf612cee15", ClientKind.OUTLOOK),
        ("4906f920-9f94-4f14-98aa-8456dd5f78a8", ClientKind.UNIFIED_SERVICE_DESK),
        ("2ad88395-b77d-4561-9441-d0e40824f9bc", ClientKind.API),
        ("00000000-dd0c-473e-b9b2-47812435e20d", ClientKind.API),
        (None, ClientKind.API),
    ],
)
def test_microsoft_s_verified_clients_need_no_rule_and_other_bearers_are_api(client_id, kind):
    assert client_kind((), client_id, "/", "", bearer=True) is kind


def test_a_rule_outranks_what_is_known_of_a_client():
    rule = ExemptClientRule(kind=ClientKind.TABLET, client_id="ce9f9f18-dd0c-473e-b9b2-47812435e20d")
    assert client_kind((rule,), rule.client_id, "/", "") is ClientKind.TABLET
