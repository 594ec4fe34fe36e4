"""What is counted, and what several processes make of it."""

import pickle

import pytest

from proxy.observability import metrics as counting
from proxy.observability.audit import AuditEvent
from proxy.observability.metrics import BUCKETS, Metrics, merged


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_a_request_is_counted_by_organization_decision_and_class_of_status(metrics):
    for status in (200, 204, 502):
        metrics.request("contoso", "forward", status, 0.2, 0.1)
    assert metrics.snapshot().counters["requests"] == {
        ("contoso", "forward", "2xx"): 2,
        ("contoso", "forward", "5xx"): 1,
    }


def test_own_and_upstream_time_are_apart(metrics):
    metrics.request("contoso", "forward", 200, 0.34, 0.25)
    timings = metrics.snapshot().timings
    (own, own_seconds), (upstream, upstream_seconds) = (
        timings[name]["contoso",] for name in ("request_own_seconds", "upstream_seconds")
    )
    assert (own_seconds, upstream_seconds) == (pytest.approx(0.09), 0.25)
    assert own.index(1) == BUCKETS.index(0.1)
    assert upstream.index(1) == BUCKETS.index(0.25)  # an instant at a bound belongs to it, as `le` says


def test_a_request_that_went_to_no_upstream_is_ours_alone(metrics):
    metrics.request("contoso", "signin", 302, 0.002, None)
    timings = metrics.snapshot().timings
    assert timings["upstream_seconds"] == {}
    assert sum(timings["request_own_seconds"]["contoso",][0]) == 1


def test_what_takes_longer_than_every_bound_is_counted_too(metrics):
    metrics.request("contoso", "forward", 200, 100.0, 99.0)
    assert metrics.snapshot().timings["upstream_seconds"]["contoso",][0][-1] == 1


@pytest.mark.parametrize(
    ("event", "family", "labels"),
    [
        (AuditEvent.SIGNED_IN, "sign_ins", ("contoso",)),
        (AuditEvent.SIGN_IN_REFUSED, "sign_in_failures", ("contoso", "why")),
        (AuditEvent.SIGNED_OUT, "sessions_ended", ("contoso", "signed_out")),
        (AuditEvent.SESSION_EXPIRED, "sessions_ended", ("contoso", "why")),
        (AuditEvent.SESSION_REVOKED, "sessions_ended", ("contoso", "revoked")),
        (AuditEvent.REFRESH_REFUSED, "sessions_ended", ("contoso", "why")),
        (AuditEvent.REFUSED, "refusals", ("contoso", "why")),
    ],
)
def test_each_audit_event_is_counted(metrics, event, family, labels):
    metrics.audited(event, "contoso", "why")
    assert metrics.snapshot().counters[family] == {labels: 1}


def test_no_family_grows_without_bound(metrics, monkeypatch):
    monkeypatch.setattr(counting, "MOST_SERIES", 3)
    for number in range(10):
        metrics.audited(AuditEvent.REFUSED, "contoso", f"reason {number}")
    series = metrics.snapshot().counters["refusals"]
    assert len(series) == 4
    assert series["contoso", "other"] == 7
    metrics.audited(AuditEvent.REFUSED, "contoso", "reason 1")
    assert metrics.snapshot().counters["refusals"]["contoso", "reason 1"] == 2


def test_gauges_and_counters_kept_elsewhere_are_read_when_asked_for(metrics):
    values = iter((1, 2))
    metrics.watch("open_streams", lambda: {(): next(values)})
    metrics.read("session_cache_hits", lambda: {(): 7})
    assert metrics.snapshot().gauges["open_streams"] == {(): 1}
    again = metrics.snapshot()
    assert again.gauges["open_streams"] == {(): 2}
    assert again.counters["session_cache_hits"] == {(): 7}


def test_the_last_reload_alone_has_an_instant(metrics):
    metrics.reloaded("ok", 100.0)
    metrics.reloaded("refused", 200.0)
    snapshot = metrics.snapshot()
    assert snapshot.counters["reloads"] == {("ok",): 1, ("refused",): 1}
    assert snapshot.gauges["last_reload_timestamp_seconds"] == {("refused",): 200.0}


def test_processes_are_added_up_save_what_each_tells_of_all():
    def one(streams: int, expires: float):
        metrics = Metrics()
        metrics.request("contoso", "forward", 200, 0.3, 0.2)
        metrics.store_call("hmget", "ok", 0.001)
        metrics.watch("open_streams", lambda: {(): streams})
        metrics.watch("sessions", lambda: {("contoso",): 40})
        metrics.watch("certificate_expires_timestamp_seconds", lambda: {(): expires})
        return pickle.loads(pickle.dumps(metrics.snapshot()))

    whole = merged((one(1, 500.0), one(2, 900.0)))
    assert whole.counters["requests"] == {("contoso", "forward", "2xx"): 2}
    counts, seconds = whole.timings["store_call_seconds"]["hmget",]
    assert (sum(counts), seconds) == (2, 0.002)
    assert whole.gauges == {
        "open_streams": {(): 3},
        "sessions": {("contoso",): 40},
        "certificate_expires_timestamp_seconds": {(): 900.0},
    }
