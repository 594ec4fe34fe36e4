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


_CHECKS: tuple[Callable[[Deployment], Iterator[Caution]], ...] = (_anonymous_is_not_everything,)
