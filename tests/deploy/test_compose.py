"""deploy/compose.yaml: in the Compose specification's form, hardened, and a whole visit with its own commands."""

import copy
import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib.resources import files

import jsonschema
import pytest

from proxy.configuration import load
from support.patience import HANG
from support.ports import free_port

OWN = ("proxy", "provider", "crm")


@pytest.fixture
def compose(deploy, read_yaml):
    (document,) = read_yaml(deploy / "compose.yaml")
    return document


@pytest.fixture(scope="session")
def specification():
    schemas = files("check_jsonschema") / "builtin_schemas" / "vendor"
    return json.loads((schemas / "compose-spec.json").read_text())


def test_it_is_in_the_form_of_the_compose_specification(compose, specification):
    jsonschema.validate(compose, specification)
    wrong = copy.deepcopy(compose)
    wrong["services"]["proxy"]["cap_dropped"] = ["ALL"]
    with pytest.raises(jsonschema.ValidationError, match="cap_dropped"):
        jsonschema.validate(wrong, specification)


@pytest.mark.parametrize("service", [*OWN, "redis"])
def test_every_service_is_bounded_checked_and_kept_small(compose, service):
    found = compose["services"][service]
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["user"].split(":")[0] != "0"
    assert {"cpus", "mem_limit", "pids_limit", "healthcheck"} <= set(found)
    assert not {"privileged", "cap_add", "network_mode", "pid", "environment"} & set(found)
    for port in found.get("ports", ()):
        assert port.startswith("127.0.0.1:")


def test_the_proxy_stops_after_its_requests_and_redis_is_reached_by_it_alone(compose):
    services = compose["services"]
    assert int(services["proxy"]["stop_grace_period"].removesuffix("s")) > 30
    for network in ("state", "application"):
        assert compose["networks"][network]["internal"] is True
    on_state = {name for name, service in services.items() if "state" in service["networks"]}
    assert on_state == {"proxy", "redis"}
    assert services["provider"]["networks"]["front"]["aliases"] == ["demo.localhost"]


def test_what_is_mounted_is_there_and_no_secret_stands_in_the_file(compose, deploy, make_secrets, tmp_path):
    assert make_secrets(tmp_path / "secrets").returncode == 0
    mounted = [volume for service in compose["services"].values() for volume in service.get("volumes", ())]
    for volume in mounted:
        assert volume["type"] == "volume" or (deploy / volume["source"]).is_dir()
    made = {f"./secrets/{path.name}" for path in (tmp_path / "secrets").iterdir()}
    assert {secret["file"] for secret in compose["secrets"].values()} == made
    for path in (tmp_path / "secrets").iterdir():
        assert path.stat().st_mode & 0o444 == 0o444, "the containers' users are others"


class Stack:
    """The services' own commands as processes on loopback, names and ports moved to free ones."""

    def __init__(self, compose, deploy, folder, redis_url) -> None:
        self.folder, self._services = folder, compose["services"]
        self.base, self.crm_base = free_port(), free_port() + 8
        (folder / "redis_url").write_text(redis_url + "\n")
        (folder / "secret").write_text("s" * 64)
        moved = (
            ("http://demo.localhost:8081", f"http://127.0.0.1:{self.base + 1}"),
            ("http://demo.localhost:8080", f"http://127.0.0.1:{self.base}"),
            ("http://crm:8082", f"http://127.0.0.1:{self.crm_base + 2}"),
            ("0.0.0.0:8080", f"127.0.0.1:{self.base}"),
            ("127.0.0.1:9180", f"127.0.0.1:{free_port()}"),
            ("demo.localhost", "127.0.0.1"),
            ("/run/secrets", str(folder)),
        )
        text = (deploy / "compose/proxy.yaml").read_text()
        for old, new in moved:
            assert old in text
            text = text.replace(old, new)
        self.config = folder / "proxy.yaml"
        self.config.write_text(text)

    def command(self, service: str, *more: str) -> list[str]:
        words = self._services[service]["command"]
        changed = {"/etc/claims-proxy/proxy.yaml": str(self.config), "demo.localhost": "127.0.0.1"}
        return [sys.executable, "-m", "proxy", *(changed.get(word, word) for word in words), *more]

    def start(self, service: str, port: int, *more: str) -> subprocess.Popen:
        with (self.folder / f"{service}.log").open("wb") as log:
            process = subprocess.Popen(self.command(service, *more), stdout=log, stderr=log)
        deadline = time.monotonic() + HANG
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    process.wait()
                    raise AssertionError((self.folder / f"{service}.log").read_text()) from None
                time.sleep(0.05)
            else:
                return process


def test_the_configuration_is_good_and_its_provider_is_the_one_beside_it(compose, deploy, tmp_path):
    stack = Stack(compose, deploy, tmp_path, "redis://claims-proxy:a@redis:6379/0")
    deployment = load(stack.config, {})
    (demo,) = load(deploy.parent / "config/demo.yaml", {}).identity_providers
    (provider,) = deployment.identity_providers
    assert (provider.client_id, provider.client_secret) == (demo.client_id, demo.client_secret)


@pytest.fixture
def stack(compose, deploy, guarded_redis, tmp_path):
    folder = tmp_path / "stack"
    folder.mkdir()
    one = Stack(compose, deploy, folder, guarded_redis.url)
    with ExitStack() as running:
        running.callback(stop, one.start("provider", one.base + 1, "--port", str(one.base)))
        running.callback(stop, one.start("crm", one.crm_base + 2, "--port", str(one.crm_base)))
        running.callback(stop, one.start("proxy", one.base))
        yield one


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    assert process.wait(HANG) == 0


@pytest.mark.slow
async def test_a_person_signs_in_and_out_through_the_services_own_commands(stack, browser, guarded_redis):
    address = f"http://127.0.0.1:{stack.base}"
    page = await browser.sign_in(f"{address}/main.aspx", "alice")
    assert (page.status, str(page.url)) == (200, f"{address}/main.aspx")
    assert "Alice Ng" in page.text
    await browser.open(f"{address}/.claims/sign-out")
    await browser.submit()
    answer = await browser.fetch(f"{address}/api/data/v9.2/WhoAmI")
    assert answer.status == 401
    assert guarded_redis.refused() == []
