"""Metrics in the words of Prometheus. Names are public: dashboards and alerts rely on them."""

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from proxy.observability.metrics import BUCKETS, Snapshot

_PREFIX = "claims_proxy_"

COUNTERS = {
    "requests": ("Requests answered, by decision and class of status.", ("organization", "decision", "status")),
    "refusals": ("Requests and responses refused as hostile.", ("organization", "reason")),
    "sign_ins": ("Sign-ins completed.", ("organization",)),
    "sign_in_failures": ("Sign-ins that failed, by reason.", ("organization", "reason")),
    "sessions_ended": ("Sessions ended, by reason.", ("organization", "reason")),
    "store_calls": ("Questions to the store, by outcome: ok, refused, unavailable.", ("operation", "outcome")),
    "provider_calls": ("Questions to identity providers, by outcome.", ("provider", "kind", "outcome")),
    "session_cache_hits": ("Sessions found in a worker's own copies.", ()),
    "session_cache_misses": ("Sessions that the store was asked for.", ()),
    "reloads": ("Configurations offered while running: ok or refused.", ("outcome",)),
}
TIMINGS = {
    "request_own_seconds": ("Seconds of a request that were ours.", ("organization",)),
    "upstream_seconds": ("Seconds of a request that were the application's.", ("organization",)),
    "store_call_seconds": ("Seconds until the store answered.", ("operation",)),
    "provider_call_seconds": ("Seconds until an identity provider answered.", ("provider", "kind")),
}
GAUGES = {
    "sessions": ("Sessions in the store; some may have ended unseen.", ("organization",)),
    "sessions_cached": ("Sessions that workers have copies of.", ()),
    "open_streams": ("WebSockets and event streams that are open.", ()),
    "upstream_connections": ("Connections to applications.", ("upstream",)),
    "upstream_up": ("Workers that send requests to this address.", ("upstream",)),
    "workers": ("Processes that serve.", ()),
    "last_reload_timestamp_seconds": ("When a configuration was last offered.", ("outcome",)),
    "certificate_expires_timestamp_seconds": ("When the listener's certificate ends.", ()),
}


class _Of(Collector):
    """One snapshot, as a registry wants it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        return self._families()

    def _families(self) -> Iterator[Metric]:
        snapshot = self._snapshot
        build = GaugeMetricFamily(f"{_PREFIX}build_info", "What runs.", labels=("version", "python"))
        build.add_metric((version("claims-proxy"), platform.python_version()), 1)
        yield build
        for name, (words, labels) in COUNTERS.items():
            counter = CounterMetricFamily(_PREFIX + name, words, labels=labels)
            for values, count in snapshot.counters.get(name, {}).items():
                counter.add_metric(values, count)
            yield counter
        for name, (words, labels) in TIMINGS.items():
            histogram = HistogramMetricFamily(_PREFIX + name, words, labels=labels)
            for values, (counts, total) in snapshot.timings.get(name, {}).items():
                histogram.add_metric(values, _cumulative(counts), total)
            yield histogram
        for name, (words, labels) in GAUGES.items():
            gauge = GaugeMetricFamily(_PREFIX + name, words, labels=labels)
            for values, value in snapshot.gauges.get(name, {}).items():
                gauge.add_metric(values, value)
            yield gauge


def _cumulative(counts: tuple[int, ...]) -> list[tuple[str, float]]:
    so_far, buckets = 0, []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        so_far += count
        buckets.append((bound, float(so_far)))
    return buckets


def exposition(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """(body, content type) in the format that `accept` asks for: Prometheus's text, or OpenMetrics.

    What is said of the process (memory, CPU, files) is of the one that answers.
    """
    registry = CollectorRegistry()
    registry.register(_Of(snapshot))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
