"""The subjects of the benchmark, and what stands around them: each a process on loopback ports, pinned to one core.

The subject has core 0 to itself; the load's generator, the application behind it, Redis and the providers share core 1.
"""

import asyncio
import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from benchmark import full_lane
from support.browser import Browser
from support.node import WHAT_IS_MISSING, node_binary
from support.ports import free_port

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
SUBJECT_CORE, OTHER_CORE = "0", "1"
PAGE_BYTES, MEDIUM_BYTES, LARGE_BYTES = 2048, 64 * 1024, 64 * 1024 * 1024
PACKAGES = {
    "wrk": "wrk",
    "haproxy": "haproxy",
    "caddy": "caddy",
    "apache2": "apache2 libapache2-mod-auth-openidc",
    "nginx": "nginx",
    "redis-server": "redis-server",
    "taskset": "util-linux",
}
OPENIDC_MODULE = Path("/usr/lib/apache2/modules/mod_auth_openidc.so")
_START_SECONDS = 30.0
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
_PROXY = str(Path(sys.executable).with_name("claims-proxy"))


def missing(found: Callable[[str], object] = lambda name: shutil.which(name, path=_PATH)) -> list[str]:
    """Debian packages that are to be installed first."""
    packages = [package for program, package in PACKAGES.items() if not found(program)]
    if found("apache2") and not OPENIDC_MODULE.exists():
        packages.append("libapache2-mod-auth-openidc")
    return packages


class Process:
    """One program, pinned to cores, until `stop`. `log`: what it wrote."""

    def __init__(self, command: Sequence[str], log: Path, *, core: str, **environment: str) -> None:
        self.log = log
        with log.open("ab") as out:
            self.popen = subprocess.Popen(
                ["taskset", "-c", core, *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": _PATH, **environment},
                cwd=TESTS,
                start_new_session=True,
            )

    @property
    def pids(self) -> list[int]:
        """The process and all of its descendants."""
        found, waiting = [], [self.popen.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for children in Path(f"/proc/{pid}/task").glob("*/children"):
                    waiting += map(int, children.read_text().split())
        return found

    def memory(self, field: str) -> int:
        """Bytes of `VmRSS` (now) or `VmHWM` (peak), summed over its processes."""
        total = 0
        for pid in self.pids:
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
        return total

    def forget_peak(self) -> None:
        """From here on VmHWM counts anew."""
        for pid in self.pids:
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")

    def cpu_seconds(self) -> float:
        """Processor time it has used so far, user's and kernel's."""
        ticks = 0
        for pid in self.pids:
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.popen.stdin.close()
        self.popen.terminate()
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


def answers(port: int, path: str = "/") -> bool:
    """Whether any HTTP answer comes."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        client.request("GET", path)
        client.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()
    return True


def wait_for(process: Process, port: int, path: str = "/") -> float:
    """Seconds until the first answer. Raises RuntimeError where none comes."""
    began = time.monotonic()
    while not answers(port, path):
        if process.popen.poll() is not None or time.monotonic() - began > _START_SECONDS:
            raise RuntimeError(f"nothing answers on port {port}:\n{process.log.read_text()[-2000:]}")
        time.sleep(0.002)
    return time.monotonic() - began


@dataclass
class Subject:
    """A running reverse proxy. `cookie`: a Cookie header of somebody signed in, empty where there is no sign-in."""

    name: str
    port: int
    process: Process
    cookie: str = ""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def sign_in(self, path: str = "/main.aspx") -> None:
        """Through the provider's pages, as a person would."""

        async def go() -> str:
            async with Browser() as browser:
                page = await browser.sign_in(self.url(path), "alice")
                if page.status != 200 or page.url.port != self.port:
                    raise RuntimeError(f"{self.name}: the sign-in ended at {page.url} with {page.status}")
                return browser.cookies.header(page.url, same_site=True, navigation=True, method="GET")

        self.cookie = asyncio.run(go())


class Stage:
    """Everything around the subjects, and the subjects themselves; `stop` ends all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Process] = []
        self.upstream, self.redis, self.adfs, self.provider = (free_port() for _ in range(4))
        self.apache = free_port()
        self.proxies = [free_port() for _ in range(8)]
        self.secret = secrets.token_hex(24)
        self._unused = list(self.proxies)

    def start(self) -> None:
        www, page = self.folder / "www", b"<!doctype html><title>CRM</title>"
        for folder in (www / "uploads", self.folder / "temporary"):
            folder.mkdir(parents=True)
            folder.chmod(0o777)
        self.folder.chmod(0o755)
        (www / "medium.bin").write_bytes(os.urandom(MEDIUM_BYTES))
        (www / "large.bin").write_bytes(os.urandom(1 << 20) * (LARGE_BYTES >> 20))
        upstream = self.write("upstream.conf", upstream=self.upstream, page=page.ljust(PAGE_BYTES, b"x").decode())
        self.run(["nginx", "-c", str(upstream)], self.upstream, core=OTHER_CORE)
        redis = ["redis-server", "--port", str(self.redis), "--save", "", "--dir", str(self.folder)]
        self.running.append(Process(redis, self.folder / "redis.log", core=OTHER_CORE))
        adfs = [sys.executable, "-m", "benchmark.adfs", str(self.adfs), self.secret, *map(str, self.proxies)]
        self.run(adfs, self.adfs, core=OTHER_CORE)

    def start_openid_provider(self) -> None:
        """npm's oidc-provider, for mod_auth_openidc."""
        node = node_binary()
        if node is None:
            raise RuntimeError(WHAT_IS_MISSING)
        client = {
            "client_id": "bench",
            "client_secret": self.secret,
            "redirect_uris": [f"http://127.0.0.1:{self.apache}/redirect"],
        }
        settings = json.dumps({"port": self.provider, "clients": [client], "pkce": False})
        program = str(TESTS / "interop" / "provider.mjs")
        self.run([str(node), program, settings], self.provider, core=OTHER_CORE)

    def write(self, template: str, **values: object) -> Path:
        """A configuration of peers/ with its places filled in."""
        path = self.folder / f"{template}-{free_port()}"
        text = Template((HERE / "peers" / template).read_text())
        path.write_text(text.substitute(folder=self.folder, secret=self.secret, redis=self.redis, **values))
        return path

    def run(self, command: Sequence[str], port: int, *, core: str = SUBJECT_CORE, **environment: str) -> Process:
        process = Process(command, self.folder / f"{Path(command[0]).name}-{port}.log", core=core, **environment)
        self.running.append(process)
        wait_for(process, port)
        return process

    def end(self, subject: Subject) -> None:
        """Stop one subject; its port may be used again."""
        subject.process.stop()
        self.running.remove(subject.process)
        if subject.port in self.proxies:
            self._unused.append(subject.port)

    def stop(self) -> None:
        for process in reversed(self.running):
            process.stop()

    # the subjects

    def nginx(self, upstream: int) -> Subject:
        port = free_port()
        return Subject(
            "nginx", port, self.run(["nginx", "-c", str(self.write("nginx.conf", port=port, upstream=upstream))], port)
        )

    def haproxy(self, upstream: int) -> Subject:
        port = free_port()
        config = self.write("haproxy.cfg", port=port, upstream=upstream)
        return Subject("HAProxy", port, self.run(["haproxy", "-f", str(config)], port))

    def caddy(self, upstream: int) -> Subject:
        port = free_port()
        config = self.write("Caddyfile", port=port, upstream=upstream)
        command = ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
        places = {name: str(self.folder) for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        return Subject("Caddy", port, self.run(command, port, GOMAXPROCS="1", **places))

    def mod_auth_openidc(self, upstream: int) -> Subject:
        provider = f"http://127.0.0.1:{self.provider}"
        config = self.write("apache.conf", port=self.apache, upstream=upstream, provider=provider)
        process = self.run(["apache2", "-f", str(config), "-DFOREGROUND"], self.apache)
        return Subject("Apache, mod_auth_openidc", self.apache, process)

    def claims_proxy(
        self, upstream: int, *, workers: int = 1, core: str = SUBJECT_CORE, organization: object = None, **keys: object
    ) -> Subject:
        """`keys` join the configuration's, those of `organization` its one organization's."""
        port = self._unused.pop()
        config = self._proxy_config(port, upstream, workers)
        told = json.loads(config.read_text())
        told["organizations"][0].update(organization or {})
        config.write_text(json.dumps(told | keys))
        command = [_PROXY, "run", "--config", str(config)]
        return Subject("claims-proxy", port, self.run(command, port, core=core))

    def full_lane(self, upstream: int) -> Subject:
        port = self._unused.pop()
        command = [sys.executable, "-m", "benchmark.full_lane", str(self._proxy_config(port, upstream, 1))]
        return Subject("claims-proxy, full lane alone", port, self.run(command, port))

    def _proxy_config(self, port: int, upstream: int, workers: int) -> Path:
        adfs = f"http://127.0.0.1:{self.adfs}/adfs"
        return self.write("proxy.json", port=port, upstream=upstream, workers=workers, adfs=adfs)

    def all(self, *, openidc: bool = True, upstream: int | None = None) -> Iterator[Subject]:
        """All subjects, one after the other, signed in where there is a sign-in."""
        behind = upstream or self.upstream
        yield from (self.haproxy(behind), self.nginx(behind), self.caddy(behind))
        signed_in = [self.claims_proxy(behind)]
        if full_lane.exists():
            signed_in.append(self.full_lane(behind))
        if openidc:
            self.start_openid_provider()
            signed_in.append(self.mod_auth_openidc(behind))
        for subject in signed_in:
            subject.sign_in()
            yield subject
