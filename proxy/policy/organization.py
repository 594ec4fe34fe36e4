"""Which organization a request is for. An unknown host or path is nobody's: there is no default organization."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.errors import RequestRefused
from proxy.model.organization import Organization
from proxy.policy.paths import is_below_by_short_name, widest_reading

_OF_PROVIDERS: Final = frozenset({"callback", "wsfed", "frontchannel-logout", "backchannel-logout"})
"""At the root of a host with path organizations these take the organization from what a provider says."""


@dataclass(slots=True)
class _Host:
    """One host's organizations: by path prefix (lower-case), and the one that takes what no prefix claims."""

    by_path: dict[str, Organization] = field(default_factory=dict)
    rest: Organization | None = None
    depths: tuple[int, ...] = ()

    def add(self, organization: Organization) -> None:
        path = organization.path.lower()
        if path and self.by_path.setdefault(path, organization) is not organization:
            raise ValueError(f"{organization.name} and {self.by_path[path].name} both claim {path}")
        if organization.root or not path:
            if self.rest is not None:
                raise ValueError(f"{organization.name} and {self.rest.name} both claim the rest of one host")
            self.rest = organization
        self.depths = tuple(sorted({claimed.count("/") for claimed in self.by_path}, reverse=True))

    def claimant(self, path: str) -> Organization | None:
        """Whose prefix `path` begins with, by whole segments, the longest first."""
        for depth in self.depths:
            parts = path.split("/", depth + 1)
            found = self.by_path.get("/".join(parts[: depth + 1]).lower())
            if found is not None:
                return found
        return None

    def may_hide_another(self, widest: str) -> bool:
        """Whether an 8.3 name in a widest reading may stand for a segment of somebody's prefix."""
        return "~" in widest and any(is_below_by_short_name(widest, widest_reading(path)) for path in self.by_path)


class OrganizationTable:
    """Every organization by host and path prefix, in dictionaries: a thousand cost what one costs.

    `sign_in_hosts`, without port, take providers' answers for all organizations and serve nothing else of their own.
    Hosts are compared in lower case, path prefixes by whole segments and without regard to ASCII case, as IIS does.
    Raises ValueError where two organizations claim the same; the configuration reports that with file and line before.
    """

    def __init__(self, organizations: Sequence[Organization], prefix: str, sign_in_hosts: Iterable[str] = ()) -> None:
        self._prefix = prefix
        self._below_prefix = f"{prefix}/"
        self._hosts: dict[str, _Host] = {}
        for organization in organizations:
            for host in organization.hosts:
                self._hosts.setdefault(host.lower(), _Host()).add(organization)
        self._sign_in_hosts = frozenset(host.lower() for host in sign_in_hosts)
        for host in self._sign_in_hosts:
            self._hosts.setdefault(host, _Host())

    def find(self, host: str, path: str) -> Organization:
        """The organization of a host (lower-case, without port) and a raw path.

        Raises RequestRefused(421, "unknown_host" | "unknown_path"), and RequestRefused(400, "ambiguous_target") for a
        path that an upstream could read as another organization's (`/%63ontoso/…`, `/contoso;x/…`, `/contos~1/…`).
        """
        known = self._hosts.get(host)
        if known is None:
            raise RequestRefused(421, "unknown_host")
        if not known.by_path:
            found = known.rest
        else:
            claimant = known.claimant(path)
            widest = widest_reading(path)
            if claimant is not known.claimant(widest) or known.may_hide_another(widest):
                raise RequestRefused(400, "ambiguous_target", "two readings, two organizations")
            found = claimant or known.rest
        if found is None:
            raise RequestRefused(421, "unknown_path")
        return found

    def endpoint(self, host: str, path: str) -> tuple[Organization | None, str] | None:
        """The endpoint of ours that a raw path names: whose mount it is below, and the part below the mount.

        The organization is None at the root of a host whose organizations lie at paths, where the login state names
        it (`callback`, `wsfed`), a provider's message does (`…channel-logout`) or nobody. None where the path is not
        ours, or the host is unknown.
        The mount is matched exactly, by whole segments.
        """
        if self._prefix not in path:
            return None
        known = self._hosts.get(host)
        if known is None:
            return None
        below = self._below(path)
        if below is not None:
            shared = bool(known.by_path) or host in self._sign_in_hosts
            owned = known.rest is not None and not (
                known.rest.path or (shared and below.split("/", 1)[0] in _OF_PROVIDERS)
            )
            return known.rest if owned else None, below
        claimant = known.claimant(path)
        if claimant is None:
            return None
        below = self._below(path[len(claimant.path) :])
        return None if below is None else (claimant, below)

    def _below(self, path: str) -> str | None:
        if path.startswith(self._below_prefix):
            return path[len(self._below_prefix) :]
        return "" if path == self._prefix else None

    def mount(self, organization: Organization) -> str:
        """Where our endpoints lie for this organization: `/.claims` or `/contoso/.claims`."""
        return f"{organization.path}{self._prefix}"
