import pytest

from proxy.configuration import load
from proxy.errors import ConfigurationError
from proxy.model.deployment import Deployment
from proxy.model.organization import OrganizationKind

SIX_FAULTS = """\
listen:
  adress: 0.0.0.0:8443
  trusted_proxies: [0.0.0.0/0]
state: "memory:"
secret: short
identity_provider:
  protocol: oidc
  issuer: http://adfs.contoso.com/adfs
  client_id: claims-proxy
  client_secret: ${NOT_SET}
organizations:
  - name: contoso
    hosts: [crm.contoso.com]
    upstream: http://crm.internal:5555
    system_settings:
      sessiontimeoutenabled: perhaps
"""


def test_six_different_faults_are_all_named_with_line_and_column(faults):
    assert [line.partition("; ")[0] for line in faults(SIX_FAULTS)] == [
        "2:3: listen.adress: is not a key here",
        "3:21: listen.trusted_proxies[0]: trusts everybody, so anybody could name any address, scheme and host",
        "5:9: secret: is only 5 bytes long",
        "8:11: identity_provider.issuer: is plain http, so anybody on the way could sign in as anybody",
        "10:18: identity_provider.client_secret: the environment variable NOT_SET is not set",
        "16:30: organizations[0].system_settings.sessiontimeoutenabled: is neither true nor false",
    ]


def test_every_fault_says_what_would_be_right(faults):
    assert all(line.partition("; ")[2] for line in faults(SIX_FAULTS))
    assert faults(SIX_FAULTS)[0].endswith("did you mean address?")


def test_a_good_file_is_a_deployment(loaded, good):
    deployment = loaded(good)
    assert isinstance(deployment, Deployment)
    (organization,) = deployment.organizations
    assert organization.identity_provider == deployment.identity_providers[0].name == "default"
    assert (deployment.listen.host, deployment.listen.port) == ("127.0.0.1", 8080)


def test_minutes_become_seconds_for_the_provider(loaded, good):
    (provider,) = loaded(good.replace("  client_id", "  token_lifetime: 90\n  client_id")).identity_providers
    assert provider.token_lifetime == 5400


def test_variables_are_filled_in_whole_and_in_part_and_typed(loaded, good):
    text = good.replace("crm.internal:5555", "${HOST}:5555") + "workers: ${N}\nsessions:\n  cache: ${CACHE}\n"
    deployment = loaded(text, HOST="crm-02", N="1", CACHE="7")
    assert deployment.organizations[0].upstream == "http://crm-02:5555"
    assert deployment.sessions.cache == 7


def test_an_escaped_variable_stays_a_text(loaded, good):
    deployment = loaded(good.replace("secret-of-the-client", "'$${HOME}'"))
    assert deployment.identity_providers[0].client_secret == "${HOME}"


def test_a_file_s_text_is_a_value_without_its_last_newline(loaded, good, tmp_path):
    (tmp_path / "client").write_text("from a file\n")
    deployment = loaded(good.replace("secret-of-the-client", "{file: client}"))
    assert deployment.identity_providers[0].client_secret == "from a file"


def test_a_file_that_cannot_be_read_is_named(faults, good):
    (line,) = faults(good.replace("secret-of-the-client", "{file: nowhere}"))
    assert line.startswith("7:18: identity_provider.client_secret: the file nowhere cannot be read")


def test_a_key_that_stands_twice_is_named_with_both_lines(faults, good):
    assert faults(good + 'state: "memory:"\n') == ["12:1: state: stands twice, first in line 1; keep one of the two"]


def test_what_is_missing_is_named_where_it_should_stand(faults, good):
    (line,) = faults(good.replace("  issuer: https://adfs.contoso.com/adfs\n", ""))
    assert line == "3:1: identity_provider.issuer: is missing, and oidc needs it; add it"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("- a\n- b\n", "is not a mapping of keys"),
        ("a: [", "is no YAML"),
        ("state: memory:\n", 'put a value with a colon into quotes, as in "memory:"'),
        ("a: &a [*a]\n", "contains itself"),
        ("\x00", "is no YAML"),
    ],
)
def test_a_file_that_is_no_configuration_says_why(faults, text, says):
    assert any(says in line for line in faults(text))


def test_a_missing_file_is_a_fault(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "nowhere.yaml", {})


def test_no_fault_prints_a_secret(faults, good):
    text = good.replace("a-secret-of-at-least-thirty-two-bytes", "hunter2").replace("secret-of-the-client", "[hunter2]")
    assert len(faults(text)) == 2
    assert not any("hunter2" in line for line in faults(text))


def test_no_secret_shows_in_a_deployment_s_repr(loaded, good):
    shown = repr(loaded(good.replace('"memory:"', "redis://:hunter2@redis:6379/0")))
    assert "hunter2" not in shown
    assert "secret-of-the-client" not in shown
    assert "thirty-two-bytes" not in shown


def test_a_portal_has_switches_of_its_own(loaded, good):
    text = good + "    kind: portal\n    server_settings: {AllowCustomSessionDuration: true}\n"
    (organization,) = loaded(text).organizations
    assert organization.kind is OrganizationKind.PORTAL
    assert organization.server_settings.allow_custom_session_duration
    assert not organization.server_settings.allow_custom_inactivity_duration


def test_organizations_of_one_host_share_it(loaded, good):
    text = (
        good
        + "    path: /contoso\n  - {name: fabrikam, hosts: [crm.contoso.com], path: /fabrikam, upstream: http://b}\n"
    )
    assert [organization.cookie_suffix for organization in loaded(text).organizations] == ["-contoso", "-fabrikam"]
    assert loaded(good).organizations[0].cookie_suffix == ""


def test_an_organization_s_own_provider_needs_a_name_of_its_own(faults, good):
    own = "    identity_provider: {protocol: oidc, issuer: https://b/adfs, client_id: b, client_secret: b%s}\n"
    assert "is named default like another one" in faults(good + own % "")[0]
    assert faults(good + own % ", name: partners") == []


def test_several_addresses_of_an_upstream_are_one_organization_s(good, tmp_path):
    both = "[http://crm-01.internal:5555, https://crm-02.internal]"
    path = tmp_path / "proxy.yaml"
    path.write_text(good.replace("http://crm.internal:5555", both))
    (contoso,) = load(path, {}).organizations
    assert (contoso.upstream, contoso.further_upstreams) == (
        "http://crm-01.internal:5555",
        ("https://crm-02.internal",),
    )
