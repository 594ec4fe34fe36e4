import io
import json

import structlog

from proxy.observability import logs


def lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_logger_in_use_follows_another_level():
    stream = io.StringIO()
    logs.configure(level="info", log_format="json", stream=stream)
    log = structlog.get_logger("test")
    log.debug("below")
    log.info("first")
    logs.configure(level="debug", log_format="json", stream=stream)
    log.debug("second")
    logs.configure(level="warning", log_format="json", stream=stream)
    log.info("below")
    log.warning("third")
    assert [line["event"] for line in lines(stream)] == ["first", "second", "third"]


def test_a_logger_in_use_follows_another_format():
    stream = io.StringIO()
    logs.configure(log_format="json", stream=stream)
    log = structlog.get_logger("test")
    log.info("told", number=1)
    logs.configure(log_format="console", stream=stream)
    log.info("told", number=2)
    first, second = stream.getvalue().splitlines()
    assert json.loads(first)["number"] == 1
    assert "told" in second
    assert "number=2" in second


def test_a_failure_is_told_at_every_level():
    stream = io.StringIO()
    logs.configure(level="error", log_format="json", stream=stream)
    log = structlog.get_logger("test")
    try:
        int("what went wrong")
    except ValueError:
        log.exception("failed")
    assert "what went wrong" in lines(stream)[0]["exception"]
