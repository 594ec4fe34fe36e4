"""Metrics as Prometheus reads them."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from proxy.observability.exposition import COUNTERS, GAUGES, TIMINGS, exposition
from proxy.observability.metrics import BUCKETS, Metrics

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def metrics() -> Metrics:
    """One of each."""
    made = Metrics()
    made.request("contoso", "forward", 200, 0.3, 0.02)
    made.provider_call("default", "token", "ok", 0.1)
    for family, (_, labels) in COUNTERS.items():
        made.count(family, tuple("x" for _ in labels)) if family != "requests" else None
    for family, (_, labels) in TIMINGS.items():
        if family not in ("request_own_seconds", "upstream_seconds"):
            made.time(family, tuple("x" for _ in labels), 0.5)
    for family, (_, labels) in GAUGES.items():
        made.watch(family, lambda labels=labels: {tuple("x" for _ in labels): 3.0})
    return made


@pytest.mark.parametrize(("accept", "read"), [("", read_text), (OPENMETRICS, read_openmetrics), ("*/*", read_text)])
def test_prometheus_reads_what_is_said_in_either_format(metrics, accept, read):
    body, content_type = exposition(metrics.snapshot(), accept)
    assert content_type.startswith("application/openmetrics-text" if accept == OPENMETRICS else "text/plain")
    families = {family.name: family for family in read(body.decode())}
    for name in (*COUNTERS, *TIMINGS, *GAUGES):
        assert families[f"claims_proxy_{name}"].samples, name
    (build,) = families["claims_proxy_build_info"].samples
    assert set(build.labels) == {"version", "python"}


def test_a_histogram_is_cumulative_and_whole(metrics):
    body, _ = exposition(metrics.snapshot(), "")
    (family,) = (each for each in read_text(body.decode()) if each.name == "claims_proxy_upstream_seconds")
    buckets = {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    assert [buckets[str(bound)] for bound in BUCKETS] == [float(bound >= 0.02) for bound in BUCKETS]
    assert buckets["+Inf"] == 1
    values = {sample.name.rpartition("_")[2]: sample.value for sample in family.samples}
    assert (values["sum"], values["count"]) == (0.02, 1)


def test_a_label_that_is_no_word_is_escaped():
    metrics = Metrics()
    metrics.request('a"b\\c\nd', "forward", 200, 0.1, None)
    body, _ = exposition(metrics.snapshot(), "")
    (family,) = (each for each in read_text(body.decode()) if each.name == "claims_proxy_requests")
    assert family.samples[0].labels["organization"] == 'a"b\\c\nd'


def test_the_process_that_answers_is_told_of():
    body, _ = exposition(Metrics().snapshot(), "")
    assert b"process_resident_memory_bytes " in body
