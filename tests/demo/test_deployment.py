"""The packaged configuration suits this version, and moves with the ports."""

from importlib.resources import files
from pathlib import Path

from proxy.demo.deployment import demo_client, demo_deployment
from proxy.demo.stage import Places


def test_the_packaged_configuration_is_the_one_in_the_config_folder():
    published = Path(__file__).resolve().parents[2] / "config" / "demo.yaml"
    assert published.read_bytes() == (files("proxy.demo") / "demo.yaml").read_bytes()


def test_the_configuration_moves_to_the_places_that_were_chosen():
    deployment = demo_deployment(Places("127.0.0.2", 18080))
    (organization,), (provider,) = deployment.organizations, deployment.identity_providers
    assert (deployment.listen.host, deployment.listen.port) == ("127.0.0.2", 18080)
    assert provider.issuer == "http://127.0.0.2:18081/adfs"
    assert provider.resource == "http://127.0.0.2:18080/"
    assert organization.upstream == "http://127.0.0.2:18082"
    assert organization.hosts == ("127.0.0.2", "localhost")


def test_the_configuration_speaks_of_the_name_that_browsers_use():
    deployment = demo_deployment(Places("0.0.0.0", 18080, "demo.localhost"))
    (organization,), (provider,) = deployment.organizations, deployment.identity_providers
    assert (deployment.listen.host, provider.issuer) == ("0.0.0.0", "http://demo.localhost:18081/adfs")
    assert organization.hosts == ("demo.localhost", "localhost")
    assert "http://demo.localhost:18080/.claims/callback" in demo_client(deployment).redirect_uris


def test_the_demonstration_enforces_two_minutes_of_inactivity():
    deployment = demo_deployment(Places())
    settings = deployment.organizations[0].system_settings
    assert deployment.feature_control_bits.uci_inactivity_timeout
    assert deployment.server_settings.allow_custom_inactivity_duration
    assert (settings.inactivitytimeoutenabled, settings.inactivitytimeoutinmins) == (True, 2)
    assert deployment.limits.inactivity_minimum <= 2
    assert deployment.state == "memory:"


def test_the_double_knows_the_proxys_addresses():
    deployment = demo_deployment(Places())
    client = demo_client(deployment)
    assert client.client_id == deployment.identity_providers[0].client_id
    assert client.secret == deployment.identity_providers[0].client_secret
    assert client.redirect_uris == (
        "http://127.0.0.1:8080/.claims/callback",
        "http://localhost:8080/.claims/callback",
        "http://admin.localhost:8080/.claims/callback",
    )
    assert client.may_return_after_logout("http://127.0.0.1:8080/.claims/signed-out")
    assert client.resources == ("http://127.0.0.1:8080/",)
