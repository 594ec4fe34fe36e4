"""The rules in force as sentences: when sessions end, and which warnings are seen."""

from dataclasses import replace

import pytest

from proxy.admin.words import rule_in_words
from proxy.model.deployment import Deployment, Listen
from proxy.model.organization import Organization, ScriptPlacement
from proxy.model.provider import IdentityProvider, SecretText
from proxy.model.settings import ActivityCounts, FeatureControlBits, ServerSettings, SystemSettings
from proxy.settings.current import rules_of

SETTINGS = SystemSettings(
    sessiontimeoutenabled=True,
    sessiontimeoutinmins=480,
    inactivitytimeoutenabled=True,
    inactivitytimeoutinmins=20,
    inactivitytimeoutreminderinmins=5,
)
CONTOSO = Organization("contoso", "1", ("crm.contoso.com",), "http://crm:5555", system_settings=SETTINGS)
ON = ServerSettings(allow_custom_session_duration=True, allow_custom_inactivity_duration=True)
NONE, DOCUMENTS = ScriptPlacement.NONE, ScriptPlacement.DOCUMENTS


def said(*, inject=DOCUMENTS, **changes) -> str:
    organization = replace(CONTOSO, inject=inject)
    made = Deployment(
        listen=Listen(),
        state=SecretText("memory:"),
        secrets=(SecretText("x" * 32),),
        identity_providers=(IdentityProvider("default", "https://adfs/adfs", "a", SecretText("b")),),
        organizations=(organization,),
        **{"server_settings": ON, "feature_control_bits": FeatureControlBits(True), **changes},
    )
    return " ".join(rule_in_words(rules_of(made, organization), made, organization))


def test_warnings_are_promised_only_where_pages_get_the_script():
    assert said() == (
        "Sessions end 480 minutes after sign-in, with a warning 20 minutes before. "
        "Whoever does nothing for 20 minutes is signed out, with a warning 5 minutes before."
    )
    assert said(inject=NONE) == (
        "Sessions end 480 minutes after sign-in. Whoever does nothing for 20 minutes is signed out. "
        "No warning is shown, and only navigations count as activity (typing does not), because browser.inject is "
        "none: pages do not get the proxy's script."
    )
    assert "No warning is shown, because" in said(inject=NONE, counts=ActivityCounts.EVERY_REQUEST)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"server_settings": ServerSettings()}, "at most, because AllowCustomSessionDuration is off."),
        (
            {"server_settings": ServerSettings(), "feature_control_bits": FeatureControlBits()},
            "because AllowCustomInactivityDuration is off and the feature control bit FCB.UCIInactivityTimeout is off.",
        ),
        ({"feature_control_bits": FeatureControlBits()}, "because the feature control bit FCB.UCIInactivityTimeout is"),
    ],
)
def test_what_keeps_a_timeout_from_taking_effect_is_named(changes, says):
    assert says in said(**changes)
    assert "because" not in said()
