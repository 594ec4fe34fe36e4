"""What a session costs: sign-ins, memory here and in Redis, Redis commands, many of them at once, cores."""

import asyncio
import itertools
import subprocess
import sys
import time

import redis

from benchmark.load import median, ratio
from benchmark.peers import OTHER_CORE, SUBJECT_CORE, TESTS, Subject
from benchmark.report import Aim, Section, shown
from benchmark.scenarios import OURS, PAGE, Bench
from support.browser import Browser

BROWSERS = 8
COMMANDS_OF_OURS = ("cmdstat_info", "cmdstat_hello", "cmdstat_dbsize", "cmdstat_memory")
_DECIDE = """
import timeit
from proxy.model.organization import Organization
from proxy.model.principal import Principal
from proxy.model.request import RequestFacts, RequestKind
from proxy.model.session import Live, Session, SessionReference
from proxy.model.settings import TimeRules
from proxy.policy.decide import decide
now = 1_790_000_000.0
organization = Organization(name="contoso", id="7a1f0a6e-0000-4000-8000-000000000001", hosts=("crm.contoso.com",),
                            upstream="http://upstream:80")
session = Session(reference=SessionReference("tag", "hash"), organization="contoso", signed_in_at=now,
                  principal=Principal(key="default|S-1-5-21-1", name="Alice", groups=("Sales",)),
                  token_end=now + 3600, last_activity=now)
facts = RequestFacts(method="GET", target="/main.aspx", path="/main.aspx", scheme="https", host="crm.contoso.com",
                     authority="crm.contoso.com", client_address="203.0.113.9", kind=RequestKind.NAVIGATION,
                     user_caused=True)
rules = TimeRules(session_length=28800.0, inactivity=1800.0)
live = Live(session, from_store=False)
print(min(timeit.repeat(lambda: decide(facts, organization, live, rules, now + 60), number=100_000, repeat=5)) / 1e5)
"""


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
    name, one = subject.cookie.partition("=")[0], stage.folder / "one.txt"
    one.write_text(subject.cookie + "\n")
    bench.load(subject, PAGE, seconds=1)

    held, keys = store.info("memory")["used_memory"], store.dbsize()
    cookies = _fill(bench, subject, name)
    in_redis = (store.info("memory")["used_memory"] - held) / count
    record = next(key for key in store.scan_iter("claims:*:session:*", count=1000))
    record_bytes, keys_each = store.memory_usage(record), (store.dbsize() - keys) / count

    before = subject.process.memory("VmRSS")
    began = time.monotonic()
    asked = _ask_for_all(bench, subject, str(cookies))
    first = asked / (time.monotonic() - began)
    here = (subject.process.memory("VmRSS") - before) / count

    rates: dict[str, list] = {"one": [], "all": []}
    commands = []
    for _ in range(bench.rounds):
        for kind, file in (("one", one), ("all", cookies)):
            sent = _commands(store)
            run = bench.load(subject, PAGE, script=["sessions.lua", str(file)])
            if kind == "one":
                commands.append((_commands(store) - sent) / run.requests)
            rates[kind].append(run)
    stage.end(subject)
    kept, per_request = ratio(rates["all"], rates["one"]), sorted(commands)[len(commands) // 2]
    return Section(
        "Sessions",
        f"{count:,} sessions of people with ten claims each, written as a sign-in writes them, then all of them in use "
        "through one worker. Both rates come from the same script of wrk, which sends another cookie with each request.",
        ("what", "figure"),
        [
            ("requests/s, one session", shown(median(rates["one"], "rate"))),
            (f"requests/s, {count:,} sessions in use", shown(median(rates["all"], "rate"))),
            ("ratio", shown(kept)),
            ("requests/s while every session is asked of Redis for the first time", shown(first)),
            ("Redis commands per request, steady state", shown(per_request)),
            ("memory of the worker per session it serves", f"{shown(here)} bytes"),
            ("memory of Redis per session, with all its indexes", f"{shown(in_redis)} bytes, {shown(keys_each)} keys"),
            ("of these the session's own record (MEMORY USAGE)", f"{record_bytes} bytes"),
        ],
        aims=[
            Aim("Redis commands per request, steady state", per_request, 0.02, at_most=True),
            Aim(f"requests/s with {count:,} sessions in use, against one", kept, 0.85),
        ],
    )


def _fill(bench: Bench, subject: Subject, name: str):
    """Make the sessions, with the proxy's core for it; the file of their cookies."""
    file = bench.stage.folder / "cookies.txt"
    config = subject.process.popen.args[-1]
    command = ["taskset", "-c", SUBJECT_CORE, sys.executable, "-m", "benchmark.many_sessions"]
    subprocess.run([*command, config, str(bench.sessions), name, str(file)], cwd=TESTS, check=True, timeout=300)
    return file


def _ask_for_all(bench: Bench, subject: Subject, cookies: str) -> int:
    """Load until every session was asked for at least once; how many requests that took."""
    asked = 0
    for _ in range(60):
        # The script begins with the first cookie again in each run, so one run has to be long enough.
        run = bench.load(subject, PAGE, seconds=max(5, bench.sessions / 2500), script=["sessions.lua", cookies])
        asked += run.requests
        if run.requests >= bench.sessions:
            return asked
    raise RuntimeError("the sessions were not all asked for")


def _commands(store: redis.Redis) -> int:
    """Commands that Redis has run for others than this program."""
    stats = store.info("commandstats")
    return sum(values["calls"] for name, values in stats.items() if name.partition("|")[0] not in COMMANDS_OF_OURS)


def decide(bench: Bench) -> Section:  # noqa: ARG001 - the same form as all scenarios
    command = ["taskset", "-c", SUBJECT_CORE, sys.executable, "-c", _DECIDE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=TESTS.parent)
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
