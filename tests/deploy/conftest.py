"""The files of deploy/, and what several tests do with them."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from ruamel.yaml import YAML

from support.patience import HANG
from support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def deploy() -> Path:
    """The folder under test."""
    return ROOT / "deploy"


@pytest.fixture(scope="session")
def read_yaml():
    """All documents of a YAML file as plain data."""
    return lambda path: list(YAML(typ="safe", pure=True).load_all(path.read_text()))


@pytest.fixture
def make_secrets(deploy):
    """Runs deploy/make-secrets.sh."""

    def run(*words) -> subprocess.CompletedProcess[str]:
        command = ["sh", deploy / "make-secrets.sh", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


class GuardedRedis:
    """A Redis by deploy/redis/redis.conf, whose users come from deploy/make-secrets.sh.

    `url`: the proxy's own address of it. `admin`: a client who may do everything, which the file itself grants nobody.
    """

    def __init__(self, binary: str, configuration: Path, secrets: Path, folder: Path, port: int) -> None:
        self.port = port
        self.url = (secrets / "redis_url").read_text().strip()
        users = folder / "users.acl"
        users.write_text((secrets / "users.acl").read_text() + "user admin on >admin ~* &* +@all\n")
        self._log = folder / "redis.log"
        changed = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--aclfile", users, "--logfile", self._log]
        self._command = [binary, str(configuration), *map(str, changed)]
        self.admin = self.client("admin", "admin")

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + HANG
        while True:
            assert self._process.poll() is None, self._log.read_text()
            try:
                self.admin.ping()
            except redis.ConnectionError:
                assert time.monotonic() < deadline, self._log.read_text()
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """As a machine that loses its power would end it."""
        self._process.kill()
        self._process.wait()

    def used(self) -> set[str]:
        """The commands that anybody ran, by themselves or in scripts; `SCRIPT LOAD` is one, as before Redis 7."""
        return {name.removeprefix("cmdstat_").partition("|")[0] for name in self.admin.info("commandstats")}

    def refused(self) -> list[str]:
        """What users were kept from, by Redis's own record; but for a client's name and version, which nobody needs."""
        objects = [entry["object"] for entry in self.admin.acl_log()]
        return [name for name in objects if name not in ("client", "client|setinfo")]

    def client(self, user: str, password: str) -> redis.Redis:
        once = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.port, username=user, password=password, decode_responses=True, retry=once)


@pytest.fixture
def guarded_redis(own_redis, deploy, make_secrets, tmp_path) -> Iterator[GuardedRedis]:
    binary, port = own_redis.process.args[0], free_port()
    own_redis.stop()
    made = make_secrets(tmp_path / "secrets", f"127.0.0.1:{port}")
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "guarded"
    folder.mkdir()
    server = GuardedRedis(binary, deploy / "redis/redis.conf", tmp_path / "secrets", folder, port)
    server.start()
    yield server
    server.admin.close()
    server.kill()
