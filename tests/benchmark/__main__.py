"""Measures this proxy and its peers side by side; without options it writes docs/performance.md.

usage: python -m benchmark [--only SCENARIO[,SCENARIO]] [--rounds N] [--seconds N] [--sessions N]
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from benchmark import injection, report, scenarios, sessions
from benchmark.load import pin, raise_file_limit
from benchmark.peers import OTHER_CORE, TESTS, Stage, missing

SCENARIOS: dict[str, Callable[[scenarios.Bench], report.Section]] = {
    "small": scenarios.small,
    "latency": scenarios.latency,
    "injection": injection.injection,
    "medium": scenarios.medium,
    "large": scenarios.large,
    "idle": scenarios.idle,
    "websocket": scenarios.echo,
    "signin": sessions.sign_ins,
    "start": scenarios.start,
    "sessions": sessions.many,
    "decide": sessions.decide,
    "workers": sessions.workers,
}
DOCS = TESTS.parent / "docs"


def main() -> int:
    asked = _arguments()
    chosen = asked.only.split(",") if asked.only else list(SCENARIOS)
    if unknown := [name for name in chosen if name not in SCENARIOS]:
        return _complain(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    if packages := missing():
        return _complain(f"missing: apt-get install --no-install-recommends {' '.join(packages)}")
    if len(os.sched_getaffinity(0)) < 2:
        return _complain("two cores are needed: one for the subject, one for the load")
    pin(OTHER_CORE)
    raise_file_limit()
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="claims-proxy-bench-", dir=_memory()))
    bench = scenarios.Bench(Stage(folder), asked.seconds, asked.rounds, asked.sessions)
    try:
        bench.stage.start()
        found = [_measured(name, bench) for name in chosen]
    finally:
        bench.stage.stop()
        shutil.rmtree(folder, ignore_errors=True)
    facts = [*_facts(), ("duration", f"{(time.monotonic() - began) / 60:.1f} minutes")]
    print(report.table(("what", "measured on"), facts), report.aims(found), sep="\n\n", end="\n\n")
    if bad := {name: count for name, count in bench.failures.items() if count}:
        return _complain(f"answers other than 2xx, and broken connections: {bad}; nothing is written")
    if asked == _arguments([]):
        report.write(DOCS / "performance.md", DOCS / "images" / "performance.svg", facts, found)
        print(f"written: {DOCS / 'performance.md'}")
    return 0


def _arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmark")
    parser.add_argument("--only", default="", help=f"scenarios, separated by commas: {', '.join(SCENARIOS)}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each comparison, 3")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of each load, 4")
    parser.add_argument("--sessions", type=int, default=100_000, help="sessions where there are many, 100,000")
    return parser.parse_args(words)


def _measured(name: str, bench: scenarios.Bench) -> report.Section:
    began = time.monotonic()
    one = SCENARIOS[name](bench)
    print(report.section(one), f"({name}: {time.monotonic() - began:.0f} s)", sep="\n", end="\n\n", flush=True)
    return one


def _complain(words: str) -> int:
    print(words, file=sys.stderr)
    return 1


def _memory() -> str | None:
    """A folder in memory, where there is one, so that no disk is measured."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _facts() -> list[tuple[str, str]]:
    """The machine and the versions of all that took part."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    distribution = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    libraries = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "uvloop", "httptools", "redis"))
    return [
        ("machine", f"{os.cpu_count()} cores, {cpu[1] if cpu else platform.machine()}"),
        ("system", f"{distribution}, Linux {platform.release()}"),
        ("claims-proxy", f"{version('claims-proxy')}, Python {platform.python_version()}, {libraries}"),
        *((name, _version(command)) for name, command in _VERSIONS.items()),
    ]


_VERSIONS = {
    "HAProxy": ["haproxy", "-v"],
    "nginx": ["nginx", "-v"],
    "Caddy": ["caddy", "version"],
    "Apache": ["apache2", "-v"],
    "mod_auth_openidc": ["dpkg-query", "-W", "-f", "${Version}", "libapache2-mod-auth-openidc"],
    "Redis": ["redis-server", "--version"],
    "wrk": ["wrk", "-v"],
}


def _version(command: list[str]) -> str:
    """The first thing in a program's answer that looks like a version."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return "?"
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return found[0] if found else "?"


if __name__ == "__main__":
    sys.exit(main())
