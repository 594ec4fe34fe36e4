"""Whether an answer is to carry the page's script, as far as its request tells."""

from enum import StrEnum

from proxy.model.organization import Organization, ScriptPlacement
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import Session
from proxy.model.settings import TimeRules

_GLOBAL_CONTEXT = "/clientglobalcontext.js.aspx"
_NAVIGATIONS = frozenset({RequestKind.NAVIGATION, RequestKind.FRAMED_NAVIGATION})
_READS = frozenset({"GET", "HEAD"})


class Place(StrEnum):
    """Where in an answer the script goes."""

    DOCUMENT = "document"
    GLOBAL_CONTEXT = "global_context"


def may_place(facts: RequestFacts, organization: Organization) -> Place | None:
    """Where the script goes, whoever asks.

    A web resource is covered where it includes `ClientGlobalContext.js.aspx`, from any folder, as in CRM (Microsoft,
    «Manage user sessions and access»); the name in any case, as under IIS.
    """
    if organization.inject is ScriptPlacement.NONE:
        return None
    if facts.kind in _NAVIGATIONS:
        return Place.DOCUMENT if organization.inject is ScriptPlacement.DOCUMENTS else None
    if facts.kind is RequestKind.BACKGROUND and facts.method in _READS and is_global_context(facts.path):
        return Place.GLOBAL_CONTEXT
    return None


def is_global_context(path: str) -> bool:
    """Whether a raw path names CRM's global context."""
    return path.lower().endswith(_GLOBAL_CONTEXT)


def knows_dialogs(session: Session | None, rules: TimeRules) -> bool:
    """Whether the pages of a session warn and count.

    Every browser's session ends, by a custom limit or with its token. Exempt clients have no dialog, and a bearer's
    session has no page.
    """
    return session is not None and not session.is_bearer and session.client_kind not in rules.exempt_kinds
