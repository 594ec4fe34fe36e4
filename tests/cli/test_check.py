import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.configuration import json_schema

ROOT = Path(__file__).resolve().parents[2]
BAD = """\
listen:
  adress: 0.0.0.0:8443
state: redis://localhost:6379/0
secret: short
identity_provider: {protocol: oidc, issuer: http://adfs.contoso.com/adfs, client_id: a}
organizations:
  - {name: contoso, hosts: [crm.contoso.com], upstream: crm.internal, kind: crn}
"""


@pytest.fixture
def run():
    return lambda *words, **environment: CliRunner(env=environment).invoke(main, [str(word) for word in words])


def test_a_bad_file_is_exit_2_with_every_fault_on_standard_error(run, tmp_path):
    path = tmp_path / "proxy.yaml"
    path.write_text(BAD)
    result = run("check", "--config", path)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 6
    assert all(line.startswith(f"{path}:") and "; " in line for line in lines)


def test_a_good_file_is_exit_0_and_says_what_was_found(run):
    result = run("check", "--config", ROOT / "config/proxy.yaml", CLAIMS_PROXY_SECRET="x" * 32, CLIENT_SECRET="s")
    assert result.exit_code == 0, result.output
    assert "contoso" in result.stdout
    assert "https://adfs.contoso.com/adfs" in result.stdout


def test_warnings_are_printed_and_leave_the_exit_code_0(run, tmp_path):
    good = (ROOT / "config/proxy.yaml").read_text()
    path = tmp_path / "proxy.yaml"
    for anonymous, warned in (("/", True), ("/FederationMetadata", False)):
        path.write_text(good.replace("      - /FederationMetadata\n", f"      - {anonymous}\n"))
        result = run("check", "--config", path, CLAIMS_PROXY_SECRET="x" * 32, CLIENT_SECRET="s")
        assert result.exit_code == 0, result.output
        assert (": warning: organizations[0].anonymous[1]: lets every request" in result.stderr) is warned
        assert "good. Organizations" in result.stdout


def test_the_configuration_may_be_named_by_the_environment(run):
    result = run("check", CLAIMS_PROXY_CONFIG=str(ROOT / "config/demo.yaml"))
    assert result.exit_code == 0, result.output


def test_a_call_without_a_configuration_says_what_is_missing(run):
    result = run("check", CLAIMS_PROXY_CONFIG="")
    assert result.exit_code == 2
    assert "--config" in result.stderr


def test_the_schema_is_printed(run):
    assert json.loads(run("schema").stdout) == json_schema()


def test_help_names_every_command(run):
    shown = run("--help").stdout
    assert all(name in shown for name in ("run", "check", "demo", "sessions", "schema"))
