"""Names that people chose, as commands print them: one line, without control characters, and not as markup."""

import json
import sys

import pytest
from click.testing import CliRunner

from proxy.app.doctor import Finding, Grade
from proxy.cli import main
from support.command_sessions import sign_in
from support.world import write_configuration

HOSTILE = "al\x1b[2Jice\a\n7 forged\x9b31m\u202egpj\u2066[/bold]@contoso.com"


@pytest.fixture
def run(tmp_path, redis_server, redis_url):
    config = write_configuration(
        tmp_path,
        port=1,
        issuer="http://127.0.0.1:1/adfs",
        upstream="http://127.0.0.1:2",
        state=redis_server.url,
        settings={"source": "live"},
    )

    def invoke(*words):
        for user in (HOSTILE, "Jörg@contoso.com"):
            sign_in(config, user)
        result = CliRunner().invoke(main, [*words, "--config", str(config)])
        assert result.exit_code == 0, result.output
        return result.stdout

    return invoke


@pytest.mark.parametrize("words", [("list",), ("list", "--json"), ("revoke", "--user", HOSTILE)])
def test_sessions_are_printed_without_control_characters(run, words):
    shown = run("sessions", *words)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert not any(line.startswith("7 forged") for line in shown.split("\n"))
    if "list" in words:
        assert "Jörg@contoso.com" in shown


def test_program_reads_the_name_itself(run):
    rows = [json.loads(line) for line in run("sessions", "list", "--json").splitlines()]
    assert HOSTILE in [row["user"] for row in rows]


def test_history_is_printed_without_control_characters(run):
    run("settings", "set", "sessiontimeoutinmins=90", "-o", "contoso", "--why", HOSTILE)
    run("sessions", "revoke", "--user", HOSTILE, "--why", "Jörg did")
    for words in ((), ("--json",)):
        shown = run("settings", "history", *words)
        assert all(line.isprintable() for line in shown.split("\n"))
        assert "Jörg" in shown


def test_doctor_prints_what_a_provider_says_on_one_line(run, monkeypatch):
    async def examined(*_):
        return (Finding("provider default", Grade.OK, HOSTILE, HOSTILE), Finding("upstream", Grade.OK, "Jörg"))

    monkeypatch.setattr(sys.modules["proxy.cli.doctor"], "examined", examined)
    for words in ((), ("--json",)):
        shown = run("doctor", *words)
        assert all(line.isprintable() for line in shown.split("\n"))
        assert "Jörg" in shown
