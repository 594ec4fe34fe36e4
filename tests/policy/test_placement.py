"""Which answers are to carry the script, by their requests alone."""

from dataclasses import replace

import pytest

from proxy.model.organization import ScriptPlacement
from proxy.model.request import RequestKind
from proxy.model.session import ClientKind
from proxy.model.settings import EXEMPT_KINDS, TimeRules
from proxy.policy.placement import Place, is_global_context, knows_dialogs, may_place

CONTEXT = "/%7B1%7D/WebResources/ClientGlobalContext.js.aspx"
NAVIGATIONS = {RequestKind.NAVIGATION, RequestKind.FRAMED_NAVIGATION}


@pytest.mark.parametrize("kind", RequestKind)
@pytest.mark.parametrize("inject", ScriptPlacement)
def test_documents_are_what_people_navigate_to(facts, organization, kind, inject):
    asked = replace(facts, kind=kind, path="/main.aspx")
    wanted = kind in NAVIGATIONS and inject is ScriptPlacement.DOCUMENTS
    assert may_place(asked, replace(organization, inject=inject)) is (Place.DOCUMENT if wanted else None)


@pytest.mark.parametrize("inject", ScriptPlacement)
@pytest.mark.parametrize(("method", "reads"), [("GET", True), ("HEAD", True), ("POST", False)])
def test_the_global_context_is_what_pages_load(facts, organization, inject, method, reads):
    asked = replace(facts, kind=RequestKind.BACKGROUND, method=method, path=CONTEXT)
    wanted = reads and inject is not ScriptPlacement.NONE
    assert may_place(asked, replace(organization, inject=inject)) is (Place.GLOBAL_CONTEXT if wanted else None)


@pytest.mark.parametrize(
    ("path", "names_it"),
    [
        ("/WebResources/ClientGlobalContext.js.aspx", True),
        ("/contoso/WebResources/CLIENTGLOBALCONTEXT.JS.ASPX", True),
        ("/ClientGlobalContext.js.aspx", True),
        ("/ClientGlobalContext.js.aspx/a", False),
        ("/xClientGlobalContext.js.aspx", False),
        ("/ClientGlobalContext.js", False),
    ],
)
def test_the_global_context_is_known_by_its_name(path, names_it):
    assert is_global_context(path) is names_it


@pytest.mark.parametrize("kind", ClientKind)
@pytest.mark.parametrize("rules", [TimeRules(), TimeRules(session_length=3600.0, inactivity=600.0)])
def test_every_browser_has_dialogs_and_no_exempt_client(session, kind, rules):
    assert knows_dialogs(replace(session, client_kind=kind), rules) is (kind not in EXEMPT_KINDS)


def test_a_bearer_and_a_stranger_have_none(session, bearer):
    assert knows_dialogs(session, TimeRules())
    assert not knows_dialogs(bearer, TimeRules())
    assert not knows_dialogs(None, TimeRules())
