"""Lines that are written together are, byte for byte, those that structlog writes one by one."""

import io
import json
import re

import pytest

from proxy.observability import logs
from proxy.observability.request_log import RequestLog

LINE = (1.5, "signed_in", "contoso", "navigation", "GET", '/a"b\\c%20é\x7f\x85\u202e', 200, 0.001, 0.0004)
_VARYING = re.compile(r'"(reference|at)": "[^"]*"')


@pytest.fixture
def sink(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(logs, "_SINK", None)
    logs.configure(log_format="json", stream=stream)
    return stream


async def test_a_line_is_the_one_that_structlog_writes(sink):
    log = RequestLog()
    log.add(LINE)
    assert sink.getvalue() == ""
    log.close()
    together = sink.getvalue()
    log.add(LINE)  # what comes after the end is told at once
    alone = sink.getvalue()[len(together) :]
    assert json.loads(together)["path"] == LINE[5]
    assert json.loads(together).keys() == json.loads(alone).keys()
    assert _VARYING.sub("", together) == _VARYING.sub("", alone)
