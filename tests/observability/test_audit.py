import pytest
from structlog.testing import capture_logs

from proxy.observability.audit import Audit


def test_an_event_has_the_schema_s_fields():
    with capture_logs() as lines:
        Audit().record("signed_in", organization="contoso", principal="alice@contoso.com", client_address="192.0.2.1")
    assert lines == [
        {
            "event": "signed_in",
            "log_level": "info",
            "audit": 1,
            "organization": "contoso",
            "principal": "alice@contoso.com",
            "reason": "",
            "client_address": "192.0.2.1",
        }
    ]


def test_an_event_outside_the_schema_is_an_error():
    with pytest.raises(ValueError, match="made_up"):
        Audit().record("made_up", organization="contoso")
