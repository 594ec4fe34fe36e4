import io
import json
import logging

import pytest
import structlog

from proxy.observability import logs

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


@pytest.fixture
def lines():
    stream = io.StringIO()
    logs.configure(log_format="json", stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "key", ["token", "id_token", "access-token", "client_secret", "Cookie", "set_cookie", "password", "code", "state"]
)
def test_a_value_under_a_secret_name_is_hidden(key):
    assert logs.redact(None, "info", {key: "hunter2"})[key] == logs.REDACTED


@pytest.mark.parametrize("key", ["status", "status_code", "token_lifetime", "path", "organization", "encoded"])
def test_a_value_under_a_harmless_name_is_shown(key):
    assert logs.redact(None, "info", {key: "plain"})[key] == "plain"


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
    ],
)
def test_a_token_within_a_text_is_hidden(text):
    shown = logs.redact_text(text)
    assert "hunter2" not in shown
    assert "eyJ" not in shown
    assert "dXNlc" not in shown


def test_a_text_without_tokens_stays_as_it_is():
    text = "upstream http://crm:5555 answered 502 for /main.aspx?etc=1&pagetype=entitylist"
    assert logs.redact_text(text) == text


def test_a_line_carries_event_level_instant_and_facts(lines):
    structlog.get_logger("gateway").info("decision", reason="signed_in", status=200)
    (line,) = lines()
    assert line["event"] == "decision"
    assert line["level"] == "info"
    assert line["at"].endswith("Z")
    assert line["status"] == 200


def test_what_libraries_log_is_written_and_redacted_alike(lines):
    logging.getLogger("aiohttp.server").error("odd request with Bearer %s", JWT)
    (line,) = lines()
    assert line["level"] == "error"
    assert "eyJ" not in line["event"]


def test_a_traceback_is_redacted(lines):
    crash = RuntimeError(f"cannot use {JWT}")
    structlog.get_logger("gateway").error("crashed", exc_info=crash)
    (line,) = lines()
    assert "RuntimeError" in line["exception"]
    assert "eyJ" not in line["exception"]
