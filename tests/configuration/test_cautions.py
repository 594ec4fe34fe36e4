"""Warnings about configurations that can be run, each beside a positive control without one."""

import pytest


@pytest.fixture
def warnings(loaded):
    """The warnings about a YAML text, as printed, without the folder."""
    return lambda text: [each.as_warning().rpartition("proxy.yaml:")[2] for each in loaded(text).warnings]


@pytest.mark.parametrize(
    ("bad", "fine", "says"),
    [
        (
            "    anonymous: [/static, /]\n",
            "    anonymous: [/static, /help]\n",
            "12:26: warning: organizations[0].anonymous[1]: lets every request of this organization pass",
        ),
    ],
)
def test_misleading_key_is_warned_of_and_its_control_is_not(warnings, good, bad, fine, says):
    assert [line[: len(says)] for line in warnings(good + bad)] == [says]
    assert warnings(good + fine) == []
