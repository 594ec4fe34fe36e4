"""What pages in a browser have of ours under one configuration, wired."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from proxy.app.parts import Parts
from proxy.browser.assets import Assets
from proxy.browser.endpoints import BrowserEndpoints
from proxy.browser.events import Events
from proxy.browser.held_forms import HeldForms
from proxy.browser.visits import Visit, Visits
from proxy.gateway.judgement import credentials_of
from proxy.gateway.ports import Endpoint
from proxy.model.request import RequestFacts


@dataclass(frozen=True, slots=True)
class InPages:
    """The endpoints by their paths below the mount; `forms`: those that came too late."""

    endpoints: Mapping[str, Endpoint]
    forms: HeldForms


def in_pages(parts: Parts) -> InPages:
    """The page's script and what it talks to, and the forms that are kept."""
    lasting = parts.lasting
    visits = Visits(lasting.sessions, parts.rules_for, lasting.clock, parts.guard, parts.refresher.wanted)
    forms = HeldForms(
        sealer=parts.sealer,
        store=lasting.sessions.forms,
        visits=visits,
        pages=lasting.pages,
        clock=lasting.clock,
        mount=parts.table.mount,
        budget=parts.deployment.sessions.held_forms << 20,
    )
    browser = BrowserEndpoints(visits, lasting.sessions, parts.sealer)
    assets = Assets(parts.table.mount, parts.deployment.listen.prefix)

    def keep(request: web.Request, facts: RequestFacts, visit: Visit, on_cut: Callable[[], None]) -> Callable[[], None]:
        credentials = credentials_of(request.headers, facts.scheme, visit.organization)
        return lasting.streams.add(
            visit.session, visit.organization, credentials, lambda _why: on_cut(), facts.client_address
        )

    endpoints: Mapping[str, Endpoint] = {
        "session": browser.session,
        "activity": browser.activity,
        "events": Events(visits, lasting.sessions, lasting.announcements, keep),
        "held-form": forms,
        "signed-in": assets.signed_in,
        **assets.endpoints,
    }
    return InPages(endpoints, forms)
