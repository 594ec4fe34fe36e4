"""Everything that a configuration needs, looked at once: for an administrator whose proxy does not do as it should.

No finding holds a secret: addresses are told by host and port, files by their paths.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from proxy.app.doctor_network import DatesSeen, look_at_provider, look_at_upstream, talking
from proxy.app.doctor_rules import rules_of_each, warnings_of, with_live_values
from proxy.app.trust import Trust
from proxy.errors import CannotStart, ProviderError, StoreUnavailable
from proxy.gateway.certificates import LoadedPair, load_pair
from proxy.model.deployment import Deployment
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider
from proxy.model.redirect_uri import redirect_uri, redirect_uris
from proxy.model.time import Instant, Seconds
from proxy.signin.bearer import bearer_provider
from proxy.store.examination import Examined, examine

_DAY: Seconds = 86_400.0
_RENEW_WITHIN = 14 * _DAY
_SLOW: Seconds = 0.01
_OLDEST_REDIS = (6, 2)
_MAY_DIFFER: Seconds = 30.0
_FEWEST_SIGNS = 12
_FAILED_STATUS = 500
_READ_BY_OTHERS, _ENTERED_BY_OTHERS = 0o004, 0o001


class Grade(StrEnum):
    """`fault`: something does not work. `warning`: it does, and should be looked at."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found. `right`: what would be right, empty where all is."""

    check: str
    grade: Grade
    said: str
    right: str = ""


async def examined(deployment: Deployment, clock: Callable[[], Instant]) -> tuple[Finding, ...]:
    """Every finding, in the order in which one would look: our own files first, then whom we talk to."""
    own = [
        *_files(deployment),
        *_secrets(deployment),
        *_listener(deployment, clock()),
        *_redirects(deployment),
        *_administration(deployment),
    ]
    try:
        trust = Trust()
        trust.towards(deployment.ca_file)
    except CannotStart as error:
        # With it nobody could be trusted, so nobody is asked.
        return (*own, _fault("ca_file", error))
    others = await asyncio.gather(
        _rules(deployment, clock),
        _store(deployment),
        *(_provider(deployment, each, trust, clock) for each in deployment.identity_providers),
        *(_provider(deployment, each, trust, clock) for each in _bearer_issuers(deployment)),
        *(_upstream(deployment, *each, trust) for each in _addresses(deployment)),
    )
    return (*own, *(finding for several in others for finding in several))


def _fault(check: str, error: Exception) -> Finding:
    said, _, right = str(error).partition("; ")
    return Finding(check, Grade.FAULT, said, right)


def _files(deployment: Deployment) -> Iterable[Finding]:
    private = [file for file in deployment.files[1:] if _is_open(file)]
    if deployment.listen.tls and _is_open(deployment.listen.tls.key):
        private.append(deployment.listen.tls.key)
    for file in private:
        yield Finding("files", Grade.WARNING, f"{file} can be read by others on this machine", f"chmod 600 {file}")
    audit = deployment.observability.audit_file
    if audit is not None:
        yield _audit(Path(audit))


def _is_open(file: str) -> bool:
    """Whether anybody on this machine can read it: not where a folder above it keeps them out."""
    path = Path(file).absolute()
    try:
        entered = all(folder.stat().st_mode & _ENTERED_BY_OTHERS for folder in path.parents)
        return entered and bool(path.stat().st_mode & _READ_BY_OTHERS)
    except OSError:
        return False


def _audit(path: Path) -> Finding:
    try:
        with path.open("ab"):
            return Finding("audit file", Grade.OK, f"{path} can be written")
    except OSError as error:
        right = "a file in a folder that this user can write; until then events go to the log"
        return Finding("audit file", Grade.FAULT, f"{path} cannot be written: {error.strerror}", right)


def _secrets(deployment: Deployment) -> Iterable[Finding]:
    weak = [number for number, each in enumerate(deployment.secrets, 1) if len(set(each)) < _FEWEST_SIGNS]
    if weak:
        right = "head -c 32 /dev/urandom | base64, and rotate: docs/operating.md"
        yield Finding("secret", Grade.WARNING, f"secret {weak[0]} has few different characters", right)
    else:
        count = len(deployment.secrets)
        yield Finding("secret", Grade.OK, "one" if count == 1 else f"{count}; the first seals, all open")


def _listener(deployment: Deployment, now: Instant) -> Iterable[Finding]:
    listen = deployment.listen
    if listen.tls is None:
        if not listen.trusted_proxies and not listen.host.startswith("127."):
            right = "listen.tls, or the load balancer that ends TLS in listen.trusted_proxies"
            yield Finding("listener", Grade.WARNING, "plain http for everybody", right)
        return
    try:
        pair = load_pair(listen.tls)
    except CannotStart as error:
        yield _fault("certificate", error)
        return
    yield _validity(pair, now)
    hosts = {host for site in deployment.sites for host in site.hosts}
    if missing := sorted(host for host in hosts if not pair.is_for(host)):
        right = "a certificate whose subjectAltName has every host of organizations and of administration"
        yield Finding("certificate", Grade.FAULT, f"{listen.tls.certificate} is not for {', '.join(missing)}", right)


def _redirects(deployment: Deployment) -> Iterable[Finding]:
    for provider, uris in redirect_uris(deployment).items():
        said = f"register exactly these at the provider, without wildcards: {', '.join(uris)}"
        yield Finding(f"redirect URIs {provider}", Grade.OK, said)


def _administration(deployment: Deployment) -> Iterable[Finding]:
    site = deployment.administration
    if site is not None:
        said = f"{deployment.origin(site.hosts[0])}; redirect URI: {redirect_uri(deployment, site, site.hosts[0])}"
        yield Finding("administration", Grade.OK, said)
    for warning in deployment.warnings:
        if warning.key.startswith("administrat"):
            yield Finding("administration", Grade.WARNING, warning.wrong, warning.right.removeprefix("fix: "))


def _validity(pair: LoadedPair, now: Instant) -> Finding:
    ends, begins = _day(pair.expires_at), _day(pair.valid_from)
    if now >= pair.expires_at:
        return Finding("certificate", Grade.FAULT, f"it ended on {ends}", "a certificate that is valid now")
    if now < pair.valid_from:
        return Finding(
            "certificate", Grade.FAULT, f"it begins on {begins}", "one that is valid now; is our clock right?"
        )
    left = int((pair.expires_at - now) / _DAY)
    if pair.expires_at - now < _RENEW_WITHIN:
        return Finding("certificate", Grade.WARNING, f"it ends on {ends}, in {left} days", "renew it now")
    return Finding("certificate", Grade.OK, f"valid until {ends}, {left} days")


def _day(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _shown(url: str) -> str:
    """An address without what may be secret in it."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


async def _rules(deployment: Deployment, clock: Callable[[], Instant]) -> Sequence[Finding]:
    in_force = await with_live_values(deployment, clock)
    warnings = [Finding("configuration", Grade.WARNING, *each) for each in warnings_of(in_force)]
    return (*warnings, *(Finding(f"rules {name}", Grade.OK, said) for name, said in rules_of_each(in_force)))


async def _store(deployment: Deployment) -> Sequence[Finding]:
    if deployment.state.startswith("memory:"):
        said = "in this process's memory: a restart signs everybody out, and commands cannot reach sessions"
        return (Finding("store", Grade.WARNING, said, "state: redis://… in production"),)
    where = _shown(deployment.state)
    try:
        found = await examine(deployment.state, deployment.ca_file)
    except StoreUnavailable as error:
        right = "a Redis that answers there, with a user that may do what deploy/redis/users.acl says"
        return (Finding("store", Grade.FAULT, f"{where}: {error}", right),)
    return tuple(_store_findings(where, found))


def _store_findings(where: str, found: Examined) -> Iterable[Finding]:
    told = f"version {found.version}" if found.version else "its version is not told to this user"
    said = f"{where}: {told}; reading, writing, scripts and messages work; {found.latency * 1000:.1f} ms an answer"
    if found.version and _version(found.version) < _OLDEST_REDIS:
        yield Finding("store", Grade.FAULT, said, "Redis 6.2 or newer, or Valkey")
    elif found.latency > _SLOW:
        yield Finding("store", Grade.WARNING, said, "a store nearby: below 1 ms is usual")
    else:
        yield Finding("store", Grade.OK, said)
    if found.eviction not in (None, "noeviction"):
        said = f"maxmemory-policy is {found.eviction}: sessions may be thrown away"
        yield Finding("store", Grade.WARNING, said, "maxmemory-policy noeviction, as deploy/redis/redis.conf has it")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


async def _provider(
    deployment: Deployment, settings: IdentityProvider, trust: Trust, clock: Callable[[], Instant]
) -> Sequence[Finding]:
    check, dates = f"provider {settings.name}", DatesSeen(clock)
    try:
        async with talking(trust.towards(deployment.ca_file), dates) as http:
            said = await look_at_provider(settings, http, clock)
    except CannotStart as error:
        return (_fault(check, error),)
    except (ProviderError, TimeoutError) as error:
        right = "an issuer or metadata address that answers from here, by a CA that the system or ca_file knows"
        return (Finding(check, Grade.FAULT, str(error) or "no answer in time", right), *_skew(check, dates))
    return (Finding(check, Grade.OK, said), *_skew(check, dates))


def _bearer_issuers(deployment: Deployment) -> Iterable[IdentityProvider]:
    """Yield the issuers that verify bearer tokens only, named after their organizations."""
    known = {each.name: each for each in deployment.identity_providers}
    for organization in deployment.organizations:
        settings = known[organization.identity_provider]
        issuer = bearer_provider(settings, organization.bearer)
        if issuer is not None and issuer != settings:
            yield replace(issuer, name=f"{organization.name}, bearer.issuer")


def _skew(check: str, dates: DatesSeen) -> Iterable[Finding]:
    ahead = dates.ahead
    if ahead is not None and abs(ahead) > _MAY_DIFFER:
        which = "ahead of" if ahead > 0 else "behind"
        said = f"its clock is {abs(ahead):.0f} s {which} ours; tokens have 60 s of leeway"
        yield Finding(f"{check} clock", Grade.FAULT, said, "synchronize both clocks (chrony, ntpd, w32time)")


def _addresses(deployment: Deployment) -> Sequence[tuple[Organization, str]]:
    """Each address once, with an organization behind it."""
    found: dict[str, Organization] = {}
    for organization in deployment.organizations:
        for url in (organization.upstream, *organization.further_upstreams):
            found.setdefault(url, organization)
    return [(organization, url) for url, organization in found.items()]


async def _upstream(deployment: Deployment, organization: Organization, url: str, trust: Trust) -> Sequence[Finding]:
    check = f"upstream {organization.name}"
    try:
        tls = trust.towards(deployment.ca_file, organization.upstream_tls)
    except CannotStart as error:
        return (_fault(check, error),)
    began = time.monotonic()
    answered = await look_at_upstream(url, organization, tls)
    if isinstance(answered, str):
        right = "an application that answers there, from this machine"
        return (Finding(check, Grade.FAULT, f"{_shown(url)}: {answered}", right),)
    said = f"{_shown(url)} answers {answered} in {(time.monotonic() - began) * 1000:.0f} ms"
    if answered >= _FAILED_STATUS:
        return (Finding(check, Grade.WARNING, said, "look at the application's own log"),)
    return (Finding(check, Grade.OK, said),)
