from dataclasses import replace

from proxy.configuration.difference import differences
from proxy.model.deployment import Deployment, Listen, Tls
from proxy.model.organization import Organization
from proxy.model.provider import IdentityProvider, SecretText
from proxy.model.settings import SystemSettings

CONTOSO = Organization("contoso", "1", ("crm.contoso.com",), "http://crm-01:5555")
FABRIKAM = Organization("fabrikam", "2", ("crm.fabrikam.com",), "http://crm-02:5555")
DEPLOYMENT = Deployment(
    listen=Listen(),
    state=SecretText("redis://:hunter2@redis:6379/0"),
    secrets=(SecretText("first-secret"), SecretText("second-secret")),
    identity_providers=(IdentityProvider("default", "https://adfs", "id", SecretText("client-hunter2")),),
    organizations=(CONTOSO,),
)


def changed(**values) -> tuple[str, ...]:
    return differences(DEPLOYMENT, replace(DEPLOYMENT, **values))


def test_the_same_differs_in_nothing():
    assert changed() == ()
    assert changed(files=("elsewhere.yaml",)) == ()


def test_a_value_is_named_by_its_path_before_and_after():
    assert changed(listen=Listen(prefix="/-")) == ("listen.prefix: /.claims -> /-",)


def test_organizations_are_told_by_name():
    settings = SystemSettings(sessiontimeoutenabled=True)
    assert changed(organizations=(replace(CONTOSO, system_settings=settings),)) == (
        "organizations[contoso].system_settings.sessiontimeoutenabled: False -> True",
    )
    assert changed(organizations=(CONTOSO, FABRIKAM)) == ("organizations[fabrikam]: (none) -> fabrikam",)
    assert changed(organizations=(FABRIKAM,)) == (
        "organizations[contoso]: contoso -> (none)",
        "organizations[fabrikam]: (none) -> fabrikam",
    )


def test_lists_are_told_whole():
    hosts = ("crm.contoso.com", "crm2.contoso.com")
    assert changed(organizations=(replace(CONTOSO, hosts=hosts),)) == (
        "organizations[contoso].hosts: [crm.contoso.com] -> [crm.contoso.com, crm2.contoso.com]",
    )


def test_what_comes_or_goes_whole_is_said_to():
    assert changed(listen=Listen(tls=Tls("a", "b"))) == ("listen.tls: (none) -> (set)",)


def test_of_secrets_only_that_they_changed_is_told():
    provider = replace(DEPLOYMENT.identity_providers[0], client_secret=SecretText("another"))
    told = changed(
        state=SecretText("redis://:hunter3@redis:6379/0"),
        secrets=(SecretText("third-secret"), *DEPLOYMENT.secrets),
        identity_providers=(provider,),
    )
    assert told == (
        "state: (a secret) -> (a secret)",
        "secrets[0]: (a secret) -> (a secret)",
        "secrets[1]: (a secret) -> (a secret)",
        "secrets[2]: (none) -> (a secret)",
        "identity_providers[default].client_secret: (a secret) -> (a secret)",
    )
