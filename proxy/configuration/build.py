"""Checked keys as the frozen values of the model."""

from collections import Counter
from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from proxy.configuration.organization_schema import OrganizationKeys
from proxy.configuration.provider_schema import ClaimKeys, ProviderKeys
from proxy.configuration.schema import AdministrationKeys, BindingKeys, ListenKeys, ManagementKeys, Schema
from proxy.configuration.values import network_prefixes, networks, secret, split_address
from proxy.model.bearer import BearerSettings
from proxy.model.binding import BindingSettings
from proxy.model.deployment import Deployment, Listen, Management, Observability, SessionTuning, Tls, UpstreamTuning
from proxy.model.organization import (
    ADMINISTRATION,
    AccessRule,
    ExemptClientRule,
    Organization,
    OrganizationKind,
    UpstreamHealth,
    UpstreamTls,
)
from proxy.model.provider import (
    ClaimNames,
    CredentialRules,
    IdentityProvider,
    Protocol,
    SecretText,
    normalized_method,
)
from proxy.model.settings import FeatureControlBits, Limits, ServerSettings, SystemSettings

_MINUTE = 60.0


def deployment_of(keys: Schema, files: Sequence[str] = ()) -> Deployment:
    """The whole configuration, read from these files; every check has passed before."""
    top = keys.identity_provider
    own = [each.identity_provider for each in keys.organizations if each.identity_provider]
    hosts = Counter(host for each in keys.organizations for host in each.hosts)
    return Deployment(
        listen=_listen(keys.listen),
        state=SecretText(keys.state),
        secrets=tuple(map(secret, keys.secret)),
        identity_providers=tuple(map(_provider, [top, *own] if top else own)),
        organizations=tuple(_organization(each, top, hosts) for each in keys.organizations),
        server_settings=ServerSettings(**keys.server_settings.model_dump()),
        feature_control_bits=FeatureControlBits(**keys.feature_control_bits.model_dump()),
        limits=Limits(**keys.limits.model_dump()),
        sessions=SessionTuning(**keys.sessions.model_dump()),
        upstream=UpstreamTuning(**keys.upstream.model_dump()),
        counts=keys.inactivity.counts,
        binding=_binding(keys.binding),
        sign_out_everywhere=keys.sign_out.everywhere,
        observability=Observability(**keys.observability.model_dump()),
        ca_file=keys.ca_file,
        management=_management(keys.management),
        workers=None if keys.workers == "auto" else keys.workers,
        files=tuple(files),
        settings_live=keys.settings.source == "live",
        administrators=tuple(
            AccessRule(rule.claim, tuple(rule.values), provider=rule.provider or (top.name if top else ""))
            for rule in keys.administrators
        ),
        administration=_administration(keys.administration, top) if keys.administration else None,
        stated=frozenset(keys.server_settings.model_fields_set | keys.feature_control_bits.model_fields_set),
    )


def _binding(keys: BindingKeys) -> BindingSettings:
    networks = network_prefixes(keys.bind_to_network) if keys.bind_to_network else None
    return BindingSettings(keys.device_bound_sessions, networks)


def _listen(keys: ListenKeys) -> Listen:
    host, port = split_address(keys.address)
    return Listen(
        host=host,
        port=port,
        tls=Tls(**keys.tls.model_dump()) if keys.tls else None,
        trusted_proxies=networks(keys.trusted_proxies),
        prefix=keys.prefix,
    )


def _management(keys: ManagementKeys) -> Management | None:
    return None if keys.address == "off" else Management(*split_address(keys.address))


def _provider(keys: ProviderKeys) -> IdentityProvider:
    return IdentityProvider(
        name=keys.name,
        issuer=keys.issuer or "",
        client_id=keys.client_id or "",
        client_secret=secret(keys.client_secret) if keys.client_secret else SecretText(""),
        protocol=keys.protocol,
        client_authentication=keys.client_authentication,
        resource=keys.resource,
        scopes=tuple(dict.fromkeys(["openid", *keys.scopes])),
        response_mode=keys.response_mode,
        claims=_claims(keys.claims),
        token_lifetime=keys.token_lifetime * _MINUTE,
        credentials=_credentials(keys),
        send_max_age=keys.max_age == "on",
        maximum_token_lifetime=keys.maximum_token_lifetime * _MINUTE,
        leeway=keys.leeway,
        realm=keys.realm,
        metadata=keys.metadata,
        home_realm=keys.home_realm,
        wauth=keys.wauth,
        wreply=keys.wreply,
        decryption_keys=tuple(keys.decryption_keys),
        allow_sha1=keys.allow_sha1,
        sign_in_host=keys.sign_in_host,
        refresh=keys.refresh == "on",
        id_token_algorithms=tuple(keys.id_token_algorithms),
        trust_unverified_email=keys.trust_unverified_email,
    )


def _credentials(keys: ProviderKeys) -> CredentialRules:
    said = {normalized_method(method): counts for method, counts in keys.counts_as_credentials.items()}
    return CredentialRules(
        windows=keys.windows_counts_as_credentials,
        unstated=said.pop("unstated", None),
        counting=frozenset(method for method, counts in said.items() if counts),
        not_counting=frozenset(method for method, counts in said.items() if not counts),
    )


def _claims(keys: ClaimKeys) -> ClaimNames:
    given = {name: tuple(claims) for name, claims in keys.model_dump().items() if claims is not None}
    return ClaimNames(**given)


def _administration(keys: AdministrationKeys, top: ProviderKeys | None) -> Organization:
    return Organization(
        name=ADMINISTRATION,
        id=str(uuid5(NAMESPACE_URL, f"claims-proxy:{ADMINISTRATION}")),
        hosts=(keys.host,),
        upstream="",
        friendly_name="Administration",
        identity_provider=keys.provider or (top.name if top else ""),
        is_administration=True,
    )


def _organization(keys: OrganizationKeys, top: ProviderKeys | None, hosts: Counter[str]) -> Organization:
    own = keys.server_settings
    portal = keys.kind is OrganizationKind.PORTAL
    provider = keys.identity_provider or top
    return Organization(
        name=keys.name,
        id=str(keys.id or uuid5(NAMESPACE_URL, f"claims-proxy:organization:{keys.name}")),
        hosts=tuple(keys.hosts),
        upstream=keys.upstream[0],
        further_upstreams=tuple(keys.upstream[1:]),
        upstream_health=UpstreamHealth(**keys.upstream_health.model_dump()) if keys.upstream_health else None,
        path=keys.path or "",
        root=keys.root,
        kind=keys.kind,
        friendly_name=keys.friendly_name or keys.name,
        identity_provider=provider.name if provider else "",
        host_header=keys.host_header,
        system_settings=SystemSettings(**keys.system_settings.model_dump()),
        server_settings=ServerSettings(**own.model_dump(exclude_none=True)) if portal and own else None,
        wsfed_nonce_cookie_enabled=own.wsfed_nonce_cookie_enabled if own else None,
        same_site=keys.session_cookie.same_site,
        require=tuple(
            AccessRule(rule.claim, tuple(rule.values), tuple(rule.paths), provider.name if provider else "")
            for rule in keys.require
        ),
        anonymous=tuple(keys.anonymous),
        exempt_clients=tuple(ExemptClientRule(**rule.model_dump()) for rule in keys.exempt_clients),
        claims_to_headers=tuple(keys.claims_to_headers.items()),
        api_paths=tuple(keys.api_paths),
        allow_encoded_slash=keys.allow_encoded_slash,
        shares_host=bool(keys.path) or any(hosts[host] > 1 for host in keys.hosts),
        upstream_tls=UpstreamTls(**keys.upstream_tls.model_dump()) if keys.upstream_tls else None,
        realm=keys.realm,
        upstream_sign_in=keys.upstream_sign_in is not None,
        publishes_metadata=keys.publish_metadata,
        stated=frozenset(keys.system_settings.model_fields_set | (own.model_fields_set if own else set())),
        has_sign_in_at_root=keys.upstream_sign_in is not None
        or (provider is not None and provider.protocol is Protocol.WS_FEDERATION),
        inject=keys.browser.inject,
        bearer=BearerSettings(
            issuer=keys.bearer.issuer,
            audiences=tuple(keys.bearer.audiences or ()),
            accept_id_tokens=keys.bearer.accept_id_tokens,
        ),
    )
