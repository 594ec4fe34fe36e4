"""What stations are wired from: what outlasts a configuration, and what one configuration has in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from proxy.app.shared import Shared
from proxy.app.trust import Trust
from proxy.browser.events import Announcements
from proxy.gateway.streams import OpenStreams
from proxy.model.deployment import Deployment
from proxy.model.time import Instant
from proxy.observability.audit import Audit
from proxy.observability.metrics import Metrics
from proxy.pages.render import Pages
from proxy.policy.organization import OrganizationTable
from proxy.sealing import Sealer
from proxy.sessions.event_counts import EventCounts
from proxy.sessions.guard import BindingGuard
from proxy.sessions.service import Sessions
from proxy.settings.current import CurrentRules
from proxy.settings.live import LiveSettings
from proxy.signin.protocol import SignInProtocol
from proxy.signin.provider import Provider
from proxy.signin.refresh import Refresher


@dataclass(frozen=True, slots=True)
class Lasting:
    """What one configuration hands to the next."""

    sessions: Sessions
    settings: LiveSettings
    clock: Callable[[], Instant]
    streams: OpenStreams
    metrics: Metrics
    events: EventCounts
    pages: Pages = field(default_factory=Pages)
    trust: Trust = field(default_factory=Trust)
    shared: Shared = field(default_factory=Shared)
    announcements: Announcements = field(default_factory=Announcements)


@dataclass(frozen=True, slots=True)
class Parts:
    """One configuration's. `providers` by their names; `openid`: those of them that speak OpenID Connect."""

    deployment: Deployment
    lasting: Lasting
    providers: Mapping[str, SignInProtocol]
    openid: Mapping[str, Provider]
    rules_for: CurrentRules
    audit: Audit
    table: OrganizationTable
    sealer: Sealer
    guard: BindingGuard
    refresher: Refresher
