"""`claims-proxy doctor`: its exit codes, and what it prints."""

import asyncio
import json
import sys

import pytest
from click.testing import CliRunner

from proxy.cli import main
from support.ports import free_port
from support.world import CLIENT_SECRET, SECRET, write_configuration


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(main, ["doctor", *(str(word) for word in words)])


@pytest.fixture
def nobody_answers(tmp_path):
    port = free_port()
    return write_configuration(
        tmp_path, port=1, issuer=f"http://127.0.0.1:{port}/adfs", upstream=f"http://127.0.0.1:{port}"
    )


def test_what_is_broken_is_exit_1_with_what_would_be_right(run, nobody_answers):
    told = run("--config", nobody_answers)
    assert told.exit_code == 1, told.output
    assert "ok       configuration: " in told.stdout
    assert "WARNING  store: " in told.stdout
    assert "FAULT    provider default: " in told.stdout
    assert "right would be: an application that answers there" in told.stdout
    assert SECRET not in told.output
    assert CLIENT_SECRET not in told.output


def test_programs_are_told_the_same(run, nobody_answers):
    told = run("--config", nobody_answers, "--json")
    assert told.exit_code == 1
    found = json.loads(told.stdout)
    assert [(each["check"], each["grade"]) for each in found] == [
        ("configuration", "ok"),
        ("secret", "ok"),
        ("redirect URIs default", "ok"),
        ("configuration", "warning"),
        ("rules contoso", "ok"),
        ("store", "warning"),
        ("provider default", "fault"),
        ("upstream contoso", "fault"),
    ]
    assert all(set(each) == {"check", "grade", "said", "right"} for each in found)


async def test_where_nothing_is_broken_it_is_exit_0(world, redis_url):

    one = await world(state=redis_url)
    command = [sys.executable, "-m", "proxy", "doctor", "--config", str(one.write_configuration(one.port))]
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await running.communicate()
    assert running.returncode == 0, told.decode()
    assert b"FAULT" not in told


def test_a_configuration_at_fault_is_exit_2(run, tmp_path):
    path = tmp_path / "proxy.yaml"
    path.write_text("listn: {}\n")
    told = run("--config", path)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "listn" in told.stderr
