"""Organizations: the CRM instances, or other applications, that the proxy stands in front of."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from proxy.model.bearer import BearerSettings
from proxy.model.session import ClientKind
from proxy.model.settings import ServerSettings, SystemSettings
from proxy.model.time import Seconds

ADMINISTRATION: Final = "administration"
"""Name of the administrators' own host in sessions, logs and metrics; no organization has it beside that host."""


class OrganizationKind(StrEnum):
    """A portal has its own settings and switches, untouched by the server settings."""

    CRM = "crm"
    PORTAL = "portal"


class SameSite(StrEnum):
    """The session cookie's SameSite attribute; `none` for Outlook add-ins and other frames."""

    LAX = "lax"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AccessRule:
    """One rule that a principal must meet. An organization's rules must all hold.

    Attributes:
        claim: A claim type, or `group`, `role`, `upn`, `email` for the principal's own lists.
        values: Any one of them suffices; empty: the claim must be there. `*@contoso.com` stands for every UPN or
            address of that domain, and only for `upn` and `email`.
        paths: Path prefixes the rule is for; empty: every path.
        provider: Name of the identity provider whose principals can meet the rule; nobody else's can.
    """

    claim: str
    values: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    provider: str = ""


@dataclass(frozen=True, slots=True)
class ExemptClientRule:
    """How a client kind is recognized at sign-in. Exactly one of the three signals is set.

    A User-Agent rule is a substring, compared without regard to case; anyone can send one, so it lifts inactivity
    alone, and only where an administrator wrote it down.
    """

    kind: ClientKind
    client_id: str | None = None
    path: str | None = None
    user_agent: str | None = None


class HostPolicy(StrEnum):
    """Which Host header the upstream sees."""

    PASS = "pass"  # noqa: S105 - as in «pass on», no password
    UPSTREAM = "upstream"


class ScriptPlacement(StrEnum):
    """Where the page's script goes: CRM's global context alone, HTML documents as well, or nowhere."""

    DOCUMENTS = "documents"
    GLOBAL_CONTEXT = "global-context"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """TLS towards an https upstream: files of a client certificate and its key, PEM; the name asked for and checked.

    `server_name` None: the host of the upstream's address.
    """

    certificate: str | None = None
    key: str | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class UpstreamHealth:
    """Each address is asked for `path` every `interval` seconds; one that answers 5xx, or not at all, is left out."""

    path: str
    interval: Seconds = 10.0


@dataclass(frozen=True, slots=True)
class Organization:
    """One organization.

    `hosts`: lower-case names without port. `path`: `""` where hosts alone decide, else `/contoso`; `root`: takes what
    no path prefix of its host claims. `upstream`: `http://host[:port]` or `https://…`, no path; `further_upstreams`
    likewise, of the same application. `anonymous`: path prefixes that pass without a session; matched by whole segments
    on the raw path. `allow_encoded_slash`: `%2F` may stand in a path; it is never decoded. `claims_to_headers`: claim
    type -> upstream header name. `realm`: WS-Federation's wtrealm where it is not the provider's own.
    `upstream_sign_in`: the application runs WS-Federation itself at its root. `publishes_metadata`: our federation
    metadata also stand where AD FS looks for CRM's. `has_sign_in_at_root`: WS-Federation may come to its root, ours or
    the application's. `stated`: the settings that the YAML writes out, by their attributes. `inject`: where the page's
    script goes. `bearer`: which bearer tokens are accepted. `is_administration`: the administrators' own host; it has
    no upstream, and only our endpoints.
    """

    name: str
    id: str
    hosts: tuple[str, ...]
    upstream: str
    path: str = ""
    root: bool = False
    kind: OrganizationKind = OrganizationKind.CRM
    friendly_name: str = ""
    identity_provider: str = "default"
    host_header: HostPolicy = HostPolicy.PASS
    system_settings: SystemSettings = field(default_factory=SystemSettings)
    server_settings: ServerSettings | None = None
    wsfed_nonce_cookie_enabled: bool | None = None
    same_site: SameSite = SameSite.LAX
    require: tuple[AccessRule, ...] = ()
    anonymous: tuple[str, ...] = ()
    exempt_clients: tuple[ExemptClientRule, ...] = ()
    claims_to_headers: tuple[tuple[str, str], ...] = ()
    api_paths: tuple[str, ...] = ()
    allow_encoded_slash: bool = False
    shares_host: bool = False
    upstream_tls: UpstreamTls | None = None
    further_upstreams: tuple[str, ...] = ()
    upstream_health: UpstreamHealth | None = None
    realm: str | None = None
    upstream_sign_in: bool = False
    publishes_metadata: bool = False
    has_sign_in_at_root: bool = False
    stated: frozenset[str] = field(default=frozenset(), compare=False)
    inject: ScriptPlacement = ScriptPlacement.NONE
    bearer: BearerSettings = field(default_factory=BearerSettings)
    is_administration: bool = False

    @property
    def cookie_suffix(self) -> str:
        """What cookie names carry where one host serves several organizations by path: `-contoso`, else nothing."""
        return f"-{self.name}" if self.shares_host else ""
