"""Warnings about timeouts without effect and warnings that nobody sees, each beside a positive control."""

import pytest

SEEN = "    browser: {inject: documents}\n"
SESSION = f"{SEEN}    system_settings: {{sessiontimeoutenabled: true, sessiontimeoutinmins: 90}}\n"
INACTIVITY = f"{SEEN}    system_settings: {{inactivitytimeoutenabled: true, inactivitytimeoutinmins: 20"
INACTIVITY += ", inactivitytimeoutreminderinmins: 5}\n"
UNSEEN = "9:5: warning: organizations[0].browser.inject: is none"
BOTH = "server_settings: {AllowCustomSessionDuration: true, AllowCustomInactivityDuration: true}\n"
BIT = "feature_control_bits: {FCB.UCIInactivityTimeout: true}\n"
PORTAL = "    kind: portal\n"
LIVE = "settings: {source: live}\n"


@pytest.fixture
def warnings(loaded, good):
    """The warnings about what is written over a good file, as printed, from the line on."""
    return lambda text: [each.as_warning().rpartition("proxy.yaml:")[2] for each in loaded(good + text).warnings]


@pytest.mark.parametrize(
    ("bad", "fine", "says"),
    [
        (
            SESSION,
            SESSION + BOTH,
            (
                "13:46: warning: organizations[0].system_settings.sessiontimeoutenabled: takes no effect, because "
                "AllowCustomSessionDuration is off; fix: write AllowCustomSessionDuration: true below "
                "server_settings"
            ),
        ),
        (
            INACTIVITY,
            INACTIVITY + BOTH + BIT,
            (
                "13:49: warning: organizations[0].system_settings.inactivitytimeoutenabled: takes no effect, because "
                "AllowCustomInactivityDuration and FCB.UCIInactivityTimeout are off; fix: write "
                "AllowCustomInactivityDuration: true below server_settings and FCB.UCIInactivityTimeout: true below "
                "feature_control_bits"
            ),
        ),
        (
            INACTIVITY + BOTH + LIVE,
            INACTIVITY + BOTH + BIT + LIVE,
            (
                "13:49: warning: organizations[0].system_settings.inactivitytimeoutenabled: takes no effect, because "
                "FCB.UCIInactivityTimeout is off; fix: write FCB.UCIInactivityTimeout: true below "
                "feature_control_bits, "
                "or run claims-proxy settings set FCB.UCIInactivityTimeout=true"
            ),
        ),
        (
            f"{PORTAL}    server_settings: {{AllowCustomSessionDuration: false}}\n{SESSION}",
            PORTAL + SESSION,
            (
                "15:46: warning: organizations[0].system_settings.sessiontimeoutenabled: takes no effect, because "
                "AllowCustomSessionDuration is off; fix: write AllowCustomSessionDuration: true below server_settings "
                "of contoso"
            ),
        ),
        (
            SESSION.replace("sessiontimeoutenabled: true, ", "") + BOTH,
            SESSION + BOTH,
            (
                "13:45: warning: organizations[0].system_settings.sessiontimeoutinmins: takes no effect, because "
                "sessiontimeoutenabled is false; fix: write sessiontimeoutenabled: true, or leave "
                "sessiontimeoutinmins out"
            ),
        ),
        (
            "",
            SEEN,
            (
                f"{UNSEEN}, so no user sees a warning before a session ends; "
                "fix: write browser: {inject: documents} for this organization"
            ),
        ),
        (
            INACTIVITY.removeprefix(SEEN) + BOTH + BIT,
            INACTIVITY + BOTH + BIT,
            (
                f"{UNSEEN}, so no user sees a warning before a session ends, "
                "and only navigations count as activity: typing does not; fix: write browser: {inject: documents}"
            ),
        ),
        (
            INACTIVITY.removeprefix(SEEN) + BOTH + BIT + "inactivity: {counts: every_request}\n",
            INACTIVITY + BOTH + BIT + "inactivity: {counts: every_request}\n",
            (f"{UNSEEN}, so no user sees a warning before a session ends; "),
        ),
    ],
)
def test_timeout_without_effect_is_warned_of_and_its_control_is_not(warnings, bad, fine, says):
    assert [line[: len(says)] for line in warnings(bad)] == [says]
    assert warnings(fine) == []


def test_settings_that_nobody_enables_and_nobody_writes_are_not_warned_of(warnings):
    assert warnings(SEEN) == []
