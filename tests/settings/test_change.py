"""What a change comes to, and what is wrong with it."""

import pytest

from proxy.errors import SettingsInvalid, SettingUnknown
from proxy.model.settings import ServerSettings
from proxy.settings.catalogue import setting_named
from proxy.settings.change import Wish, back_to, organization_named, propose
from proxy.settings.history import Entry, Item, entry_of
from proxy.settings.values import EVERYWHERE, Name, effective, in_force, understood
from settings.conftest import CONTOSO

LENGTH = Name("contoso", "sessiontimeoutinmins")


def wish(name="sessiontimeoutinmins", value=90, organization="contoso"):
    return Wish(organization, name, value)


def test_values_stand_in_place_of_the_configurations(deployment):
    values = {
        LENGTH: 90,
        Name("contoso", "WSFedNonceCookieEnabled"): True,
        Name("portal", "AllowCustomSessionDuration"): False,
        Name(EVERYWHERE, "AllowCustomInactivityDuration"): False,
        Name(EVERYWHERE, "FCB.UCIInactivityTimeout"): False,
        Name("gone", "sessiontimeoutinmins"): 70,
    }
    after = in_force(deployment, values)
    contoso, fabrikam, portal = after.organizations
    assert contoso.system_settings.sessiontimeoutinmins == 90
    assert contoso.wsfed_nonce_cookie_enabled is True
    assert fabrikam == deployment.organizations[1]
    assert portal.server_settings == ServerSettings(
        allow_custom_session_duration=False, allow_custom_inactivity_duration=True
    )
    assert not after.server_settings.allow_custom_inactivity_duration
    assert after.server_settings.allow_custom_session_duration
    assert not after.feature_control_bits.uci_inactivity_timeout
    assert in_force(deployment, {}) is deployment


def test_what_is_left_open_acts_as_the_server_settings_say_but_for_portals(deployment):
    contoso, _, portal = deployment.organizations
    setting = setting_named("WSFedNonceCookieEnabled", contoso)
    on = in_force(deployment, {Name(EVERYWHERE, "WSFedNonceCookieEnabled"): True})
    assert [effective(each, contoso, setting) for each in (deployment, on)] == [False, True]
    assert [effective(each, portal, setting) for each in (deployment, on)] == [False, False]
    own = in_force(on, {Name("contoso", "WSFedNonceCookieEnabled"): False})
    assert effective(own, own.organizations[0], setting) is False
    length = setting_named("sessiontimeoutinmins", contoso)
    assert effective(deployment, contoso, length) == 480


def test_what_another_hand_wrote_into_the_store_is_left_out_where_it_is_no_value():
    kept = {LENGTH.text: "90", "contoso sessiontimeoutenabled": "1", "* x": "true", "contoso a": "{", "y": "5"}
    assert understood(kept) == {LENGTH: 90}


def test_a_proposal_names_what_would_change(deployment):
    proposal = propose(deployment, {}, [wish(), wish("sessiontimeoutreminderinmins", 20)])
    assert proposal.items == (
        Item("contoso", "sessiontimeoutinmins", None, 90),
        Item("contoso", "sessiontimeoutreminderinmins", None, 20),
    )
    assert proposal.values == {LENGTH: 90, Name("contoso", "sessiontimeoutreminderinmins"): 20}
    assert propose(deployment, {LENGTH: 90}, [wish()]).items == ()
    assert propose(deployment, {LENGTH: 90}, [wish(value=None)]).items == (Item("contoso", LENGTH.setting, 90, None),)


def test_an_organization_is_named_by_name_or_guid_in_any_letter_case(deployment):
    contoso = deployment.organizations[0]
    for text in ("Contoso", CONTOSO.upper(), f"{{{CONTOSO}}}"):
        assert organization_named(deployment, text) is contoso
    with pytest.raises(SettingUnknown, match="did you mean contoso"):
        organization_named(deployment, "contosso")


@pytest.mark.parametrize(
    ("bad", "good", "field", "bound"),
    [
        ([wish(value=59)], [wish(value=60)], "sessiontimeoutinmins", "limits.session_minimum"),
        ([wish(value=1441)], [wish(value=1440)], "sessiontimeoutinmins", "limits.session_maximum"),
        (
            [wish(), wish("sessiontimeoutreminderinmins", 90)],
            [wish(), wish("sessiontimeoutreminderinmins", 89)],
            "sessiontimeoutreminderinmins",
            "below 90",
        ),
        (
            [wish("inactivitytimeoutinmins", 4), wish("inactivitytimeoutreminderinmins", 1)],
            [wish("inactivitytimeoutinmins", 5), wish("inactivitytimeoutreminderinmins", 1)],
            "inactivitytimeoutinmins",
            "at least 5 minutes",
        ),
        ([wish("inactivitytimeoutinmins", 480)], [wish("inactivitytimeoutinmins", 479)], "inactivity", "below 480"),
        ([wish("inactivitytimeoutinmins", 5)], [wish("inactivitytimeoutinmins", 6)], "reminderinmins", "below 5"),
    ],
)
def test_a_value_out_of_bounds_names_field_bound_and_what_is_around_it(deployment, bad, good, field, bound):
    with pytest.raises(SettingsInvalid) as refused:
        propose(deployment, {}, bad)
    (problem,) = refused.value.problems
    assert field in problem.setting
    assert bound in problem.bound
    assert "sessiontimeoutinmins " in problem.around
    assert propose(deployment, {}, good).items


@pytest.mark.parametrize("value", ["90", 9.5, True])
def test_a_value_of_another_kind_is_refused(deployment, value):
    with pytest.raises(SettingUnknown, match="whole number of minutes"):
        propose(deployment, {}, [wish(value=value)])


def test_a_switch_takes_no_number(deployment):
    with pytest.raises(SettingUnknown, match="true or false"):
        propose(deployment, {}, [wish("sessiontimeoutenabled", 1)])


def entries(*changes):
    """Entries of these (before, after) pairs of one setting, the newest first."""
    made = [
        Entry("changed", 1.0, "a", "", number, (Item("contoso", LENGTH.setting, *pair),))
        for number, pair in enumerate(changes, 1)
    ]
    return [Entry("user_revoked", 2.0, "a", "", subject="bob"), *reversed(made)]


def test_going_back_undoes_what_came_after():
    history = entries((None, 90), (90, 120), (120, None))
    assert back_to(1, history, {}) == (wish(value=90),)
    assert back_to(0, history, {LENGTH: 90}) == (wish(value=None),)
    assert back_to(2, history, {LENGTH: 120}) == ()


@pytest.mark.parametrize("revision", [3, 7, -1])
def test_a_revision_that_was_not_cannot_be_gone_back_to(revision):
    with pytest.raises(SettingUnknown, match="from 0 to 2"):
        back_to(revision, entries((None, 90), (90, 120), (120, None)), {})
    with pytest.raises(SettingUnknown, match="nothing was ever changed"):
        back_to(0, [], {})


def test_an_entry_is_read_as_it_was_written():
    for entry in entries((None, 90), (90, None)):
        assert entry_of(entry.text) == entry
    for text in ("", "[]", "{}", '{"act": "x", "at": 1, "wrong": 2}'):
        assert entry_of(text) is None
