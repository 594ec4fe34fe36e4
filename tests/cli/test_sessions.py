import json

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.model.session import Ended, EndReason, Live
from support.command_sessions import sign_in, with_sessions
from support.world import write_configuration


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def config(tmp_path, redis_server):
    return write_configuration(
        tmp_path, port=1, issuer="http://127.0.0.1:1/adfs", upstream="http://127.0.0.1:2", state=redis_server.url
    )


def lookup(config, cookie: str):
    return with_sessions(config, lambda sessions: sessions.load(cookie, "contoso"))


@pytest.fixture(autouse=True)
def _empty_store(redis_server):
    import redis  # noqa: PLC0415 - the store is emptied past our own code

    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()


def test_who_is_signed_in_is_listed(run, config):
    sign_in(config, "alice@contoso.com")
    sign_in(config, "bob@contoso.com")
    result = run("sessions", "list", "--config", config, "--json")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["user"] for row in rows} == {"alice@contoso.com", "bob@contoso.com"}
    assert rows[0]["signed_in"].endswith("Z")


def test_nobody_signed_in_is_said(run, config):
    result = run("sessions", "list", "--config", config)
    assert (result.exit_code, result.stdout.strip()) == (0, "Nobody is signed in.")


def test_a_user_s_sessions_are_revoked_and_no_other_s(run, config):
    alice, again, bob = (sign_in(config, f"{name}@contoso.com") for name in ("alice", "alice", "bob"))
    result = run("sessions", "revoke", "--config", config, "--user", "Alice@contoso.com")
    assert result.exit_code == 0, result.output
    assert "2 sessions ended." in result.stdout
    for cookie in (alice, again):
        assert lookup(config, cookie).tombstone.reason is EndReason.REVOKED
    assert isinstance(lookup(config, bob), Live)


@pytest.mark.parametrize("user", ["Alice", "Alice Ng", "Carol", "alice"])
def test_display_name_revokes_nobody(run, config, user):
    cookies = [sign_in(config, upn, name="Alice Ng") for upn in ("alice@contoso.com", None)]
    cookies.append(sign_in(config, "dave@contoso.com", name="Carol"))
    result = run("sessions", "revoke", "--config", config, "--user", user)
    assert (result.exit_code, result.stdout) == (1, "0 sessions ended.\n")
    assert all(isinstance(lookup(config, cookie), Live) for cookie in cookies)
    found = run("sessions", "list", "--config", config, "--user", user, "--json").stdout
    assert found


def test_revoking_a_upn_leaves_others_who_are_displayed_by_it(run, config):
    alice, eve = sign_in(config, "alice@contoso.com"), sign_in(config, None, name="alice@contoso.com")
    assert run("sessions", "revoke", "--config", config, "--user", "alice@contoso.com").exit_code == 0
    assert lookup(config, alice).tombstone.reason is EndReason.REVOKED
    assert isinstance(lookup(config, eve), Live)
    assert run("sessions", "revoke", "--config", config, "--user", "sub of alice@contoso.com").exit_code == 0
    assert lookup(config, eve).tombstone.reason is EndReason.REVOKED


def test_subject_is_revoked_in_its_own_letter_case_only(run, config):
    eve = sign_in(config, None, name="Eve")
    assert run("sessions", "revoke", "--config", config, "--user", "SUB of Eve").exit_code == 1
    assert isinstance(lookup(config, eve), Live)
    assert run("sessions", "revoke", "--config", config, "--user", "sub of Eve").exit_code == 0


def test_upn_is_revoked_at_every_provider_unless_one_is_named(run, tmp_path, redis_server):
    own = {"name": "partners", "protocol": "ws-federation", "metadata": "https://p/m.xml", "realm": "urn:x"}
    fabrikam = {"name": "fabrikam", "hosts": ["crm.fabrikam.com"], "identity_provider": own}
    config = write_configuration(
        tmp_path,
        port=1,
        issuer="http://127.0.0.1:1/adfs",
        upstream="http://127.0.0.1:2",
        state=redis_server.url,
        more_organizations=[fabrikam],
    )
    ours, theirs = (sign_in(config, "alice@contoso.com", provider=name) for name in ("default", "partners"))
    revoke = ("sessions", "revoke", "--config", config)
    unknown = run(*revoke, "--user", "alice@contoso.com", "--provider", "partner")
    assert unknown.exit_code == 2
    assert "known: default, partners" in unknown.stderr
    assert run(*revoke, "--session", "x" * 43, "--provider", "partners").exit_code == 2
    assert run(*revoke, "--user", "alice@contoso.com", "--provider", "partners").stdout == "1 session ended.\n"
    assert isinstance(lookup(config, ours), Live)
    assert isinstance(lookup(config, theirs), Ended)
    again = sign_in(config, "alice@contoso.com", provider="other")
    assert run(*revoke, "--user", "alice@contoso.com").stdout == "2 sessions ended.\n"
    assert all(isinstance(lookup(config, cookie), Ended) for cookie in (ours, again))


def test_one_session_is_revoked_by_its_id(run, config):
    alice, again = sign_in(config, "alice@contoso.com"), sign_in(config, "alice@contoso.com")
    rows = [json.loads(line) for line in run("sessions", "list", "--config", config, "--json").stdout.splitlines()]
    assert run("sessions", "revoke", "--config", config, "--session", rows[0]["id"]).exit_code == 0
    assert sorted(type(lookup(config, cookie)).__name__ for cookie in (alice, again)) == [
        Ended.__name__,
        Live.__name__,
    ]


def test_an_organization_is_named_in_any_letter_case_or_by_its_guid(run, config):
    sign_in(config, "alice@contoso.com")
    (contoso,) = json.loads(run("organizations", "list", "--config", config, "--json").stdout)
    for name in ("contoso", "CONTOSO", contoso["Id"], f"{{{contoso['Id'].upper()}}}"):
        listed = run("sessions", "list", "--config", config, "--organization", name, "--json").stdout
        assert json.loads(listed)["user"] == "alice@contoso.com"
    ended = run("sessions", "revoke", "--config", config, "--organization", "Contoso", "--user", "alice@contoso.com")
    assert (ended.exit_code, ended.stdout) == (0, "1 session ended.\n")


def test_revoking_nobody_is_exit_1(run, config):
    result = run("sessions", "revoke", "--config", config, "--user", "nobody@contoso.com")
    assert (result.exit_code, result.stdout) == (1, "0 sessions ended.\n")


def test_revoking_needs_to_be_told_whose(run, config):
    result = run("sessions", "revoke", "--config", config)
    assert result.exit_code == 2
    assert "--user" in result.stderr


@pytest.mark.parametrize("command", [["list"], ["revoke", "--user", "alice"]])
def test_with_memory_the_commands_say_why_they_cannot(run, tmp_path, command):
    config = write_configuration(tmp_path, port=1, issuer="http://127.0.0.1:1/adfs", upstream="http://127.0.0.1:2")
    result = run("sessions", *command, "--config", config)
    assert result.exit_code == 2
    assert "known to the running proxy alone" in result.stderr


def test_an_unknown_organization_is_named_with_the_known(run, config):
    result = run("sessions", "list", "--config", config, "--organization", "fabrikam")
    assert result.exit_code == 2
    assert "known are contoso" in result.stderr


def test_a_store_that_is_away_is_exit_1(run, tmp_path):
    config = write_configuration(
        tmp_path, port=1, issuer="http://127.0.0.1:1/adfs", upstream="http://127.0.0.1:2", state="redis://127.0.0.1:1/0"
    )
    result = run("sessions", "list", "--config", config)
    assert result.exit_code == 1
    assert "the store cannot be reached" in result.stderr
