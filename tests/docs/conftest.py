"""A machine for the documents' commands: /etc/claims-proxy and free ports of its own, a proxy, Redis and AD FS."""

import contextlib
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from support.certificates import make_certificate
from support.documents import blocks
from support.patience import HANG
from support.ports import free_port
from support.redis_server import RedisServer

BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """What /etc/claims-proxy is on this machine, with every file that the documents name there."""
    folder = tmp_path_factory.mktemp("etc")
    make_certificate(folder)
    for ending in ("crt", "key"):
        for name in ("client", "decryption"):
            shutil.copy(folder / f"tls.{ending}", folder / f"{name}.{ending}")
    for name in ("secret", "secret.next", "client_secret"):
        (folder / name).write_text(f"{name}-that-has-thirty-two-bytes-or-more\n")
    return folder


@pytest.fixture(scope="session")
def etc(folder) -> Callable[[str], str]:
    """A text with the folder of this machine in it."""
    return lambda text: text.replace("/etc/claims-proxy", str(folder))


@pytest.fixture(scope="session")
def redis_of_machine(tmp_path_factory):
    """A Redis that no other test empties or changes: the proxy of this machine follows what happens in it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def machine(folder, etc, redis_of_machine):
    """Starts what the commands ask; returns a text's names as they are on this machine."""
    port, management, adfs = free_port(), free_port(), free_port()
    names = {
        "https://adfs.contoso.com": f"http://127.0.0.1:{adfs + 1}",
        "0.0.0.0:8443": f"127.0.0.1:{port}",
        "127.0.0.1:9180": f"127.0.0.1:{management}",
        "redis://redis.contoso.com:6379/0": redis_of_machine.url,
    }

    def here(text: str) -> str:
        for name, other in names.items():
            text = text.replace(name, other)
        return etc(text)

    [yaml] = [block for block in blocks("yaml") if block.document == "docs/adfs-openid-connect.md"]
    config = folder / "proxy.yaml"
    config.write_text(here(f"{yaml.text}\nmanagement: {{address: 127.0.0.1:9180}}\n"))
    with contextlib.ExitStack() as running:
        for words, address in (
            (("demo", "--only", "provider", "--port", str(adfs)), f"{names['https://adfs.contoso.com']}/adfs"),
            (("run", "--config", str(config)), f"http://127.0.0.1:{management}/healthz"),
        ):
            log = running.enter_context((folder / f"{words[0]}.log").open("wb"))
            process = subprocess.Popen([BIN / "claims-proxy", *words], stdout=log, stderr=subprocess.STDOUT)
            running.callback(process.wait, 60)
            running.callback(process.terminate)
            _wait(process, address, folder / f"{words[0]}.log")
        yield here


def _wait(process: subprocess.Popen, address: str, log: Path) -> None:
    deadline = time.monotonic() + HANG
    while True:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=2).close()
        except urllib.error.HTTPError as answered:
            answered.close()
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
            continue
        return
