"""The keys of the YAML. Their descriptions are what editors show; config/proxy.yaml explains them at length."""

from typing import Annotated, Any, Literal

from pydantic import Field

from proxy.configuration.base import Keys
from proxy.configuration.organization_schema import VALUES, OrganizationKeys
from proxy.configuration.provider_schema import ProviderKeys
from proxy.configuration.values import (
    Address,
    HostName,
    NetworkPrefixText,
    NetworkText,
    PathPrefix,
    SecretTexts,
    StateUrl,
    Texts,
)
from proxy.model.binding import DeviceBound
from proxy.model.settings import ActivityCounts, SignOutScope

Workers = Annotated[int, Field(ge=1)]


class TlsKeys(Keys):
    """The listener's certificate."""

    certificate: str = Field(min_length=1, description="PEM file: the certificate, then its chain.")
    key: str = Field(min_length=1, description="PEM file: the private key.")
    hsts: int = Field(31_536_000, ge=0, description="Seconds of Strict-Transport-Security; 0: none.")


class ListenKeys(Keys):
    """Where we listen."""

    address: Address = Field("127.0.0.1:8080", description="host:port.")
    tls: TlsKeys | None = Field(None, description="Serve https with this certificate.")
    trusted_proxies: list[NetworkText] = Field([], description="Networks whose X-Forwarded-* and Forwarded count.")
    prefix: PathPrefix = Field("/.claims", description="Where our own endpoints lie.")


class ManagementKeys(Keys):
    """The management listener."""

    address: Address | Literal["off"] = Field("127.0.0.1:9180", description="host:port, or off.")


class ServerSettingKeys(Keys):
    """Server settings, spelled as SetAdvancedSettings.ps1 has them."""

    allow_custom_session_duration: bool = Field(
        False, alias="AllowCustomSessionDuration", description="Custom session timeouts act."
    )
    allow_custom_inactivity_duration: bool = Field(
        False, alias="AllowCustomInactivityDuration", description="Inactivity timeouts act."
    )
    wsfed_nonce_cookie_enabled: bool = Field(
        False, alias="WSFedNonceCookieEnabled", description="Access token management: sign-out asks for credentials."
    )


class FeatureControlBitKeys(Keys):
    """Feature control bits."""

    uci_inactivity_timeout: bool = Field(
        False, alias="FCB.UCIInactivityTimeout", description="Inactivity timeouts act only with it."
    )


class LimitKeys(Keys):
    """Bounds of system settings, minutes."""

    session_minimum: int = Field(60, ge=1, description="Shortest custom session length.")
    session_maximum: int = Field(1440, ge=1, description="Longest custom session length.")
    inactivity_minimum: int = Field(5, ge=1, description="Shortest inactivity timeout.")
    reminder_minimum: int = Field(1, ge=1, description="Shortest reminder.")


class SettingsKeys(Keys):
    """Where settings come from."""

    source: Literal["yaml", "live"] = Field("yaml", description="yaml, or live for settings kept in the store.")


class SessionKeys(Keys):
    """How workers treat their own copies of sessions."""

    activity_resolution: float = Field(5, gt=0, le=60, description="Seconds between two writes of one activity.")
    outage_grace: float = Field(60, ge=0, le=3600, description="Seconds that known sessions go on without a store.")
    cache: int = Field(100_000, ge=1, description="Sessions kept per worker.")
    held_forms: int = Field(64, ge=0, le=4096, description="MiB of forms kept that were posted too late; 0: none.")


class InactivityKeys(Keys):
    """What counts as activity."""

    counts: ActivityCounts = Field(ActivityCounts.USER_INPUT, description="user_input, navigation or every_request.")


class SignOutKeys(Keys):
    """How far a sign-out reaches."""

    everywhere: SignOutScope = Field(SignOutScope.ORGANIZATION, description="organization, or all of that provider.")


class UpstreamKeys(Keys):
    """Bounds towards each upstream, seconds."""

    connect_timeout: float = Field(5, gt=0, description="To connect.")
    first_byte_timeout: float = Field(120, gt=0, description="To the first byte of an answer.")
    idle_timeout: float = Field(120, gt=0, description="Between two bytes of an answer.")
    keep_alive: float = Field(50, ge=0, description="That an idle connection is kept.")
    maximum_age: float = Field(600, gt=0, description="That a connection is used at most.")
    connections: int = Field(256, ge=1, description="Connections at most.")
    queue: int = Field(1024, ge=0, description="Requests that wait for one at most.")


class BindingKeys(Keys):
    """What a session is bound to."""

    device_bound_sessions: DeviceBound = Field(DeviceBound.OFF, description="DBSC: auto, required or off.")
    bind_to_network: NetworkPrefixText | None = Field(None, description="Prefix lengths such as /24,/56.")


class ObservabilityKeys(Keys):
    """Logs and audit events."""

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is written.")
    log_format: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal.")
    audit_file: str | None = Field(None, min_length=1, description="Where audit events go; left out: to the log.")


class AdministratorKeys(Keys):
    """Who may use the admin pages: one that meets any of these rules."""

    claim: str = Field(min_length=1, description="A claim type, or group, role, upn, email.")
    values: Texts = Field([], description=VALUES)
    provider: str | None = Field(
        None, min_length=1, description="The provider whose users the rule is for; left out: the top-level one."
    )


class AdministrationKeys(Keys):
    """A host for the admin pages, which no application shares."""

    host: HostName = Field(description="Host name of the admin pages, without port; no organization's.")
    provider: str | None = Field(
        None, min_length=1, description="Name of the identity provider; left out: the top-level one."
    )


class Schema(Keys):
    """The whole file."""

    listen: ListenKeys = Field(ListenKeys(), description="Where we listen.")
    management: ManagementKeys = Field(ManagementKeys(), description="Health and metrics.")
    workers: Workers | Literal["auto"] = Field("auto", description="Processes; auto: one for each core.")
    state: StateUrl = Field("memory:", description="memory:, redis:// or rediss://.")
    secret: SecretTexts = Field(description="32 bytes or more; a list rotates, newest first.")
    ca_file: str | None = Field(None, description="PEM file of CAs for provider, upstream and store.")
    identity_provider: ProviderKeys | None = Field(None, description="Who signs people in.")
    server_settings: ServerSettingKeys = Field(ServerSettingKeys(), description="As SetAdvancedSettings.ps1.")
    feature_control_bits: FeatureControlBitKeys = Field(FeatureControlBitKeys(), description="Feature control bits.")
    limits: LimitKeys = Field(LimitKeys(), description="Bounds of system settings.")
    settings: SettingsKeys = Field(SettingsKeys(), description="Where settings come from.")
    sessions: SessionKeys = Field(SessionKeys(), description="Copies of sessions in workers.")
    inactivity: InactivityKeys = Field(InactivityKeys(), description="What counts as activity.")
    sign_out: SignOutKeys = Field(SignOutKeys(), description="How far a sign-out reaches.")
    upstream: UpstreamKeys = Field(UpstreamKeys(), description="Bounds towards each upstream.")
    binding: BindingKeys = Field(BindingKeys(), description="What a session is bound to.")
    organizations: list[OrganizationKeys] = Field(min_length=1, description="What we stand in front of.")
    administrators: list[AdministratorKeys] = Field([], description="Who may use the admin pages; left out: nobody.")
    administration: AdministrationKeys | None = Field(
        None, description="A host for the admin pages; left out: they share every organization's origin."
    )
    observability: ObservabilityKeys = Field(ObservabilityKeys(), description="Logs and audit events.")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the YAML, for editors."""
    schema = Schema.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "claims-proxy"}
