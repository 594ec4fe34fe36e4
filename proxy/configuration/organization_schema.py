"""Keys of an organization."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from proxy.configuration.base import Keys
from proxy.configuration.provider_schema import ProviderKeys
from proxy.configuration.rule_paths import RulePath
from proxy.configuration.values import (
    Audiences,
    HeaderName,
    HostName,
    PathPrefix,
    RootedPath,
    Texts,
    UpstreamOrigins,
    Url,
)
from proxy.configuration.words import fault
from proxy.model.organization import HostPolicy, OrganizationKind, SameSite, ScriptPlacement
from proxy.model.session import ClientKind


class SystemSettingKeys(Keys):
    """System settings, by the attribute names of CRM's Organization table; minutes."""

    sessiontimeoutenabled: bool = Field(False, description="Set custom session timeout.")
    sessiontimeoutinmins: int | None = Field(1440, description="Maximum session length.")
    sessiontimeoutreminderinmins: int | None = Field(20, description="Warn that long before the session ends.")
    inactivitytimeoutenabled: bool = Field(False, description="Enable session timeout due to inactivity.")
    inactivitytimeoutinmins: int | None = Field(None, description="Duration of inactivity before timing out.")
    inactivitytimeoutreminderinmins: int | None = Field(None, description="Warn that long before timing out.")


class OwnServerSettingKeys(Keys):
    """Switches of one organization: a portal's own, or WSFedNonceCookieEnabled of a CRM organization."""

    allow_custom_session_duration: bool | None = Field(
        None, alias="AllowCustomSessionDuration", description="Portals only: custom session timeouts act."
    )
    allow_custom_inactivity_duration: bool | None = Field(
        None, alias="AllowCustomInactivityDuration", description="Portals only: inactivity timeouts act."
    )
    wsfed_nonce_cookie_enabled: bool | None = Field(
        None, alias="WSFedNonceCookieEnabled", description="Access token management; wins over the server's value."
    )


class SessionCookieKeys(Keys):
    """The session cookie."""

    same_site: SameSite = Field(SameSite.LAX, description="lax, or none for Outlook add-ins and other frames.")


VALUES = "Any one suffices, exactly; left out: the claim must be there. For upn and email also *@contoso.com."


class AccessRuleKeys(Keys):
    """One rule that a principal must meet."""

    claim: str = Field(min_length=1, description="A claim type, or group, role, upn, email.")
    values: Texts = Field([], description=VALUES)
    paths: list[RulePath] = Field([], description="Path prefixes the rule is for; none: every path.")


_NEVER_EXEMPT = (ClientKind.BROWSER, ClientKind.API)


def _exempt_kind(kind: ClientKind) -> ClientKind:
    if kind in _NEVER_EXEMPT:
        wrong = f"{kind} would lift the inactivity timeout of every {kind} client that the rule recognizes"
        raise fault(wrong, f"fix: write the client's own kind ({_EXEMPT}), or remove the rule")
    return kind


_EXEMPT_KINDS = [str(kind) for kind in ClientKind if kind not in _NEVER_EXEMPT]
_EXEMPT = ", ".join(_EXEMPT_KINDS)
ExemptKind = Annotated[ClientKind, AfterValidator(_exempt_kind), WithJsonSchema({"enum": _EXEMPT_KINDS})]


class ExemptClientKeys(Keys):
    """How a client that knows no inactivity timeout is recognized at sign-in."""

    kind: ExemptKind = Field(description="The kind of client.")
    client_id: str | None = Field(None, description="A verified client identifier (claim appid).")
    path: RulePath | None = Field(None, description="A path prefix that the sign-in was started for.")
    user_agent: str | None = Field(None, description="A part of the User-Agent. Anyone can send one.")

    @model_validator(mode="after")
    def _one_signal(self) -> "ExemptClientKeys":
        if sum(bool(signal) for signal in (self.client_id, self.path, self.user_agent)) != 1:
            raise fault("does not say how the client is recognized", "write one of client_id, path, user_agent")
        return self


class UpstreamTlsKeys(Keys):
    """TLS towards an https upstream."""

    certificate: str | None = Field(None, min_length=1, description="PEM file: our client certificate and its chain.")
    key: str | None = Field(None, min_length=1, description="PEM file: its private key.")
    server_name: HostName | None = Field(None, description="Name asked for and checked; left out: the upstream's host.")

    @model_validator(mode="after")
    def _both_or_none(self) -> "UpstreamTlsKeys":
        if (self.certificate is None) != (self.key is None):
            raise fault("has a certificate without its key, or the other way", "write both certificate and key")
        return self


class UpstreamHealthKeys(Keys):
    """A request that tells whether an application server is well."""

    path: RootedPath = Field(description="What is asked for; any answer below 500 is well.")
    interval: float = Field(10, ge=1, description="Seconds between two questions.")


class BrowserKeys(Keys):
    """What pages of this organization are given."""

    inject: ScriptPlacement = Field(
        ScriptPlacement.NONE, description="Where the page's script goes: documents, global-context or none."
    )


class BearerKeys(Keys):
    """Which bearer tokens (`Authorization: Bearer`) an organization accepts."""

    issuer: Url | None = Field(
        None, description="OpenID Connect issuer whose keys verify them; left out: the identity provider."
    )
    audiences: Audiences | None = Field(
        None, description="Identifiers of the application in tokens; left out: resource, else client_id."
    )
    accept_id_tokens: bool = Field(False, description="Id tokens for identity_provider.client_id are accepted too.")


class OrganizationKeys(Keys):
    """One CRM instance, portal or other application."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Unique name, lower-case.")
    id: UUID | None = Field(None, description="GUID; made from the name where left out.")
    friendly_name: str = Field("", description="What pages call it.")
    kind: OrganizationKind = Field(OrganizationKind.CRM, description="crm, or portal with its own settings.")
    hosts: list[HostName] = Field(min_length=1, description="Host names, without port.")
    path: PathPrefix | None = Field(None, description="Path prefix where one host serves several organizations.")
    root: bool = Field(False, description="Takes what no path prefix of its hosts claims.")
    upstream: UpstreamOrigins = Field(description="The application server: http(s)://host[:port], or several.")
    upstream_health: UpstreamHealthKeys | None = Field(None, description="How each of several is looked after.")
    upstream_tls: UpstreamTlsKeys | None = Field(None, description="TLS towards an https upstream.")
    upstream_sign_in: Literal["ws-federation"] | None = Field(None, description="The upstream runs claims itself.")
    identity_provider: ProviderKeys | None = Field(None, description="A provider of its own.")
    realm: str | None = Field(None, min_length=1, description="WS-Federation: our wtrealm for this organization.")
    publish_metadata: bool = Field(False, description="Our federation metadata at /FederationMetadata/… too.")
    host_header: HostPolicy = Field(HostPolicy.PASS, description="Host header to the upstream: pass or upstream.")
    system_settings: SystemSettingKeys = Field(SystemSettingKeys(), description="System Settings > General.")
    server_settings: OwnServerSettingKeys | None = Field(None, description="Switches of its own.")
    session_cookie: SessionCookieKeys = Field(SessionCookieKeys(), description="The session cookie.")
    require: list[AccessRuleKeys] = Field([], description="Rules a principal must meet, all of them.")
    anonymous: list[RulePath] = Field([], description="Path prefixes that pass without a session.")
    exempt_clients: list[ExemptClientKeys] = Field([], description="Clients that know no inactivity timeout.")
    claims_to_headers: dict[str, HeaderName] = Field({}, description="Claim type -> header to the upstream.")
    api_paths: list[RulePath] = Field([], description="Further path prefixes of APIs: 401, never a redirect.")
    allow_encoded_slash: bool = Field(False, description="%2F may stand in a path.")
    bearer: BearerKeys = Field(BearerKeys(), description="Bearer tokens that are accepted.")
    browser: BrowserKeys = Field(BrowserKeys(), description="What pages are given.")
