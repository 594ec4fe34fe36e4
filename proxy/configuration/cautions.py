"""Warnings: a configuration that can be run, but that does something its reader is unlikely to expect."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from proxy.configuration.document import KeyPath
from proxy.model.deployment import Deployment

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
    _administration_is_used,
    _administration_has_its_own_origin,
    _organizations_have_their_own_origins,
)
