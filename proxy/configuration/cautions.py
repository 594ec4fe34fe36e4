"""Warnings: a configuration that can be run, but that does something its reader is unlikely to expect."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from proxy.configuration.document import KeyPath
from proxy.configuration.timeout_cautions import timeout_cautions
from proxy.model.deployment import Deployment
from proxy.model.names import fold_ascii
from proxy.model.organization import AccessRule
from proxy.model.provider import IdentityProvider, Protocol

Caution: TypeAlias = tuple[KeyPath, str, str]


def cautions(deployment: Deployment) -> Iterator[Caution]:
    """Yield (path, what is misleading, what to write instead) for every warning about a valid configuration."""
    for check in _CHECKS:
        yield from check(deployment)


def _anonymous_is_not_everything(deployment: Deployment) -> Iterator[Caution]:
    for index, organization in enumerate(deployment.organizations):
        for place, prefix in enumerate(organization.anonymous):
            if not prefix.strip("/"):
                wrong = "lets every request of this organization pass without signing in"
                right = "fix: list only the paths that anyone may read, such as /static"
                yield ("organizations", index, "anonymous", place), wrong, right


def _user_agents_are_a_client_s_own(deployment: Deployment) -> Iterator[Caution]:
    for index, organization in enumerate(deployment.organizations):
        for place, rule in enumerate(organization.exempt_clients):
            wanted = fold_ascii(rule.user_agent or "")
            if wanted and wanted in fold_ascii(_BROWSERS):
                wrong = "is part of what ordinary browsers send, so people who use one have no inactivity timeout"
                right = "fix: write a part that only this client sends, such as UnifiedServiceDesk"
                yield ("organizations", index, "exempt_clients", place, "user_agent"), wrong, right


_BROWSERS = """\
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140
Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15
Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148
Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36
"""


def _addresses_are_verified(deployment: Deployment) -> Iterator[Caution]:
    """Rules by e-mail address, where the provider may not say that it verified any: they would admit nobody."""
    rules: list[tuple[KeyPath, AccessRule]] = [
        (("administrators", place), rule) for place, rule in enumerate(deployment.administrators)
    ]
    for index, organization in enumerate(deployment.organizations):
        rules += [(("organizations", index, "require", place), rule) for place, rule in enumerate(organization.require)]
    for path, rule in rules:
        provider = deployment.provider(rule.provider)
        if rule.claim in {"email", *provider.claims.email} and _may_not_verify(provider):
            wrong = (
                f"goes by e-mail addresses, and those of {provider.name} count only if it states email_verified: true"
            )
            right = (
                "fix: use claim: upn or a group, or write trust_unverified_email at the provider (false to keep it so)"
            )
            yield (*path, "claim"), wrong, right


def _names_are_verified(deployment: Deployment) -> Iterator[Caution]:
    """UPNs taken from the claim `email`, where the provider may not say that it verified any."""
    for index, organization in enumerate(deployment.organizations):
        provider = deployment.provider(organization.identity_provider)
        if "email" in provider.claims.upn and _may_not_verify(provider):
            wrong = (
                f"takes UPNs from the claim email of {provider.name}, and they count only if it states email_verified: "
                "true; other users are known by sub"
            )
            yield ("organizations", index), wrong, "fix: write trust_unverified_email at the provider, true or false"


def _may_not_verify(provider: IdentityProvider) -> bool:
    """Return True for an OpenID provider other than AD FS (its issuer ends in /adfs) if nobody decided to trust it."""
    is_ad_fs = provider.issuer.rstrip("/").endswith("/adfs")
    return provider.protocol is Protocol.OIDC and not is_ad_fs and provider.trust_unverified_email is None


def _administration_is_used(deployment: Deployment) -> Iterator[Caution]:
    if deployment.administration is not None and not deployment.administrators:
        wrong = "admits nobody, because there is no administrators rule"
        yield ("administration",), wrong, "fix: add one, such as administrators: [{claim: group, values: [...]}]"


def _administration_has_its_own_origin(deployment: Deployment) -> Iterator[Caution]:
    if deployment.administrators and deployment.administration is None:
        wrong = (
            "admin pages share the origin of every application, so a script of an application can read them with an "
            "administrator's session, and each change waits for a fresh sign-in"
        )
        yield (
            ("administrators",),
            wrong,
            "fix: give them a host of their own, administration: {host: admin.contoso.com}",
        )


def _organizations_have_their_own_origins(deployment: Deployment) -> Iterator[Caution]:
    first: dict[str, str] = {}
    for index, organization in enumerate(deployment.organizations):
        for host in organization.hosts:
            other = first.setdefault(host, organization.name)
            if other != organization.name:
                wrong = (
                    f"shares the origin of {host} with organization {other}, so scripts of each act with the sessions "
                    "of both"
                )
                yield ("organizations", index, "path"), wrong, "fix: give each organization a host of its own"
                break


_CHECKS: tuple[Callable[[Deployment], Iterator[Caution]], ...] = (
    _anonymous_is_not_everything,
    _user_agents_are_a_client_s_own,
    _addresses_are_verified,
    _names_are_verified,
    _administration_is_used,
    _administration_has_its_own_origin,
    _organizations_have_their_own_origins,
    timeout_cautions,
)
