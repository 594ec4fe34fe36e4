"""How a proxy is, as it tells those who watch it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `needed`: without it the node should get no requests. `reason`: empty when well."""

    name: str
    ok: bool
    reason: str = ""
    needed: bool = False


def is_ready(checks: Sequence[Check]) -> bool:
    """Whether requests should come here."""
    return all(check.ok or not check.needed for check in checks)
