"""The demonstration's command: what it hands on, and what it refuses."""

import sys

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.demo.stage import Part
from proxy.model.provider import Protocol

# The package's attribute of this name is the command, which hides its module.
COMMAND = sys.modules["proxy.cli.demo"]


@pytest.fixture
def asked(monkeypatch):
    """Runs the command without serving; answers what it would have served."""
    found = {}
    monkeypatch.setattr(COMMAND, "run_demo", lambda **words: found.update(words))

    def run(*words):
        result = CliRunner().invoke(main, ["demo", *words])
        assert result.exit_code == 0, result.output
        return found

    return run


def test_without_options_all_three_stay_on_loopback(asked):
    words = asked()
    assert words.pop("protocol") is Protocol.OIDC
    assert words == {"port": 8080, "only": None, "name": None, "private_network": False}


def test_people_may_sign_in_by_ws_federation(asked):
    assert asked("--protocol", "ws-federation")["protocol"] is Protocol.WS_FEDERATION


@pytest.mark.parametrize("part", Part)
def test_one_part_may_be_asked_for(asked, part):
    assert asked("--only", part.value, "--port", "18080")["only"] is part


def test_a_network_is_private_only_where_that_is_said(asked):
    words = asked("--private-network", "--host-name", "demo.localhost")
    assert (words["private_network"], words["name"]) == (True, "demo.localhost")


def test_a_part_that_does_not_exist_is_a_wrong_call():
    result = CliRunner().invoke(main, ["demo", "--only", "proxy"])
    assert result.exit_code == 2
    assert "'provider', 'crm'" in result.stderr


def test_a_name_of_another_machine_is_refused_with_the_reason():
    result = CliRunner().invoke(main, ["demo", "--private-network", "--host-name", "demo.contoso.com"])
    assert result.exit_code == 1
    assert "accepts any password" in result.stderr
