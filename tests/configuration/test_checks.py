"""Dangerous combinations, each beside a twin that is accepted."""

import pytest

INACTIVITY = "\n      inactivitytimeoutenabled: true\n      inactivitytimeoutinmins: 10\n"
ADMINISTRATION = "administration: {host: %s%s}\n"
LONG = "    system_settings: {sessiontimeoutenabled: true, sessiontimeoutinmins: 1500}\n"
TWO = "  - {name: fabrikam, hosts: [%s], upstream: http://b%s}\n"


def change(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("bad", "fine", "says"),
    [
        ("workers: 4\n", "workers: 1\n", "workers: several workers cannot share memory:"),
        (
            ADMINISTRATION % ("CRM.contoso.com", ""),
            ADMINISTRATION % ("admin.contoso.com", ""),
            "administration.host: crm.contoso.com is a host of organization contoso",
        ),
        (
            ADMINISTRATION % ("'admin.contoso.com:8443'", ""),
            ADMINISTRATION % ("'admin.contoso.com'", ""),
            "administration.host: is no host name; write the name alone, without scheme, port and path",
        ),
        (
            ADMINISTRATION % ("admin.contoso.com", ", provider: partner"),
            ADMINISTRATION % ("admin.contoso.com", ", provider: default"),
            "administration.provider: partner is not the name of an identity provider; fix: write one of default",
        ),
        (
            TWO.replace("fabrikam", "administration") % ("b", "") + ADMINISTRATION % ("admin.contoso.com", ""),
            TWO.replace("fabrikam", "administration") % ("b", ""),
            "name: administration is the name of the administration host",
        ),
        (TWO % ("crm.contoso.com", ""), TWO % ("crm.fabrikam.com", ""), "is claimed by contoso already"),
        (
            TWO % ("CRM.contoso.com", ""),
            TWO % ("crm.contoso.com", ", path: /fabrikam"),
            "is claimed by contoso already",
        ),
        (
            TWO.replace("fabrikam", "contoso") % ("b", ""),
            TWO % ("b", ""),
            "name: is the same as another organization's",
        ),
        ("listen: {trusted_proxies: [0.0.0.0/0]}\n", "listen: {trusted_proxies: [10.0.0.0/8]}\n", "trusts everybody"),
        ("listen: {trusted_proxies: ['::/0']}\n", "listen: {trusted_proxies: ['fd00::/8']}\n", "trusts everybody"),
        (
            "listen: {trusted_proxies: [0.0.0.0/1, 128.0.0.0/1]}\n",
            "listen: {trusted_proxies: [10.0.0.0/8, 192.168.0.0/16]}\n",
            "trusted_proxies[1]: trusts a great part of all addresses",
        ),
        (
            "listen: {trusted_proxies: ['fc00::/7']}\n",
            "listen: {trusted_proxies: ['2001:db8::/32']}\n",
            "alone, or a network of /8 or smaller",
        ),
        (
            "    session_cookie: {same_site: none}\n",
            "    session_cookie: {same_site: none}\nlisten: {tls: {certificate: a, key: b}}\n",
            "none needs https",
        ),
        (
            "    system_settings: {sessiontimeoutenabled: true, sessiontimeoutinmins: 59}\n",
            "    system_settings: {sessiontimeoutenabled: true, sessiontimeoutinmins: 60}\n",
            "sessiontimeoutinmins: 59 is out of bounds; write from 60 to 1440 minutes",
        ),
        (
            LONG,
            LONG + "limits: {session_maximum: 2000}\n",
            "sessiontimeoutinmins: 1500 is out of bounds",
        ),
        (
            "    system_settings: {inactivitytimeoutenabled: true, inactivitytimeoutinmins: 10}\n",
            "    system_settings:" + INACTIVITY + "      inactivitytimeoutreminderinmins: 9\n",
            "inactivitytimeoutreminderinmins: is missing; write at least 1",
        ),
        (
            "    claims_to_headers: {role: Content-Length}\n",
            "    claims_to_headers: {role: X-Role}\n",
            "Content-Length may not carry a claim",
        ),
        (
            "    exempt_clients: [{kind: outlook}]\n",
            "    exempt_clients: [{kind: outlook, path: /o}]\n",
            "does not say how the client is recognized",
        ),
        (
            "    upstream_tls: {server_name: crm-01.contoso.com}\n",
            "    upstream_tls: {}\n",
            "is for an https upstream, and this one is plain http",
        ),
        (
            "    upstream_health: {path: status}\n",
            "    upstream_health: {path: /status}\n",
            "does not begin with a slash",
        ),
        (
            "binding: {device_bound_sessions: required}\n",
            "binding: {device_bound_sessions: required}\nlisten: {tls: {certificate: a, key: b}}\n",
            "required needs https",
        ),
        *(
            (
                f"binding: {{bind_to_network: '{bad}'}}\n",
                "binding: {bind_to_network: '/24,/56'}\n",
                "is no pair of prefix",
            )
            for bad in ("/24", "24,56", "/33,/56", "/24,/129", "/0,/56", "/24,/56,/8")
        ),
        ("    upstream_tls: {certificate: a.crt}\n", "    upstream_tls: {}\n", "has a certificate without its key"),
        ("    path: /contoso/\n", "    path: /contoso\n", "is no path prefix"),
        ("    anonymous: [public]\n", "    anonymous: [/public]\n", "does not begin with a slash"),
    ],
)
def test_a_danger_is_named_and_its_harmless_twin_is_not(faults, good, bad, fine, says):
    found = faults(good + bad)
    assert any(says in line for line in found), found
    assert faults(good + fine) == []


@pytest.mark.parametrize(
    ("old", "bad", "fine", "says"),
    [
        ("https://adfs.contoso.com", "http://adfs.contoso.com", "http://127.0.0.1:8081", "is plain http"),
        ("a-secret-of-at-least-thirty-two-bytes", "x" * 31, "x" * 32, "is only 31 bytes long"),
        (
            "upstream: http://crm.internal:5555",
            "upstream: [http://crm.internal:5555, crm-02]",
            "upstream: [http://crm.internal:5555]",
            "is no upstream",
        ),
        ("http://crm.internal:5555", "http://crm.internal/app", "https://crm.internal", "is no upstream"),
        ("[crm.contoso.com]", "['https://crm.contoso.com']", "[crm.contoso.com]", "is no host name"),
        ('"memory:"', "postgres://x", "memory", "is no store"),
        ("oidc", "saml", "oidc", "is not a known word; write 'oidc' or 'ws-federation'"),
    ],
)
def test_a_bad_value_is_named_and_a_good_one_is_not(  # noqa: PLR0917 - one table, its columns
    faults, good, old, bad, fine, says
):
    found = faults(change(good, old, bad))
    assert any(says in line for line in found), found
    assert faults(change(good, old, fine)) == []


def test_dangers_are_named_beside_faults_of_other_keys(faults, good):
    text = change(good, "hosts: [crm.contoso.com]", "hostz: [crm.contoso.com]") + "workers: 4\n"
    found = "\n".join(faults(text))
    assert "did you mean hosts?" in found
    assert "several workers" in found


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
@pytest.mark.parametrize(
    ("bad", "fine"),
    [
        ("hush#hush", "hush%23hush"),
        ("hush?hush", "hush%3Fhush"),
        ("hush/hush", "hush%2Fhush"),
        ("hush@hush", "hush%40hush"),
        ("hush[hush", "hush%5Bhush"),
        ("hush hush", "hush%20hush"),
        ("12#hush", "12%23hush"),
    ],
)
def test_password_that_is_not_encoded_is_a_fault_and_is_not_shown(faults, good, scheme, bad, fine):
    text = change(good, '"memory:"', f'"{scheme}://user:${{PASSWORD}}@redis.example:6379/0"')
    (found,) = faults(text, PASSWORD=bad)
    assert "state: is no address of a store; percent-encode user and password" in found
    assert "hush" not in found
    assert faults(text, PASSWORD=fine) == []


@pytest.mark.parametrize(("bad", "fine"), [("redis://", "redis://a"), ("redis://a:x/0", "redis://a:6379/0")])
def test_store_needs_a_host_and_a_port_that_is_a_number(faults, good, bad, fine):
    assert any("is no address of a store" in each for each in faults(change(good, "memory:", bad)))
    assert faults(change(good, "memory:", fine)) == []


@pytest.mark.parametrize("scheme", ["redis+sentinel", "redis+cluster"])
def test_what_would_not_act_is_refused_in_so_many_words(faults, good, scheme):
    found = faults(change(good, '"memory:"', f'"{scheme}://a.example/0"'))
    says = "state: is not supported by this version; write memory:, redis:// or rediss://"
    assert any(says in line for line in found), found


def test_words_that_mean_off_are_accepted(faults, good):
    more = 'settings: {source: yaml}\nbinding: {device_bound_sessions: "off"}\nworkers: auto\n'
    assert faults(good + more) == []


def test_administration_needs_a_provider_where_none_is_at_the_top(faults, good):
    own = "    identity_provider: {name: own, protocol: oidc, issuer: https://b, client_id: a, client_secret: b}\n"
    provider, organizations = good.split("organizations:\n")
    head = provider[: provider.index("identity_provider:")] + f"organizations:\n{organizations}{own}"
    (fault,) = faults(head + ADMINISTRATION % ("admin.contoso.com", ""))
    assert "administration.provider: is missing, and there is no top-level identity_provider" in fault
    assert fault.endswith("fix: write one of own")
    assert faults(head + ADMINISTRATION % ("admin.contoso.com", ", provider: own")) == []
