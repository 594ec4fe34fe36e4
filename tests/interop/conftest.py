"""Programs that nobody of this project wrote, each started for one test on a loopback port of its own."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from select import select

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.demo.adfs_keys import SigningKey
from support.browser import Browser
from support.node import WHAT_IS_MISSING, node_binary
from support.patience import HANG
from support.ports import free_port

HERE = Path(__file__).resolve().parent
# It starts within a second; once in some hundred starts, another process took the port or Node.js stood still.
START_ATTEMPTS = 2


@dataclass
class OpenIdProvider:
    """A running `oidc-provider`. `log`: what it wrote to standard error, its own warnings and every refusal."""

    issuer: str
    process: subprocess.Popen[str]
    log: Path

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def start_openid_provider(log: Path, settings: dict[str, object], program: str = "provider.mjs") -> OpenIdProvider:
    node = node_binary()
    if node is None:
        pytest.skip(WHAT_IS_MISSING)
    if not (HERE / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("oidc-provider is not installed: run `make test` once, or `python tests/interop/install.py`")
    for _ in range(START_ATTEMPTS):
        with log.open("a") as errors:
            process = subprocess.Popen(
                [str(node), program, json.dumps({"port": free_port()} | settings)],
                cwd=HERE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        provider = OpenIdProvider("", process, log)
        if select([process.stdout], [], [], HANG)[0] and (line := process.stdout.readline()):
            provider.issuer = json.loads(line)["issuer"]
            return provider
        provider.stop()
    raise RuntimeError(f"oidc-provider did not start:\n{log.read_text()}")


@pytest.fixture
def openid_provider(tmp_path) -> Iterator[Callable[..., OpenIdProvider]]:
    """Starts certified OpenID providers: `openid_provider(clients=[…], **settings)`, as provider.mjs lists them."""
    running: list[OpenIdProvider] = []

    def start(**settings: object) -> OpenIdProvider:
        running.append(start_openid_provider(tmp_path / "oidc-provider.log", settings))
        return running[-1]

    yield start
    for provider in running:
        provider.stop()


@pytest.fixture
def front_channel_provider(tmp_path) -> Iterator[Callable[..., OpenIdProvider]]:
    """Starts certified OpenID providers that sign out by frames: `front_channel_provider(clients=[…])`."""
    if not (HERE / "node_modules" / "oidc-provider-6").is_dir():
        pytest.skip("oidc-provider 6 is not installed: run `make test` once, or `python tests/interop/install.py`")
    running: list[OpenIdProvider] = []

    def start(**settings: object) -> OpenIdProvider:
        running.append(start_openid_provider(tmp_path / "front-channel.log", settings, "front_channel.mjs"))
        return running[-1]

    yield start
    for provider in running:
        provider.stop()


@pytest.fixture
async def browser():
    async with Browser() as browser:
        yield browser


@dataclass
class FederationProvider:
    """A running federation.mjs. `metadata`: the address of its federation metadata."""

    issuer: str
    metadata: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


@pytest.fixture
def federation_provider(tmp_path, signing_key) -> Iterator[Callable[..., FederationProvider]]:
    """Starts WS-Federation providers: `federation_provider(kind="wsfed", reply_to=[…])`; see federation.mjs."""
    node = node_binary()
    if node is None:
        pytest.skip(WHAT_IS_MISSING)
    if not (HERE / "node_modules" / "wsfed").is_dir():
        pytest.skip("npm wsfed is not installed: run `make test` once, or `python tests/interop/install.py`")
    running: list[FederationProvider] = []

    def start(**settings: object) -> FederationProvider:
        key, certificate = pem_of(signing_key)
        told = {"port": free_port(), "key": key, "certificate": certificate} | settings
        with (tmp_path / "federation.log").open("a") as errors:
            process = subprocess.Popen(
                [str(node), "federation.mjs", json.dumps(told)],
                cwd=HERE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        line = process.stdout.readline() if select([process.stdout], [], [], HANG)[0] else ""
        if not line:
            process.kill()
            raise RuntimeError(f"federation.mjs did not start:\n{(tmp_path / 'federation.log').read_text()}")
        running.append(FederationProvider(**json.loads(line), process=process))
        return running[-1]

    yield start
    for provider in running:
        provider.stop()


def pem_of(key: SigningKey) -> tuple[str, str]:
    """(private key, certificate) as PEM."""
    private = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode(), x509.load_der_x509_certificate(key.certificate).public_bytes(Encoding.PEM).decode()
