import io
import json

import pytest
import structlog
from structlog.testing import capture_logs

from proxy.observability import logs
from proxy.observability.audit import Audit, AuditEvent
from proxy.observability.audit_file import AuditFile

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


def lines_of(file: AuditFile) -> list[dict[str, object]]:
    """What stands in the file after it was closed."""
    file.close()
    return [json.loads(line) for line in file.path.read_bytes().splitlines()]


def test_an_event_has_the_schema_s_fields():
    with capture_logs() as lines:
        Audit().record("signed_in", organization="contoso", principal="alice@contoso.com", client_address="192.0.2.1")
    assert lines[0].pop("at").endswith("Z")
    assert lines == [
        {
            "event": "signed_in",
            "log_level": "info",
            "audit": 1,
            "organization": "contoso",
            "principal": "alice@contoso.com",
            "reason": "",
            "client_address": "192.0.2.1",
            "reference": "",
        }
    ]


def test_an_event_outside_the_schema_is_an_error():
    with pytest.raises(ValueError, match="made_up"):
        Audit().record("made_up", organization="contoso")


def test_an_event_carries_the_reference_of_its_request():
    with capture_logs() as lines, structlog.contextvars.bound_contextvars(reference="7Q2M9K4T0ZBC"):
        Audit().record("signed_out", organization="contoso")
    assert lines[0]["reference"] == "7Q2M9K4T0ZBC"


def test_a_fact_that_is_not_known_is_left_out():
    with capture_logs() as lines:
        Audit().record("refused", organization="contoso", method="GET", rule=None)
    assert lines[0]["method"] == "GET"
    assert "rule" not in lines[0]


def test_with_a_file_events_go_there_and_not_to_the_log(tmp_path):
    file = AuditFile(tmp_path / "audit.jsonl")
    with capture_logs() as lines:
        Audit(file).record("signed_in", organization="contoso", principal="Älfred\u2028\ud800", session="a")
        (event,) = lines_of(file)
    assert lines == []
    assert (event["event"], event["organization"], event["session"]) == ("signed_in", "contoso", "a")
    assert event["principal"] == "Älfred\u2028\ud800"


def test_what_is_secret_is_in_neither(tmp_path):
    file = AuditFile(tmp_path / "audit.jsonl")
    Audit(file).record("refused", organization="contoso", path=f"/x?code={TOKEN}", token="hunter2")
    (event,) = lines_of(file)
    assert "eyJ" not in json.dumps(event)
    assert "hunter2" not in json.dumps(event)


def test_whoever_counts_is_told_of_each_event_once(tmp_path):
    told = []
    file = AuditFile(tmp_path / "audit.jsonl")
    for audit in (
        Audit(on_event=lambda *what: told.append(what)),
        Audit(file, on_event=lambda *what: told.append(what)),
    ):
        audit.record("session_expired", organization="contoso", reason="session_timeout")
    file.close()
    assert told == [(AuditEvent.SESSION_EXPIRED, "contoso", "session_timeout")] * 2


def test_no_level_of_the_log_hides_an_event():
    stream = io.StringIO()
    logs.configure(level="error", log_format="json", stream=stream)
    structlog.get_logger("gateway").info("request")
    Audit().record("signed_in", organization="contoso")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "signed_in"


def test_a_line_in_the_log_reads_as_one_in_the_file(tmp_path):
    stream = io.StringIO()
    logs.configure(log_format="json", stream=stream)
    file = AuditFile(tmp_path / "audit.jsonl")
    for audit in (Audit(), Audit(file)):
        audit.record("signed_out", organization="contoso", principal="alice", client_address="192.0.2.1", session="a")
    logged, (written,) = json.loads(stream.getvalue()), lines_of(file)
    assert logged.pop("level") == "info"
    assert logged.pop("at").endswith("Z")
    assert written.pop("at").endswith("Z")
    assert logged == written
