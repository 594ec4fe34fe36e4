"""deploy/claims-proxy.service: systemd understands every line of it, and finds little that it exposes."""

import shutil
import subprocess
import sys

import pytest

MOST_EXPOSED = 20  # tenths of systemd's own scale: 2.0, of 10


@pytest.fixture
def analyze():
    """Runs systemd-analyze; answers its exit code and what it said."""
    tool = shutil.which("systemd-analyze") or pytest.skip("no systemd-analyze: apt-get install systemd")

    def run(*words):
        done = subprocess.run([tool, *map(str, words)], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def unit(deploy, tmp_path):
    """The unit with a program that is on this machine: `unit({old: new})`."""

    def write(**changes):
        text = (
            (deploy / "claims-proxy.service").read_text().replace("/opt/claims-proxy/bin/claims-proxy", sys.executable)
        )
        for key, value in changes.items():
            assert f"\n{key}=" in text
            text = text.replace(f"\n{key}=", f"\n{value}=")
        path = tmp_path / "claims-proxy.service"
        path.write_text(text)
        return path

    return write


def settings(deploy, key) -> list[str]:
    lines = (deploy / "claims-proxy.service").read_text().splitlines()
    return [line.removeprefix(f"{key}=") for line in lines if line.startswith(f"{key}=")]


def test_every_line_is_understood(analyze, unit):
    code, said = analyze("verify", "--man=no", "--recursive-errors=no", unit())
    assert (code, said) == (0, "")
    _, said = analyze("verify", "--man=no", "--recursive-errors=no", unit(ProtectClock="ProtectClocks"))
    assert "ProtectClocks" in said


def test_it_is_exposed_to_little(analyze, unit):
    code, said = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", unit())
    assert code == 0, said
    opened = unit(SystemCallFilter="Environment", CapabilityBoundingSet="Description")
    assert analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", opened)[0] != 0


def test_a_stop_waits_for_the_drain_and_a_configuration_at_fault_is_not_tried_again(deploy):
    assert int(settings(deploy, "TimeoutStopSec")[0].removesuffix("s")) > 30
    assert settings(deploy, "RestartPreventExitStatus") == ["2"]
    assert settings(deploy, "ExecReload") == ["/bin/kill -HUP $MAINPID"]


def test_it_runs_as_the_user_that_sysusers_makes_with_one_capability(deploy):
    (line,) = (deploy / "claims-proxy.sysusers").read_text().splitlines()
    assert [line.split()[1]] == settings(deploy, "User") == settings(deploy, "Group")
    assert (
        settings(deploy, "CapabilityBoundingSet") == settings(deploy, "AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]
    )


def test_the_secrets_it_loads_are_made_or_named(deploy, make_secrets, tmp_path):
    assert make_secrets(tmp_path / "secrets").returncode == 0
    loaded = {value.split(":")[0] for value in settings(deploy, "LoadCredential")}
    # The client's secret is the provider's to make.
    assert loaded - {path.name for path in (tmp_path / "secrets").iterdir()} == {"client_secret"}
