"""Requests through every subject, side by side: small pages, larger ones, paced loads, idle clients, WebSockets."""

import contextlib
import socket
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from benchmark import websocket
from benchmark.load import Run, median, paced, ratio, rounds, wrk
from benchmark.peers import LARGE_BYTES, OTHER_CORE, Process, Stage, Subject, wait_for
from benchmark.report import Aim, Section, mebibytes, milliseconds, shown
from support.ports import free_port

OURS, FULL, CADDY, HAPROXY, OPENIDC = (
    "claims-proxy",
    "claims-proxy, full lane alone",
    "Caddy",
    "HAProxy",
    "Apache, mod_auth_openidc",
)
PAGE, MEDIUM, LARGE = "/main.aspx", "/medium.bin", "/large.bin"
IDLE = 1000


@dataclass
class Bench:
    """What a scenario measures with. `seconds` of each load, `rounds` of each comparison, `sessions` where many are."""

    stage: Stage
    seconds: int = 4
    rounds: int = 3
    sessions: int = 100_000
    failures: dict[str, int] = field(default_factory=dict)
    saturated: dict[str, float] = field(default_factory=dict)

    @cached_property
    def subjects(self) -> dict[str, Subject]:
        found = {subject.name: subject for subject in self.stage.all()}
        for subject in found.values():
            self.load(subject, PAGE, seconds=1)
        return found

    def load(self, subject: Subject, path: str, *, seconds: float | None = None, **more) -> Run:
        """One run of wrk; answers other than 2xx and 3xx are kept count of."""
        run = wrk(subject.url(path), cookie=subject.cookie, seconds=seconds or self.seconds, **more)
        self.failures[subject.name] = self.failures.get(subject.name, 0) + run.failures
        return run

    def compare(self, measure: Callable[[Subject], Run]) -> dict[str, list[Run]]:
        return rounds(self.rounds, list(self.subjects), lambda name: measure(self.subjects[name]))


def small(bench: Bench) -> Section:
    """2 KB, 32 connections that stay open, as fast as it goes."""
    found = bench.compare(lambda subject: bench.load(subject, PAGE))
    base = found[CADDY]
    order = sorted(found, key=lambda name: -median(found[name], "rate"))
    bench.saturated = {name: median(found[name], "rate") for name in found}
    peaks = {name: bench.subjects[name].process.memory("VmHWM") for name in found}
    return Section(
        "A small page",
        "A page of 2 KB over 32 connections that stay open, for somebody who is signed in where there is a sign-in.",
        ("subject", "requests/s", "x Caddy", "p50", "p99", "peak memory"),
        [
            (
                name,
                shown(median(found[name], "rate")),
                shown(ratio(found[name], base)),
                milliseconds(median(found[name], "p50")),
                milliseconds(median(found[name], "p99")),
                mebibytes(peaks[name]),
            )
            for name in order
        ],
        aims=[
            Aim("2 KB page, x Caddy (which has no sign-in)", ratio(found[OURS], base), 3.0),
            Aim("2 KB page, x Apache with mod_auth_openidc", ratio(found[OURS], found[OPENIDC]), 12.0),
            Aim("2 KB page, x HAProxy (which has no sign-in)", ratio(found[OURS], found[HAPROXY]), 0.5),
        ],
        bars=[(name, median(found[name], "rate")) for name in order],
    )


def latency(bench: Bench) -> Section:
    """Each at half of what it can do, and each at half of what Caddy can do."""
    if not bench.saturated:
        small(bench)
    caddy = bench.saturated[CADDY] / 2

    def at(rate: Callable[[str], float]) -> dict[str, list[Run]]:
        return bench.compare(
            lambda subject: paced(
                subject.url(PAGE), rate(subject.name), cookie=subject.cookie, seconds=max(2, bench.seconds - 1)
            )
        )

    own, same = at(lambda name: bench.saturated[name] / 2), at(lambda name: min(caddy, bench.saturated[name] / 2))
    rows = []
    for name in own:
        cells = [name]
        for found in (own[name], same[name]):
            cells += [shown(median(found, "rate")), *(milliseconds(median(found, each)) for each in ("p50", "p99"))]
        rows.append(tuple(cells))
    p99 = {name: median(own[name], "p99") * 1000 for name in own}
    return Section(
        "Latency at half load",
        "The small page again, each connection waiting at random between its requests: each subject at about half of "
        "its own highest rate, then at half of Caddy's (or of its own, where that is lower).",
        ("subject", "requests/s", "p50", "p99", "at half of Caddy's: requests/s", "p50", "p99"),
        rows,
        aims=[Aim("p99 at half load, against Caddy's at half of its own", p99[OURS], p99[CADDY], " ms", at_most=True)],
    )


def medium(bench: Bench) -> Section:
    found = bench.compare(lambda subject: bench.load(subject, MEDIUM))
    return Section(
        "64 KiB",
        "A file of 64 KiB over 32 connections.",
        ("subject", "requests/s", "throughput", "x Caddy", "p99"),
        [
            (
                name,
                shown(median(runs, "rate")),
                f"{mebibytes(median(runs, 'transfer'))}/s",
                shown(ratio(runs, found[CADDY])),
                milliseconds(median(runs, "p99")),
            )
            for name, runs in found.items()
        ],
    )


def large(bench: Bench) -> Section:
    """Throughput of large bodies both ways, and what they do to memory."""
    growth = {}

    def body(path: str, **more) -> dict[str, list[Run]]:
        def measure(subject: Subject) -> Run:
            subject.process.forget_peak()
            before = subject.process.memory("VmRSS")
            run = bench.load(subject, path, connections=2, seconds=max(2, bench.seconds - 1), **more)
            growth[subject.name] = max(growth.get(subject.name, 0), subject.process.memory("VmHWM") - before)
            return run

        return bench.compare(measure)

    down, up = body(LARGE), body("/uploads/large.bin", script=["upload.lua", str(LARGE_BYTES)])
    return Section(
        "64 MiB, down and up",
        "A file of 64 MiB over 2 connections at once; the upload is written by the application to memory. «Memory» is "
        "how far the subject's peak rose above where it stood before, with two such bodies under way.",
        ("subject", "down", "x Caddy", "up", "x Caddy", "memory"),
        [
            (
                name,
                f"{mebibytes(median(down[name], 'transfer'))}/s",
                shown(ratio(down[name], down[CADDY], "transfer")),
                f"{mebibytes(median(up[name], 'rate') * LARGE_BYTES)}/s",
                shown(ratio(up[name], up[CADDY])),
                f"+{mebibytes(growth[name])}",
            )
            for name in down
        ],
        aims=[
            Aim("64 MiB down, x Caddy", ratio(down[OURS], down[CADDY], "transfer"), 0.8),
            Aim("64 MiB up, x Caddy", ratio(up[OURS], up[CADDY]), 0.8),
            Aim("64 MiB, memory's growth", growth[OURS] / 2**20, 16.0, " MiB", at_most=True),
        ],
    )


def idle(bench: Bench) -> Section:
    """The small page beside clients that keep their connections and ask for nothing."""
    names = [name for name in (OURS, HAPROXY, CADDY) if name in bench.subjects]
    alone: dict[str, list[Run]] = {name: [] for name in names}
    beside: dict[str, list[Run]] = {name: [] for name in names}
    memory: dict[str, float] = {}
    for _ in range(bench.rounds):
        for name in names:
            subject = bench.subjects[name]
            alone[name].append(bench.load(subject, PAGE))
            before = subject.process.memory("VmRSS")
            with contextlib.ExitStack() as stack:
                held = [stack.enter_context(_idle_client(subject)) for _ in range(IDLE)]
                memory[name] = max(memory.get(name, 0.0), (subject.process.memory("VmRSS") - before) / IDLE)
                beside[name].append(bench.load(subject, PAGE))
                for client in held:
                    _ask(client, subject)
    kept = {name: ratio(beside[name], alone[name]) for name in names}
    return Section(
        "1,000 idle connections",
        "The small page with 1,000 further connections that stay open beside the load; all of them still answer "
        "afterwards.",
        ("subject", "requests/s alone", "requests/s beside them", "ratio", "memory for each"),
        [
            (
                name,
                shown(median(alone[name], "rate")),
                shown(median(beside[name], "rate")),
                shown(kept[name]),
                f"{shown(memory[name] / 1024)} KiB",
            )
            for name in names
        ],
        aims=[Aim("requests/s beside 1,000 idle connections, against without", kept[OURS], 0.9)],
    )


def _idle_client(subject: Subject) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", subject.port), timeout=10)
    _ask(client, subject)
    return client


def _ask(client: socket.socket, subject: Subject) -> None:
    """One small page over this connection. Raises RuntimeError where it is gone."""
    cookie = f"Cookie: {subject.cookie}\r\n" if subject.cookie else ""
    client.sendall(f"GET {PAGE} HTTP/1.1\r\nHost: 127.0.0.1:{subject.port}\r\n{cookie}\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < 2048:
        piece = client.recv(65536)
        if not piece:
            raise RuntimeError(f"{subject.name} closed an idle connection")
        received += piece
    if b" 200 " not in received[:20]:
        raise RuntimeError(f"{subject.name} answered an idle connection with {received[:60]!r}")


def echo(bench: Bench) -> Section:
    """WebSocket messages there and back, through subjects of their own in front of an echo."""
    stage, port = bench.stage, free_port()
    upstream = Process(
        [sys.executable, "-m", "benchmark.websocket", str(port)], stage.folder / "echo.log", core=OTHER_CORE
    )
    stage.running.append(upstream)
    wait_for(upstream, port)
    page_less = [stage.haproxy(port), stage.nginx(port), stage.caddy(port)]
    ours = stage.claims_proxy(port)
    ours.sign_in(path="/echo")
    subjects = {subject.name: subject for subject in (*page_less, ours)}
    straight = Subject("no proxy", port, upstream)
    many, one = {}, {}
    try:
        for _ in range(bench.rounds):
            for name, subject in {straight.name: straight, **subjects}.items():
                for found, count in ((many, 32), (one, 1)):
                    run = websocket.measure(subject.port, subject.cookie, connections=count, seconds=bench.seconds / 2)
                    found.setdefault(name, []).append(run)
    finally:
        for subject in subjects.values():
            stage.end(subject)
    return Section(
        "WebSocket",
        f"Messages of {websocket.MESSAGE_BYTES} bytes echoed, each connection with one under way: messages a second "
        "over 32 connections, and the round trip of a single one. Both ends share one core and are Python, so «no "
        "proxy» is the most that can be seen.",
        ("subject", "messages/s", "x Caddy", "round trip p50", "round trip p99"),
        [
            (
                name,
                shown(median(many[name], "rate")),
                shown(ratio(many[name], many[CADDY])),
                milliseconds(statistics.median(run.p50 for run in one[name])),
                milliseconds(statistics.median(run.p99 for run in one[name])),
            )
            for name in many
        ],
    )


def start(bench: Bench) -> Section:
    """From the start of the process to the first answer."""
    stage = bench.stage
    makers = {HAPROXY: stage.haproxy, "nginx": stage.nginx, CADDY: stage.caddy, OURS: stage.claims_proxy}
    taken: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(bench.rounds):
        for name, make in makers.items():
            began = time.monotonic()
            subject = make(stage.upstream)
            taken[name].append(time.monotonic() - began)
            stage.end(subject)
    middle = {name: statistics.median(each) for name, each in taken.items()}
    return Section(
        "Cold start",
        "From the start of the process to its first answer.",
        ("subject", "time"),
        [(name, f"{shown(seconds)} s") for name, seconds in middle.items()],
    )
