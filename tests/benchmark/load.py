"""Load: wrk's runs and what they tell."""

import os
import re
import resource
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmark.peers import HERE, OTHER_CORE

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
HEADERS = {"User-Agent": AGENT, "Accept": "text/html,application/xhtml+xml", "Accept-Language": "en-US,en;q=0.9"}
_TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_SIZES = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of wrk told: requests and bytes a second, latencies in seconds, and how many went wrong."""

    rate: float
    transfer: float
    p50: float
    p99: float
    requests: int
    failures: int


def parse(output: str) -> Run:
    """wrk's report, with `--latency`. Raises ValueError where it is none."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    transfer = re.search(r"Transfer/sec:\s+([\d.]+)(B|KB|MB|GB)", output)
    count = re.search(r"(\d+) requests in ", output)
    quantiles = {int(name): float(number) * _TIMES[unit] for name, number, unit in _quantiles(output)}
    if not (rate and transfer and count and {50, 99} <= quantiles.keys()):
        raise ValueError(f"wrk told no figures:\n{output}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    failures = (int(bad[1]) if bad else 0) + (sum(map(int, errors.groups())) if errors else 0)
    moved = float(transfer[1]) * _SIZES[transfer[2]]
    return Run(float(rate[1]), moved, quantiles[50], quantiles[99], int(count[1]), failures)


def _quantiles(output: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^\s+(50|75|90|99)%\s+([\d.]+)(us|ms|s|m)\b", output, re.MULTILINE)


def wrk(
    url: str,
    *,
    cookie: str = "",
    connections: int = 32,
    seconds: float,
    script: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Run:
    """One run on the generator's core. `script`: a Lua file beside this one, and what it is given."""
    headers = {**HEADERS, **(headers or {}), **({"Cookie": cookie} if cookie else {})}
    command = ["taskset", "-c", OTHER_CORE, "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    command += ["--latency", "--timeout", "30s"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command += ["-s", str(HERE / script[0])] if script else []
    command += [url, *(["--", *script[1:]] if script else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 90)
    return parse(done.stdout + done.stderr)


def paced(url: str, rate: float, *, cookie: str, seconds: float) -> Run:
    """A load of about that many requests a second: many connections, each of which waits between its requests.

    Enough of them that each waits for long against the millisecond that is the grain of wrk's clock.
    """
    connections = max(32, min(512, round(rate / 50)))
    mean = 1000 * connections / rate
    return wrk(url, cookie=cookie, connections=connections, seconds=seconds, script=["paced.lua", f"{mean:.3f}"])


def rounds(count: int, subjects: Sequence[str], measure: Callable[[str], Run]) -> dict[str, list[Run]]:
    """`count` rounds; within each every subject has its turn, so that what disturbs the machine meets all."""
    found: dict[str, list[Run]] = {name: [] for name in subjects}
    for _ in range(count):
        for name in subjects:
            found[name].append(measure(name))
    return found


def median(runs: Sequence[Run], field: str) -> float:
    return statistics.median(getattr(run, field) for run in runs)


def ratio(runs: Sequence[Run], base: Sequence[Run], field: str = "rate") -> float:
    """The median of the ratios within each round."""
    return statistics.median(getattr(one, field) / getattr(other, field) for one, other in zip(runs, base, strict=True))


def raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))


def pin(core: str) -> None:
    """This process from here on."""
    os.sched_setaffinity(0, {int(each) for each in core.split(",")})
