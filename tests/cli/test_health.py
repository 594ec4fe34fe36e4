"""`claims-proxy health`: what a probe of a container is told."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner

from proxy.cli import main
from support.ports import free_port
from support.world import write_configuration

WELL = {"status": "ready", "checks": {"store": {"ok": True, "reason": "", "needed": True}}}
UNWELL = {
    "status": "not ready",
    "checks": {
        "store": {"ok": False, "reason": "it does not answer", "needed": True},
        "provider default": {"ok": False, "reason": "no metadata", "needed": False},
        "configuration": {"ok": True, "reason": "", "needed": False},
    },
}


@pytest.fixture
def health(tmp_path):
    """`health(address, *options)`: the command on a configuration with this `management.address`."""

    def run(address: str, *options: str):
        keys = {"port": 1, "issuer": "http://127.0.0.1:1/adfs", "upstream": "http://127.0.0.1:2"}
        config = write_configuration(tmp_path, **keys, management={"address": address})
        return CliRunner().invoke(main, ["health", "--config", str(config), *options])

    return run


@pytest.fixture
def answering():
    """`answering({path: (status, what is said)})`: the port of a management listener that says so."""
    servers = []

    def start(said: dict[str, tuple[int, object]]) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = said[self.path]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return server.server_address[1]

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_one_that_serves_is_well(health, answering):
    port = answering({"/healthz": (200, {"status": "ok"})})
    result = health(f"127.0.0.1:{port}")
    assert (result.exit_code, result.output) == (0, "ok\n")


def test_one_that_stops_is_not(health, answering):
    port = answering({"/healthz": (503, {"status": "stopping"})})
    result = health(f"127.0.0.1:{port}")
    assert (result.exit_code, result.output) == (1, "stopping\n")


def test_an_address_for_all_interfaces_is_asked_on_loopback(health, answering):
    port = answering({"/healthz": (200, {"status": "ok"})})
    assert health(f"0.0.0.0:{port}").exit_code == 0


def test_ready_says_what_speaks_against_it(health, answering):
    port = answering({"/readyz": (503, UNWELL)})
    result = health(f"127.0.0.1:{port}", "--ready")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "not ready",
        "store: it does not answer",
        "provider default: no metadata (requests are answered all the same)",
    ]
    port = answering({"/readyz": (200, WELL)})
    result = health(f"127.0.0.1:{port}", "--ready")
    assert (result.exit_code, result.output) == (0, "ready\n")


def test_nobody_there_is_unwell_and_says_where_it_asked(health):
    port = free_port()
    result = health(f"127.0.0.1:{port}")
    assert result.exit_code == 1
    assert f"no answer from 127.0.0.1:{port}" in result.stderr


def test_what_is_no_answer_of_ours_is_unwell(health, answering):
    port = answering({"/healthz": (200, [1])})
    assert health(f"127.0.0.1:{port}").exit_code == 1


def test_where_management_is_off_nobody_can_be_asked(health):
    result = health("off")
    assert result.exit_code == 2
    assert "management.address is off" in result.stderr


def test_a_configuration_that_cannot_be_read_is_exit_2(tmp_path):
    result = CliRunner().invoke(main, ["health", "--config", str(tmp_path / "nowhere.yaml")])
    assert result.exit_code == 2
