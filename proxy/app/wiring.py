"""One configuration as a gateway: every part made or taken over, and wired."""

import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from proxy.app.administration import administration
from proxy.app.health import checks_of
from proxy.app.in_pages import in_pages
from proxy.app.neighbours import audit_of, issuers_of, pools_of, providers_of
from proxy.app.parts import Lasting, Parts
from proxy.app.signing_in import signing_in
from proxy.browser.injection import Injection
from proxy.gateway.handler import Gateway
from proxy.gateway.ports import BearerAddress
from proxy.gateway.upstream import Upstream
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.redirect_uri import host_of
from proxy.model.request import RequestFacts
from proxy.model.time import Instant, Seconds
from proxy.observability.metrics import Metrics
from proxy.policy.organization import OrganizationTable
from proxy.sealing import Sealer
from proxy.sessions.guard import BindingGuard
from proxy.sessions.service import Sessions
from proxy.settings.current import CurrentRules
from proxy.signin.bearer import BearerSessions
from proxy.signin.oidc_sign_in import OidcSignIn
from proxy.signin.protocol import SignInProtocol
from proxy.signin.refresh import Refresher
from proxy.store.choose import store_for

_MINUTE = 60.0
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Wired:
    """One configuration at work. `providers` by their names, `pools` by organizations'."""

    gateway: Gateway
    providers: Mapping[str, SignInProtocol]
    pools: Mapping[str, Upstream]
    refresher: Refresher


def retention_of(deployment: Deployment) -> Seconds:
    """Seconds that the store keeps a session at most, whatever its end is at the moment."""
    return max(deployment.limits.session_maximum * _MINUTE, _DAY)


def sessions_of(deployment: Deployment, clock: Callable[[], Instant], metrics: Metrics | None = None) -> Sessions:
    """The sessions of a deployment, not yet started; commands use them without a listener."""
    retention = retention_of(deployment)
    observe = metrics.store_call if metrics else None
    store = store_for(deployment.state, deployment.ca_file, retention=retention, observe=observe)
    return Sessions(store, Sealer(deployment.secrets), deployment.sessions, clock, retention=retention)


def wire(deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack) -> Wired:
    """A gateway of this configuration; what it holds is let go of with `holder`.

    Raises CannotStart where a file that it names cannot be used.
    """
    parts = _parts(deployment, lasting, holder)
    admin = administration(parts, partial(checks_of, lasting.sessions, parts.providers))
    sign_in, browser = signing_in(parts, admin.pending.confirm), in_pages(parts)
    pools = pools_of(deployment, lasting, holder)
    bearer = BearerSessions(
        parts.openid,
        lasting.sessions,
        issuers=issuers_of(deployment, lasting, holder),
        outage_grace=deployment.sessions.outage_grace,
    )

    def challenge_address(organization: Organization, _facts: RequestFacts) -> BearerAddress | None:
        address = bearer.challenge_address(organization)
        return BearerAddress(*address) if address else None

    gateway = Gateway(
        organizations=deployment.sites,
        listen=deployment.listen,
        sessions=lasting.sessions,
        bearer=bearer.lookup,
        rules_for=parts.rules_for,
        endpoints={**sign_in.endpoints, **browser.endpoints},
        pools=pools,
        streams=lasting.streams,
        pages=lasting.pages,
        challenge_address=challenge_address,
        clock=lasting.clock,
        audit=parts.audit,
        metrics=lasting.metrics,
        guard=parts.guard,
        sign_in_hosts=_sign_in_hosts(deployment),
        refresh=parts.refresher.wanted,
        sign_in_at_root=sign_in.at_root,
        guarded={"admin": admin.station},
        forms=browser.forms,
        transform=Injection(parts.rules_for, parts.table.mount, partial(secrets.token_urlsafe, 16)),
    )
    return Wired(gateway, parts.providers, pools, parts.refresher)


def _parts(deployment: Deployment, lasting: Lasting, holder: contextlib.AsyncExitStack) -> Parts:
    providers = providers_of(deployment, lasting, holder)
    openid = {name: each.provider for name, each in providers.items() if isinstance(each, OidcSignIn)}
    rules_for = CurrentRules(deployment, lasting.settings if deployment.settings_live else None)
    holder.callback(rules_for.close)
    audit, sealer = audit_of(deployment, lasting, holder), Sealer(deployment.secrets)
    refresher = Refresher(
        sessions=lasting.sessions.renewals, providers=openid, rules_for=rules_for, clock=lasting.clock, audit=audit
    )
    holder.push_async_callback(refresher.close)
    return Parts(
        deployment=deployment,
        lasting=lasting,
        providers=providers,
        openid=openid,
        rules_for=rules_for,
        audit=audit,
        table=OrganizationTable(deployment.sites, deployment.listen.prefix, _sign_in_hosts(deployment)),
        sealer=sealer,
        guard=BindingGuard(deployment.binding, sealer),
        refresher=refresher,
    )


def _sign_in_hosts(deployment: Deployment) -> tuple[str, ...]:
    """The hosts, without port, that take answers for all organizations."""
    named = (settings.sign_in_host for settings in deployment.identity_providers)
    return tuple(host_of(host) for host in named if host)
