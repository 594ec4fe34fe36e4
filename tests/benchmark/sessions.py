"""What a session costs: sign-ins, memory here and in Redis, Redis commands, many of them at once, cores."""

import asyncio
import itertools
import subprocess
import sys
import time
from pathlib import Path

import redis

from benchmark.load import median, ratio
from benchmark.peers import OTHER_CORE, PAGE_BYTES, SUBJECT_CORE, TESTS, Process, Subject
from benchmark.report import Aim, Section, shown
from benchmark.scenarios import OURS, PAGE, Bench
from support.browser import Browser

BROWSERS, CLIENTS = 8, 32
COMMANDS_OF_OURS = ("cmdstat_info", "cmdstat_hello", "cmdstat_dbsize", "cmdstat_memory")


def sign_ins(bench: Bench) -> Section:
    """The whole flow: refused page, provider's form, callback, token and its checks, session, page."""
    subject = bench.subjects[OURS]
    seconds = 2 * bench.seconds
    before = subject.process.cpu_seconds()
    count = asyncio.run(_sign_ins(subject, seconds))
    used = (subject.process.cpu_seconds() - before) / count
    return Section(
        "Sign-ins",
        f"The whole OpenID Connect flow against the AD FS double, {BROWSERS} browsers at a time, each with a fresh "
        "profile: four to five requests, three of them at the proxy. Browsers and AD FS double are Python and share "
        "one core, which bounds the first figure; the second is the proxy's own processor time.",
        ("what", "figure"),
        [
            ("sign-ins a second, finished", shown(count / seconds)),
            ("the proxy's processor time for each", f"{shown(used * 1000)} ms"),
            ("sign-ins a second that one core has room for", shown(1 / used)),
        ],
    )


async def _sign_ins(subject: Subject, seconds: float) -> int:
    end, people = time.monotonic() + seconds, itertools.cycle(("alice", "bob", "admin"))

    async def again_and_again() -> int:
        count = 0
        while time.monotonic() < end:
            async with Browser() as browser:
                page = await browser.sign_in(subject.url(PAGE), next(people))
            assert page.status == 200
            assert page.url.port == subject.port
            count += 1
        return count

    return sum(await asyncio.gather(*(again_and_again() for _ in range(BROWSERS))))


def many(bench: Bench) -> Section:
    """One session against very many: rates, Redis commands, bytes."""
    stage, count = bench.stage, bench.sessions
    store = redis.Redis(port=stage.redis)
    subject = stage.claims_proxy(stage.upstream)
    subject.sign_in()
    name, one = "claims-session", stage.folder / "one.txt"
    one.write_text(subject.cookie + "\n")
    # A worker trusts its copies once its first heartbeat through Redis has come back.
    bench.load(subject, PAGE, seconds=3)

    # All rounds with one session come first: what many sessions have pending would go on beside them.
    sent = _commands(store)
    alone = [bench.load(subject, PAGE, script=["sessions.lua", str(one), "page"]) for _ in range(bench.rounds)]
    per_request = (_commands(store) - sent) / sum(run.requests for run in alone)

    held, keys = store.info("memory")["used_memory"], store.dbsize()
    cookies = _fill(bench, subject, name)
    in_redis = (store.info("memory")["used_memory"] - held) / count
    record = next(key for key in store.scan_iter("claims:*:session:*", count=1000))
    record_bytes, keys_each = store.memory_usage(record), (store.dbsize() - keys) / count

    before = subject.process.memory("VmRSS")
    first = asyncio.run(_ask_for_all(subject, cookies.read_text().splitlines()))
    here = (subject.process.memory("VmRSS") - before) / count

    all_of_them = [
        bench.load(subject, PAGE, script=["sessions.lua", str(cookies), "page"]) for _ in range(bench.rounds)
    ]
    sent = _commands(store)
    clicking = [bench.load(subject, PAGE, script=["sessions.lua", str(cookies)]) for _ in range(bench.rounds)]
    per_click = (_commands(store) - sent) / sum(run.requests for run in clicking)
    stage.end(subject)
    kept = median(all_of_them, "rate") / median(alone, "rate")
    return Section(
        "Sessions",
        f"{count:,} sessions of people with ten claims each, written as a sign-in writes them, then all of them in "
        "use through one worker. All rates come from the same script of wrk, which sends another Cookie line with each "
        "request (of the one session beside a changing cookie of the application), as a page's own calls or as clicks. "
        "A click is activity and is written to Redis, at most every five seconds for one session: where every request "
        "is the click of another person, each costs a script, of which Redis counts each command.",
        ("what", "figure"),
        [
            ("requests/s, one session", shown(median(alone, "rate"))),
            (f"requests/s, {count:,} sessions in use", shown(median(all_of_them, "rate"))),
            ("ratio", shown(kept)),
            ("requests/s while every session is asked of Redis for the first time", shown(first)),
            ("Redis commands per request, one session", shown(per_request)),
            (f"requests/s, {count:,} people who each click once every few seconds", shown(median(clicking, "rate"))),
            ("Redis commands per such click", shown(per_click)),
            ("memory of the worker per session it serves", f"{shown(here)} bytes"),
            ("memory of Redis per session, with all its indexes", f"{shown(in_redis)} bytes, {shown(keys_each)} keys"),
            ("of these the session's own record (MEMORY USAGE)", f"{record_bytes} bytes"),
        ],
        aims=[
            Aim("Redis commands per request, steady state", per_request, 0.02, at_most=True),
            Aim(f"requests/s with {count:,} sessions in use, against one", kept, 0.85),
            Aim("bytes of a worker's memory per session it serves", here, 2048, at_most=True),
        ],
    )


def _fill(bench: Bench, subject: Subject, name: str) -> Path:
    """Make the sessions, on both cores while nothing else is measured; the file of their cookies."""
    folder, config = bench.stage.folder, subject.process.popen.args[-1]
    middle = bench.sessions // 2
    halves = ((SUBJECT_CORE, 0, middle), (OTHER_CORE, middle, bench.sessions))
    program, running, files = [sys.executable, "-m", "benchmark.many_sessions"], [], []
    for core, first, end in halves:
        files.append(folder / f"cookies-{core}.txt")
        command = [*program, config, str(first), str(end), name, str(files[-1])]
        running.append(Process(command, folder / f"many-{core}.log", core=core))
    try:
        for process in running:
            if process.popen.wait(300):
                raise RuntimeError(process.log.read_text())
    finally:
        for process in running:
            process.stop()
    cookies = folder / "cookies.txt"
    cookies.write_text("".join(file.read_text() for file in files))
    return cookies


async def _ask_for_all(subject: Subject, cookies: list[str]) -> float:
    """One request of each session; how many a second."""
    waiting = iter(cookies)

    async def one_client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", subject.port)
        for cookie in waiting:
            head = f"GET {PAGE} HTTP/1.1\r\nHost: 127.0.0.1:{subject.port}\r\nCookie: {cookie}\r\n\r\n"
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            await reader.readexactly(PAGE_BYTES)
        writer.close()
        await writer.wait_closed()

    began = time.monotonic()
    await asyncio.gather(*(one_client() for _ in range(CLIENTS)))
    return len(cookies) / (time.monotonic() - began)


def _commands(store: redis.Redis) -> int:
    """Commands that Redis has run for others than this program."""
    stats = store.info("commandstats")
    return sum(values["calls"] for name, values in stats.items() if name.partition("|")[0] not in COMMANDS_OF_OURS)


def decide(_: Bench) -> Section:
    command = ["taskset", "-c", SUBJECT_CORE, sys.executable, "-m", "benchmark.one_decision"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=TESTS)
    microseconds = float(done.stdout) * 1e6
    return Section(
        "The decision alone",
        "`policy.decide` for a signed-in navigation with a session limit and an inactivity limit in force.",
        ("what", "figure"),
        [("one decision", f"{shown(microseconds)} µs")],
        aims=[Aim("`policy.decide`", microseconds, 2.0, " µs", at_most=True)],
    )


def workers(bench: Bench) -> Section:
    """Two workers on all cores against one. With two cores, the load and the application take their share of both."""
    stage, cores = bench.stage, f"{SUBJECT_CORE},{OTHER_CORE}"
    found: dict[int, list] = {1: [], 2: []}
    subjects = {count: stage.claims_proxy(stage.upstream, workers=count, core=cores) for count in found}
    for subject in subjects.values():
        subject.sign_in()
        bench.load(subject, PAGE, seconds=1, connections=64)
    for _ in range(bench.rounds):
        for count, subject in subjects.items():
            found[count].append(bench.load(subject, PAGE, connections=64))
    for subject in subjects.values():
        stage.end(subject)
    gain = ratio(found[2], found[1])
    return Section(
        "Two workers",
        "The small page over 64 connections with `workers: 1` and `workers: 2`, both free to use cores 0 and 1. On a "
        "machine of two cores, wrk and the application need most of one core themselves, so what is missing to twice "
        "the rate is theirs; with cores to spare for them it is not.",
        ("workers", "requests/s", "ratio"),
        [(str(count), shown(median(runs, "rate")), shown(ratio(runs, found[1]))) for count, runs in found.items()],
        aims=[Aim("two workers against one, on the cores that there are", gain, 1.1)],
    )
