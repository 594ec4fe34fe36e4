"""Settings by the names that administrators know, in any letter case."""

import pytest

from proxy.errors import SettingUnknown
from proxy.settings.catalogue import SETTINGS, parse, setting_named


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_found_in_any_letter_case(setting, deployment):
    contoso, _, portal = deployment.organizations
    of = next(each for each in (None, contoso, portal) if setting.is_of(each))
    for text in (setting.name, setting.name.upper(), setting.name.lower()):
        assert setting_named(text, of) is setting


def test_an_unknown_name_is_answered_with_the_nearest(deployment):
    contoso = deployment.organizations[0]
    with pytest.raises(SettingUnknown, match="did you mean AllowCustomSessionDuration"):
        setting_named("AllowCustomSesionDuration", None)
    with pytest.raises(SettingUnknown, match="did you mean sessiontimeoutinmins"):
        setting_named("sessiontimeoutmins", contoso)
    with pytest.raises(SettingUnknown, match="known are AllowCustomSessionDuration, "):
        setting_named("zzz", None)


def test_a_setting_of_others_says_whose_it_is(deployment):
    contoso, _, portal = deployment.organizations
    with pytest.raises(SettingUnknown, match="each organization has its own"):
        setting_named("sessiontimeoutinmins", None)
    with pytest.raises(SettingUnknown, match="only portals have it"):
        setting_named("AllowCustomSessionDuration", contoso)
    assert setting_named("AllowCustomSessionDuration", portal).attribute == "allow_custom_session_duration"
    with pytest.raises(SettingUnknown, match="holds for all organizations"):
        setting_named("FCB.UCIInactivityTimeout", portal)


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("$True", True), ("1", True), ("no", False), ("FALSE", False), ("default", None), ("$null", None)],
)
def test_a_switch_is_read_as_people_write_it(text, value):
    assert parse(setting_named("WSFedNonceCookieEnabled", None), text) is value


def test_minutes_are_a_whole_number(deployment):
    setting = setting_named("sessiontimeoutinmins", deployment.organizations[0])
    assert parse(setting, " 90 ") == 90
    assert parse(setting, "default") is None
    for text in ("1.5", "-5", "ten", "true", ""):
        with pytest.raises(SettingUnknown, match="write a whole one"):
            parse(setting, text)
    with pytest.raises(SettingUnknown, match="neither true nor false"):
        parse(setting_named("WSFedNonceCookieEnabled", None), "90")
