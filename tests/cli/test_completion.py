"""What shells complete words with: bash itself, and what zsh and fish are told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli import main
from support.world import write_configuration

BIN = Path(sys.executable).parent
GUID = "5b1d1b0c-5d0e-4c53-9d9c-0f3d4f6a7b21"


@pytest.fixture
def config(tmp_path):
    return write_configuration(
        tmp_path, port=1, issuer="http://127.0.0.1:1/adfs", upstream="http://127.0.0.1:2", organization={"id": GUID}
    )


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("sett", {"settings"}),
        ("settings ro", {"rollback"}),
        ("settings get allowcustoms", {"AllowCustomSessionDuration"}),
        ("settings get fcb", {"FCB.UCIInactivityTimeout"}),
        ("settings set -o cont", {"contoso"}),
        ("sessions list --organization cont", {"contoso"}),
        ("setadvancedsettings -settingname wsf", {"WSFedNonceCookieEnabled"}),
        ("setadvancedsettings -id 5b", {GUID}),
        ("get-crmorganization -name co", {"contoso"}),
        ("settings set -o nobody", set()),
    ],
)
def test_bash_completes_commands_settings_and_organizations(config, typed, found):
    words = ["claims-proxy", *typed.split(" ")]
    script = f"""
        eval "$(_CLAIMS_PROXY_COMPLETE=bash_source claims-proxy)"
        COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}
        _claims_proxy_completion claims-proxy; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "CLAIMS_PROXY_CONFIG": str(config)}
    told = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stderr == ""
    assert set(told.stdout.split()) == found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_told_the_same(shell, config):
    words = {"bash": "claims-proxy settings get allow", "zsh": "claims-proxy settings get allow"}
    environment = {
        "_CLAIMS_PROXY_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words.get(shell, "claims-proxy settings get"),
        "COMP_CWORD": "allow" if shell == "fish" else "3",
    }
    told = CliRunner().invoke(main, [], prog_name="claims-proxy", env=environment).stdout
    assert "AllowCustomSessionDuration" in told
    assert "AllowCustomInactivityDuration" in told
    assert "FCB" not in told


def test_a_configuration_that_is_at_fault_completes_nothing_and_complains_of_nothing(tmp_path):
    path = tmp_path / "proxy.yaml"
    path.write_text("listn: {}")
    environment = {
        "_CLAIMS_PROXY_COMPLETE": "bash_complete",
        "COMP_WORDS": "claims-proxy settings set -o c",
        "COMP_CWORD": "4",
        "CLAIMS_PROXY_CONFIG": str(path),
    }
    told = CliRunner().invoke(main, [], prog_name="claims-proxy", env=environment)
    assert told.output.strip() == ""
