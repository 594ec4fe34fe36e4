"""What wrk tells, and what is made of it."""

import pytest

from benchmark.load import Run, median, parse, ratio, rounds

REPORT = """Running 5s test @ http://127.0.0.1:9400/main.aspx
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.04ms    1.19ms  28.23ms   88.13%
    Req/Sec    15.75k   702.69    17.11k    68.63%
  Latency Distribution
     50%  812.00us
     75%    2.43ms
     90%    3.16ms
     99%    1.20s
  79924 requests in 5.10s, 166.60MB read
Requests/sec:  15671.31
Transfer/sec:     32.67MB
"""


def run_of(rate: float) -> Run:
    return Run(rate=rate, transfer=0.0, p50=0.0, p99=0.0, requests=0, failures=0)


def test_rates_and_latencies_are_read_in_seconds_and_bytes():
    run = parse(REPORT)
    assert run.rate == 15671.31
    assert run.transfer == 32.67 * 1024**2
    assert run.p50 == pytest.approx(0.000812)
    assert run.p99 == 1.2
    assert run.requests == 79924
    assert run.failures == 0


def test_bad_answers_and_broken_connections_are_failures():
    more = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 7\nRequests/sec:"
    assert parse(REPORT.replace("Requests/sec:", more)).failures == 17


@pytest.mark.parametrize("line", ["Requests/sec:", "Transfer/sec:", "99%", "requests in"])
def test_a_report_that_lacks_a_figure_is_refused(line):
    lines = [each for each in REPORT.splitlines() if line not in each]
    with pytest.raises(ValueError, match="wrk told no figures"):
        parse("\n".join(lines))


def test_subjects_take_turns_within_each_round():
    asked = []

    def measure(name: str) -> Run:
        asked.append(name)
        return run_of(len(asked))

    found = rounds(2, ["one", "other"], measure)
    assert asked == ["one", "other", "one", "other"]
    assert [run.rate for run in found["other"]] == [2, 4]


def test_a_figure_is_the_median_of_the_rounds():
    assert median([run_of(1), run_of(100), run_of(3)], "rate") == 3


def test_a_ratio_is_that_of_the_same_round():
    # The machine was slow in the last round, for both.
    assert ratio([run_of(300), run_of(310), run_of(30)], [run_of(100), run_of(100), run_of(10)]) == 3
