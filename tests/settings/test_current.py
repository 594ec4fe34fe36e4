from dataclasses import replace

from structlog.testing import capture_logs

from proxy.model.deployment import Deployment, Listen
from proxy.model.organization import Organization
from proxy.model.provider import SecretText
from proxy.model.settings import ServerSettings, SystemSettings
from proxy.settings.current import CurrentRules

CONTOSO = Organization("contoso", "1", ("crm.contoso.com",), "http://crm")
FABRIKAM = Organization(
    "fabrikam",
    "2",
    ("crm.fabrikam.com",),
    "http://crm",
    system_settings=SystemSettings(sessiontimeoutenabled=True, sessiontimeoutinmins=90),
)
DEPLOYMENT = Deployment(
    listen=Listen(),
    state=SecretText("memory:"),
    secrets=(SecretText("x" * 32),),
    identity_providers=(),
    organizations=(CONTOSO, FABRIKAM),
    server_settings=ServerSettings(allow_custom_session_duration=True),
)


def test_each_organization_has_its_own_rules():
    rules = CurrentRules(DEPLOYMENT)
    assert rules(CONTOSO).session_length is None
    assert rules(FABRIKAM).session_length == 90 * 60


def test_a_value_out_of_bounds_is_logged_with_what_it_was_taken_as():
    short = replace(FABRIKAM, system_settings=replace(FABRIKAM.system_settings, sessiontimeoutinmins=5))
    with capture_logs() as lines:
        rules = CurrentRules(replace(DEPLOYMENT, organizations=(short,)))
    assert rules(short).session_length == 60 * 60
    (line,) = [line for line in lines if line["setting"] == "sessiontimeoutinmins"]
    assert (line["event"], line["organization"], line["value"], line["taken_as"]) == (
        "setting_out_of_bounds",
        "fabrikam",
        5,
        60,
    )
