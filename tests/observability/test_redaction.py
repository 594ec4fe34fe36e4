"""Secrets in logs: hidden by the name of a field and by the shape of a text; everything else is shown."""

import pytest

from proxy.observability.redaction import REDACTED, redact, redact_text

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "key",
    [
        *("token", "id_token", "access-token", "client_secret", "Cookie", "set_cookie", "password", "code", "state"),
        *("accessToken", "clientSecret", "idTokenHint"),
        *("Authorization", "client-assertion", "code_verifier", "wresult", "wctx", "nonce", "id_token_hint"),
    ],
)
def test_a_value_under_a_secret_name_is_hidden(key):
    assert redact(None, "info", {key: "hunter2"})[key] == REDACTED


@pytest.mark.parametrize(
    "key",
    [
        *("status", "status_code", "exit_code", "error_code", "signal", "token_lifetime", "token_end", "state_store"),
        *("path", "organization", "encoded", "reason", "session", "credentials_after", "setting"),
    ],
)
def test_a_value_under_a_harmless_name_is_shown(key):
    assert redact(None, "info", {key: "plain"})[key] == "plain"


@pytest.mark.parametrize(
    "text",
    [
        f"answer was {JWT}",
        f"Authorization: Bearer {JWT}",
        "Authorization: Basic dXNlcjpodW50ZXIy",
        "Cookie: __Host-claims-session=hunter2secret; a=b",
        "claims-session-contoso=hunter2secret",
        "/.claims/callback?code=hunter2secret&state=hunter2secret",
        "/logout?id_token_hint=hunter2secret",
        "/sign-in?return=%2Fx%3Fcode%3Dhunter2secret%26state%3Dhunter2secret",
        "client_secret=hunter2secret&client_assertion=hunter2secret&code_verifier=hunter2secret",
        "wa=wsignin1.0&wresult=%3Chunter2%3E&wctx=hunter2secret",
        "wresult is <t:RequestSecurityTokenResponse xmlns:t='x'><saml:Assertion>hunter2</saml:Assertion>",
        "<EncryptedAssertion>hunter2</EncryptedAssertion>",
        "Cookie: MSISAuth=hunter2secret; other=hunter2secret",
        "set-cookie: MSISAuth=hunter2secret; path=/",
        "<CIMultiDict('Host': 'crm', 'Cookie': 'MSISAuth=hunter2secret')>",
        "((b'Host', b'crm'), (b'Cookie', b'MSISAuth=hunter2secret'), (b'Proxy-Authorization', b'hunter2secret'))",
        '{"access_token": "hunter2secret", "refresh_token":"hunter2\\"secret"}',
        "{'refresh_token': 'hunter2secret', 'state': 'hunter2secret'",
        "eyJhbGciOiJSUzI1NiJ9hunter2",
        "cannot reach redis://user:hunter2secret@redis:6379/0",
        "cannot reach redis://user:p/hunter2secret@redis:6379/0",
        '{"accessToken": "hunter2secret", "clientSecret":"hunter2secret"}',
        "/x?return=%2Fy%253Fcode%253Dhunter2secret%2526state%253Dhunter2secret",
        "password: hunter2secret",
        "client_secret = hunter2secret",
        "<saml-2:Assertion ID='a'>hunter2</saml-2:Assertion>",
        "<saml.2:EncryptedAssertion>hunter2</saml.2:EncryptedAssertion>",
        "wa=wsignin1.0&x=%3CAssertion%3Ehunter2",
        "wa=wsignin1.0&x=%3Csaml%3AAssertion%20ID%3D%22a%22%3Ehunter2",
        'Cookie: a="x"; b=hunter2secret; c="hunter2"',
    ],
)
def test_a_token_within_a_text_is_hidden(text):
    shown = redact_text(text)
    assert "hunter2" not in shown
    assert "eyJ" not in shown
    assert "dXNlc" not in shown


def test_a_text_without_tokens_stays_as_it_is():
    for text in HARMLESS:
        assert redact_text(text) == text


HARMLESS = [
    "upstream http://crm:5555 answered 502 for /main.aspx?etc=1&pagetype=entitylist",
    "proxy.yaml:3:1: state: is not a Redis URL; write redis://host:6379/0",
    "worker ended: exit_code=3 status_code=502 state_store=redis",
    "redis://redis:6379/0 answers, https://crm.contoso.com:5555/a@b too",
    "https://crm.contoso.com:5555/a/b@c and http://crm/a:b@c",
    "/x?return=%2Fy%253Fpage%253D1%2526decode%253D2",
    "password must be set; the token of a state: no code = none",
    "x=%3CAssertions%3E and <saml-2:Assertions> are neither",
    "<html> is not a federation metadata document",
]


def test_nested_values_are_redacted_by_their_names():
    event = {"headers": [{"Cookie": "hunter2", "Host": "crm"}], "faults": ("code=hunter2", "line 3"), "count": 2}
    assert redact(None, "info", event) == {
        "headers": [{"Cookie": REDACTED, "Host": "crm"}],
        "faults": [f"code={REDACTED}", "line 3"],
        "count": 2,
    }


@pytest.mark.parametrize(
    "start",
    [
        "eyJ",
        "<Assertion ",
        "Cookie: ",
        "'code': '",
        "code=",
        "://:",
        "Bearer ",
        "a: ",
        "password ",
        "%3C",
        "<a.",
        "%25",
        'Cookie: a="',
        '="',
        "://a:b/",
    ],
)
def test_cost_is_linear_in_a_text_that_a_stranger_chose(start):
    redact_text(start * 30_000)  # quadratic, this would take minutes
