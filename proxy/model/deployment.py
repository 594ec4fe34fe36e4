"""The whole configuration as the stations use it: one frozen value, made from the YAML and from nothing else."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from proxy.errors import Fault
from proxy.model.binding import BindingSettings
from proxy.model.organization import AccessRule, Organization
from proxy.model.provider import IdentityProvider, SecretText
from proxy.model.settings import ActivityCounts, FeatureControlBits, Limits, ServerSettings, SignOutScope
from proxy.model.time import Seconds

Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of the listener's certificate chain and private key, PEM. `hsts`: seconds (RFC 6797, 6.1.1), 0 for none."""

    certificate: str
    key: str
    hsts: int = 31_536_000


@dataclass(frozen=True, slots=True)
class Listen:
    """Where we listen. `port` 0 takes a free one. `prefix`: our own mount, `/.claims` by default."""

    host: str = "127.0.0.1"
    port: int = 8080
    tls: Tls | None = None
    trusted_proxies: tuple[Network, ...] = ()
    prefix: str = "/.claims"


@dataclass(frozen=True, slots=True)
class Management:
    """Where health and metrics are told. `port` 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 9180


@dataclass(frozen=True, slots=True)
class SessionTuning:
    """How a worker treats its own copies of sessions.

    `activity_resolution`: seconds between two writes of one session's activity. `outage_grace`: seconds the copies are
    good for while the store is unreachable, 0 turns it off. `cache`: sessions kept per worker. `held_forms`: MiB that
    all forms may come to that were posted too late, 0 keeps none.
    """

    activity_resolution: Seconds = 5.0
    outage_grace: Seconds = 60.0
    cache: int = 100_000
    held_forms: int = 64


@dataclass(frozen=True, slots=True)
class UpstreamTuning:
    """Bounds towards one upstream.

    Seconds to connect, to the first byte of an answer and between two bytes of it; seconds an idle connection is kept;
    connections at most; requests waiting for one at most. A connection older than `maximum_age` seconds takes no
    further request, so that a name that points elsewhere is followed.
    """

    connect_timeout: Seconds = 5.0
    first_byte_timeout: Seconds = 120.0
    idle_timeout: Seconds = 120.0
    keep_alive: Seconds = 50.0
    connections: int = 256
    queue: int = 1024
    maximum_age: Seconds = 600.0


@dataclass(frozen=True, slots=True)
class Observability:
    """`log_format`: `auto` is console on a terminal and JSON otherwise; else `console` or `json`.

    `audit_file`: where audit events go; None: to the log.
    """

    log_level: str = "info"
    log_format: str = "auto"
    audit_file: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that the YAML says. `secrets`: newest first; the first seals, all open.

    `management`: None for no such listener. `workers`: processes, None for one on each core. `files`: the YAML and
    every file whose text stands in for a value of it; not part of what is configured. `settings_live`: administrators
    change settings while it runs, and the store keeps them. `administrators`: whoever meets one of these rules.
    `stated`: the settings of all organizations that the YAML writes out, by their attributes.
    `warnings`: what works in this configuration, but misleads its reader; `check` prints them.
    `administration`: the administrators' own host, None where admin pages are on the hosts of organizations.
    """

    listen: Listen
    state: SecretText
    secrets: tuple[SecretText, ...]
    identity_providers: tuple[IdentityProvider, ...]
    organizations: tuple[Organization, ...]
    server_settings: ServerSettings = field(default_factory=ServerSettings)
    feature_control_bits: FeatureControlBits = field(default_factory=FeatureControlBits)
    limits: Limits = field(default_factory=Limits)
    sessions: SessionTuning = field(default_factory=SessionTuning)
    upstream: UpstreamTuning = field(default_factory=UpstreamTuning)
    counts: ActivityCounts = ActivityCounts.USER_INPUT
    binding: BindingSettings = field(default_factory=BindingSettings)
    sign_out_everywhere: SignOutScope = SignOutScope.ORGANIZATION
    observability: Observability = field(default_factory=Observability)
    ca_file: str | None = None
    management: Management | None = None
    workers: int | None = 1
    files: tuple[str, ...] = field(default=(), compare=False)
    settings_live: bool = False
    administrators: tuple[AccessRule, ...] = ()
    administration: Organization | None = None
    stated: frozenset[str] = field(default=frozenset(), compare=False)
    warnings: tuple[Fault, ...] = field(default=(), compare=False)

    @property
    def sites(self) -> tuple[Organization, ...]:
        """Everything that users sign in to: the organizations, then the administrators' own host."""
        return self.organizations if self.administration is None else (*self.organizations, self.administration)

    def origin(self, host: str) -> str:
        """Return where browsers find a host, as far as is configured: behind another proxy its port is not ours."""
        listen, behind = self.listen, bool(self.listen.trusted_proxies)
        scheme, usual = ("https", 443) if listen.tls is not None or behind else ("http", 80)
        return f"{scheme}://{host}" if behind or listen.port == usual else f"{scheme}://{host}:{listen.port}"

    def provider(self, name: str) -> IdentityProvider:
        """The identity provider of that name. Raises KeyError for a name the configuration does not have."""
        for provider in self.identity_providers:
            if provider.name == name:
                return provider
        raise KeyError(name)
