"""What is counted. The request's path pays for plain additions; words and formats are made when somebody asks.

Labels are bounded: organizations, providers and upstreams come from the configuration, reasons from our own words, and
of each family at most `MOST_SERIES` are kept apart; what comes beyond them is counted as `other`.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from proxy.model.time import Instant, Seconds
from proxy.observability.audit import AuditEvent

BUCKETS: tuple[Seconds, ...] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
MOST_SERIES = 2_000
_OTHER = "other"

Labels: TypeAlias = tuple[str, ...]
_Value = TypeVar("_Value")


@dataclass(slots=True)
class Timing:
    """A histogram: how many fell into each bucket, the last for all above, and the sum of seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: Seconds = 0.0

    def add(self, seconds: Seconds) -> None:
        """One more."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class Forwarded:
    """Requests of one organization that went upstream: `add` is `Metrics.request` for whoever counts many of them."""

    __slots__ = ("_own", "_upstream", "by_class")

    def __init__(self, own: Timing, upstream: Timing) -> None:
        self._own = own
        self._upstream = upstream
        self.by_class = [0] * 10

    def add(self, status: int, seconds: Seconds, upstream_seconds: Seconds) -> None:
        """One was answered."""
        self.by_class[status // 100] += 1
        self._upstream.add(upstream_seconds)
        self._own.add(seconds - upstream_seconds)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one instant, by family and labels; plain values that may go to another process."""

    counters: Mapping[str, Mapping[Labels, float]]
    timings: Mapping[str, Mapping[Labels, tuple[tuple[int, ...], float]]]
    gauges: Mapping[str, Mapping[Labels, float]]


Gauge: TypeAlias = Callable[[], Mapping[Labels, float]]

# What each process tells of all of them; of instants the latest is told.
_TOLD_ONCE = ("sessions", "_timestamp_seconds")


class Metrics:
    """The counts of one process. Not for several threads."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._own: dict[str, Timing] = {}
        self._upstream: dict[str, Timing] = {}
        self._forwarded: dict[str, Forwarded] = {}
        self._counters: dict[str, dict[Labels, float]] = {}
        self._timings: dict[str, dict[Labels, Timing]] = {}
        self._gauges: dict[str, Gauge] = {}
        self._elsewhere: dict[str, Gauge] = {}

    def request(
        self, organization: str, decision: str, status: int, seconds: Seconds, upstream_seconds: Seconds | None
    ) -> None:
        """One request was answered; `seconds` in all, `upstream_seconds` of them by the application."""
        key = (organization, decision, status // 100)
        requests = self._requests
        requests[key] = requests.get(key, 0) + 1
        if upstream_seconds is not None:
            _timing(self._upstream, organization).add(upstream_seconds)
        _timing(self._own, organization).add(seconds - (upstream_seconds or 0.0))

    def forwarded(self, organization: str) -> Forwarded:
        """What counts the organization's requests that go upstream."""
        if organization not in self._forwarded:
            timings = _timing(self._own, organization), _timing(self._upstream, organization)
            self._forwarded[organization] = Forwarded(*timings)
        return self._forwarded[organization]

    def audited(self, event: AuditEvent, organization: str, reason: str) -> None:
        """An audit event; each is recorded once, so what it tells is counted from it."""
        match event:
            case AuditEvent.SIGNED_IN:
                self.count("sign_ins", (organization,))
            case AuditEvent.SIGN_IN_REFUSED:
                self.count("sign_in_failures", (organization, reason))
            case AuditEvent.SIGNED_OUT:
                self.count("sessions_ended", (organization, "signed_out"))
            case AuditEvent.SESSION_EXPIRED | AuditEvent.REFRESH_REFUSED:
                self.count("sessions_ended", (organization, reason))
            case AuditEvent.SESSION_REVOKED:
                self.count("sessions_ended", (organization, "revoked"))
            case AuditEvent.REFUSED:
                self.count("refusals", (organization, reason))

    def store_call(self, operation: str, outcome: str, seconds: Seconds) -> None:
        """The store was asked; `outcome`: `ok`, `refused` by it, or `unavailable`."""
        self.count("store_calls", (operation, outcome))
        self.time("store_call_seconds", (operation,), seconds)

    def provider_call(self, provider: str, kind: str, outcome: str, seconds: Seconds) -> None:
        """An identity provider was asked for `kind`; `outcome` likewise."""
        self.count("provider_calls", (provider, kind, outcome))
        self.time("provider_call_seconds", (provider, kind), seconds)

    def reloaded(self, outcome: str, at: Instant) -> None:
        """A configuration was taken (`ok`) or `refused`."""
        self.count("reloads", (outcome,))
        self._gauges["last_reload_timestamp_seconds"] = lambda: {(outcome,): at}

    def count(self, family: str, labels: Labels, by: float = 1) -> None:
        """Count into one of `exposition.COUNTERS`."""
        series = self._counters.setdefault(family, {})
        key = _bounded(series, labels)
        series[key] = series.get(key, 0) + by

    def time(self, family: str, labels: Labels, seconds: Seconds) -> None:
        """Add to one of `exposition.TIMINGS`."""
        series = self._timings.setdefault(family, {})
        series.setdefault(_bounded(series, labels), Timing()).add(seconds)

    def watch(self, family: str, gauge: Gauge) -> None:
        """Ask `gauge` for one of `exposition.GAUGES` when a snapshot is taken."""
        self._gauges[family] = gauge

    def read(self, family: str, counter: Gauge) -> None:
        """Ask `counter` for one of `exposition.COUNTERS` that is kept elsewhere."""
        self._elsewhere[family] = counter

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        counts = Counter(self._requests)
        for name, each in self._forwarded.items():
            counts.update({(name, "forward", of): count for of, count in enumerate(each.by_class) if count})
        requests: dict[Labels, float] = {
            (name, decision, f"{of}xx"): count for (name, decision, of), count in counts.items()
        }
        timings: dict[str, Mapping[Labels, Timing]] = {
            "request_own_seconds": {(name,): timing for name, timing in self._own.items()},
            "upstream_seconds": {(name,): timing for name, timing in self._upstream.items()},
            **self._timings,
        }
        return Snapshot(
            counters={
                "requests": requests,
                **{name: dict(series) for name, series in self._counters.items()},
                **{name: dict(counter()) for name, counter in self._elsewhere.items()},
            },
            timings={
                name: {labels: (tuple(timing.counts), timing.total) for labels, timing in series.items()}
                for name, series in timings.items()
            },
            gauges={name: dict(gauge()) for name, gauge in self._gauges.items()},
        )


def merged(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Several processes as one: everything added up, save what each tells of all, and instants: the latest counts."""
    return Snapshot(
        counters=_merged([each.counters for each in snapshots], lambda _, values: sum(values)),
        timings=_merged([each.timings for each in snapshots], lambda _, values: _sum_of(values)),
        gauges=_merged(
            [each.gauges for each in snapshots],
            lambda family, values: max(values) if family.endswith(_TOLD_ONCE) else sum(values),
        ),
    )


def _sum_of(timings: Iterable[tuple[tuple[int, ...], float]]) -> tuple[tuple[int, ...], float]:
    counts, totals = zip(*timings, strict=True)
    return tuple(map(sum, zip(*counts, strict=True))), sum(totals)


def _merged(
    parts: Sequence[Mapping[str, Mapping[Labels, _Value]]], combine: Callable[[str, list[_Value]], _Value]
) -> dict[str, dict[Labels, _Value]]:
    families: dict[str, dict[Labels, list[_Value]]] = {}
    for part in parts:
        for family, series in part.items():
            for labels, value in series.items():
                families.setdefault(family, {}).setdefault(labels, []).append(value)
    return {
        family: {labels: combine(family, values) for labels, values in series.items()}
        for family, series in families.items()
    }


def _timing(series: dict[str, Timing], name: str) -> Timing:
    timing = series.get(name)
    if timing is None:
        timing = series[name] = Timing()
    return timing


def _bounded(series: Mapping[Labels, object], labels: Labels) -> Labels:
    if labels in series or len(series) < MOST_SERIES:
        return labels
    return (*labels[:1], *(_OTHER for _ in labels[1:])) if len(labels) > 1 else (_OTHER,)
