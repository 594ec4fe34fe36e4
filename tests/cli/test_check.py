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


def test_rules_of_each_organization_are_printed(run, tmp_path):
    good = (ROOT / "config/proxy.yaml").read_text()
    path = tmp_path / "proxy.yaml"
    on, off = "AllowCustomSessionDuration: true", "AllowCustomSessionDuration: false"
    for switch, says, warned in (
        (on, "contoso: Sessions end 480 minutes after sign-in, with a warning 20 minutes before. Whoever does", False),
        (off, "because AllowCustomSessionDuration is off. Whoever does nothing for 30 minutes is signed out", True),
    ):
        path.write_text(good.replace(f"{on}      # custom", f"{switch}      # custom"))
        result = run("check", "--config", path, CLAIMS_PROXY_SECRET="x" * 32, CLIENT_SECRET="s")
        assert result.exit_code == 0, result.output
        assert says in result.stdout
        assert (".sessiontimeoutenabled: takes no effect" in result.stderr) is warned


def test_rules_that_administrators_can_change_are_said_to_be_changeable(run, tmp_path):
    good = (ROOT / "config/proxy.yaml").read_text()
    path = tmp_path / "proxy.yaml"
    for source, said in (("live", True), ("yaml", False)):
        path.write_text(good.replace("source: yaml ", f"source: {source} "))
        result = run("check", "--config", path, CLAIMS_PROXY_SECRET="x" * 32, CLIENT_SECRET="s")
        assert result.exit_code == 0, result.output
        assert ("Administrators can have changed these rules" in result.stdout) is said


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


@pytest.mark.parametrize(
    ("listen", "uri"),
    [
        ("0.0.0.0:8443", "https://admin.contoso.com/.claims/callback"),
        ("0.0.0.0:443", "https://admin.contoso.com/.claims/callback"),
    ],
)
def test_redirect_uri_of_the_administration_is_printed(run, tmp_path, listen, uri):
    path = tmp_path / "proxy.yaml"
    path.write_text((ROOT / "config/proxy.yaml").read_text().replace("0.0.0.0:8443", listen))
    result = run("check", "--config", path, CLAIMS_PROXY_SECRET="x" * 32, CLIENT_SECRET="s")
    assert f"Redirect URI to register: {uri}\n" in result.stdout


def test_shared_origin_of_the_administration_is_warned_of(run, tmp_path):
    path = tmp_path / "proxy.yaml"
    text = (ROOT / "config/proxy.yaml").read_text()
    for shared in (True, False):
        path.write_text(text.replace("administration:\n  host: admin.contoso.com", "") if shared else text)
        result = run("check", "--config", path, CLAIMS_PROXY_SECRET="x" * 32, CLIENT_SECRET="s")
        assert result.exit_code == 0, result.output
        assert ("administrators: admin pages share the origin" in result.stderr) is shared
        assert ("Redirect URI to register" in result.stdout) is not shared
