"""What sent a request and how it came about, by what browsers say (Fetch Metadata) and API clients show."""

import re
from collections.abc import Mapping, Sequence

from proxy.model.names import fold_ascii, is_same_name
from proxy.model.organization import ExemptClientRule, Organization
from proxy.model.request import RequestKind
from proxy.model.session import ClientKind
from proxy.policy.paths import is_below

# Dataverse Web API, discovery and SOAP endpoints (`/XRMServices/2011/Organization.svc/web`), in any case as under IIS.
_API_PATH = re.compile(r"/(?:api/(?:data|discovery)|xrmservices/2011/[^/]+\.svc)(?:/|\Z)", re.IGNORECASE)
# What SDK clients send (PowerPlatform-DataverseServiceClient) and no navigation can.
_API_HEADERS = ("x-ms-client-request-id", "mscrmcallerid")
_FRAMES = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})
_FETCH_METADATA = ("sec-fetch-mode", "sec-fetch-dest", "sec-fetch-site", "sec-fetch-user")
_AHEAD_OF_THE_USER = ("sec-purpose", "purpose", "x-moz", "x-purpose")
_SPECULATIVE = ("prefetch", "prerender", "preview")
_NAVIGATIONS = frozenset({RequestKind.NAVIGATION, RequestKind.FRAMED_NAVIGATION})

_MICROSOFT_CLIENTS = {
    "ce9f9f18-dd0c-473e-b9b2-47812435e20d": ClientKind.PHONE,  # Dynamics 365 for phones and tablets
    "2f29638c-34d4-4cf2-a16a-7caf612cee15": ClientKind.OUTLOOK,
    "4906f920-9f94-4f14-98aa-8456dd5f78a8": ClientKind.UNIFIED_SERVICE_DESK,
    "2ad88395-b77d-4561-9441-d0e40824f9bc": ClientKind.API,  # developer tools
}


def request_kind(method: str, path: str, headers: Mapping[str, str], organization: Organization) -> RequestKind:
    """How a request came about. `headers` is asked by lower-case names; `path` is raw.

    A navigation keeps its kind whatever its method: who decides may redirect GET and HEAD alone.
    """
    upgrade = headers.get("upgrade")
    if upgrade and method == "GET" and _names_websocket(upgrade):
        return RequestKind.WEBSOCKET
    if _is_api(path, headers, organization):
        return RequestKind.API
    mode, destination = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    if mode is None and destination is None:
        return _kind_without_fetch_metadata(headers)
    # `nested-navigate` was the mode of frames in the first browsers that sent one.
    if mode in ("navigate", "nested-navigate") or (mode is None and destination == "document"):
        framed = mode == "nested-navigate" or destination in _FRAMES
        return RequestKind.FRAMED_NAVIGATION if framed else RequestKind.NAVIGATION
    if mode is None and destination in _FRAMES:
        return RequestKind.FRAMED_NAVIGATION
    return RequestKind.BACKGROUND


def _kind_without_fetch_metadata(headers: Mapping[str, str]) -> RequestKind:
    """Browsers leave Fetch Metadata out over plain http; then what they accept must do."""
    if headers.get("x-requested-with") is None and "text/html" in headers.get("accept", "").lower():
        return RequestKind.NAVIGATION
    return RequestKind.BACKGROUND


def _is_api(path: str, headers: Mapping[str, str], organization: Organization) -> bool:
    return any(headers.get(name) is not None for name in _API_HEADERS) or is_api_path(path, organization)


def is_api_path(path: str, organization: Organization) -> bool:
    """Whether a request for the raw `path` is a program's, whatever its headers say."""
    inner = path
    if organization.path and is_below(path.lower(), organization.path.lower()):
        inner = path[len(organization.path) :]
    if _API_PATH.match(inner):
        return True
    return any(
        _is_below_any_case(path, prefix) or _is_below_any_case(inner, prefix) for prefix in organization.api_paths
    )


def _is_below_any_case(path: str, prefix: str) -> bool:
    return is_below(path.lower(), prefix.lower())


def _names_websocket(upgrade: str) -> bool:
    return any(protocol.strip().lower() == "websocket" for protocol in upgrade.split(","))


def user_caused(method: str, headers: Mapping[str, str], kind: RequestKind) -> bool:
    """Whether a user's own act caused a navigation, so that it proves a person is there.

    Browsers say so with `Sec-Fetch-User: ?1`. One that sends no Fetch Metadata at all is believed for what looks like
    a navigation. Prefetching and prerendering are the browser's own idea.
    """
    if kind not in _NAVIGATIONS or method == "HEAD":
        return False
    if any(headers.get(name, "").lower().startswith(_SPECULATIVE) for name in _AHEAD_OF_THE_USER):
        return False
    if headers.get("sec-fetch-user") == "?1":
        return True
    return all(headers.get(name) is None for name in _FETCH_METADATA)


def client_kind(
    rules: Sequence[ExemptClientRule], client_id: str | None, path: str, user_agent: str, *, bearer: bool = False
) -> ClientKind:
    """What a client is, decided once, at sign-in: the first rule that matches, else Microsoft's known clients.

    `client_id` must come from a verified token. `path` is raw and matched exactly, by whole segments: a rule lifts the
    inactivity timeout, so it opens. A bearer token of no known client is an API's.
    """
    for rule in rules:
        if _matches(rule, client_id, path, user_agent):
            return rule.kind
    known = _MICROSOFT_CLIENTS.get(fold_ascii(client_id)) if client_id else None
    return known or (ClientKind.API if bearer else ClientKind.BROWSER)


def _matches(rule: ExemptClientRule, client_id: str | None, path: str, user_agent: str) -> bool:
    """Whether one rule's signal is there. An empty signal matches nothing: it would match everybody."""
    if rule.client_id:
        return client_id is not None and is_same_name(client_id, rule.client_id)
    if rule.path:
        return is_below(path, rule.path)
    if rule.user_agent:
        return fold_ascii(rule.user_agent) in fold_ascii(user_agent)
    return False
