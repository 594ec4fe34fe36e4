import io
import json
import logging
import re

import pytest
import structlog

from proxy.observability import logs

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


@pytest.fixture
def lines():
    stream = io.StringIO()
    logs.configure(log_format="json", stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


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


class Terminal(io.StringIO):
    def isatty(self):
        return True


# A traceback shows lines of the source, so the secret is not on a line that fails.
COOKIE = "hunter2-secret"
RENDERERS = [("console", io.StringIO), ("json", io.StringIO), ("auto", io.StringIO), ("auto", Terminal)]


@pytest.fixture(params=RENDERERS, ids=["console", "json", "auto", "auto_on_a_terminal"])
def written(request):
    """What is written so far, in each format."""
    log_format, make_stream = request.param
    stream = make_stream()
    logs.configure(log_format=log_format, stream=stream)
    return stream.getvalue


def failing(say: str, cookie: str) -> None:
    refresh_token = cookie * 2
    try:
        int(f"first: __Host-claims-session={refresh_token}")
    except ValueError as error:
        error.add_note(f"Cookie: MSISAuth={cookie}")
        raise ExceptionGroup(f"then: {say}", [ValueError(f"Authorization: Bearer {refresh_token}")]) from error


@pytest.mark.parametrize("logger_of", [structlog.get_logger, logging.getLogger])
def test_exception_is_logged_without_variables_and_redacted(written, logger_of):
    try:
        failing(f"{JWT} in vain", COOKIE)
    except ExceptionGroup:
        logger_of("asyncio").exception("failed")
    text = written()
    assert "failed" in text
    for shown in ("first", "ExceptionGroup", "ValueError", "in vain", "in failing"):
        assert shown in text
    for hidden in ("hunter2", "eyJ"):
        assert hidden not in text


def test_field_is_redacted_by_its_name_and_by_its_text(written):
    structlog.get_logger("gateway").error(
        "failed", code="hunter2", error=f"got {JWT}", faults=[f"id_token_hint={JWT}"], header={"Cookie": "a=hunter2"}
    )
    structlog.get_logger("app").error("worker_died", exit_code=3, signal="SIGKILL", failure=ValueError(f"at {JWT}"))
    text = written()
    assert "hunter2" not in text
    assert "eyJ" not in text
    assert "SIGKILL" in text
    assert "ValueError" in text


def test_records_of_libraries_are_redacted_and_their_extras_left_out(written):
    aiohttp, asyncio = logging.getLogger("aiohttp.server"), logging.getLogger("asyncio")
    aiohttp.error("odd %s", f"Cookie: a=hunter2; b={JWT}", extra={"token": "hunter2", "peer": "hunter2"})
    asyncio.error("Task %r failed", {"refresh_token": "hunter2"}, stack_info=True)
    text = written()
    assert "odd" in text
    assert "refresh_token" in text
    assert "hunter2" not in text
    assert "eyJ" not in text


def test_record_that_cannot_be_formatted_does_not_show_its_arguments(written, capsys):
    [handler] = [each for each in logging.getLogger().handlers if type(each).__module__ == logs.__name__]
    handler.handle(logging.LogRecord("aiohttp.server", logging.ERROR, "", 1, "%d requests", (COOKIE,), None))
    assert "log_record_failed" in written()
    for text in (written(), *capsys.readouterr()):
        assert "hunter2" not in text


HOSTILE = "al\x1b[2Jice\a\r\n[error    ] forged \x7f\x85\x9b31m\u202egpj\u2066\u2028\u2029\ufeff"


def test_control_characters_do_not_reach_a_reader(written):
    log = structlog.get_logger("gateway")
    log.warning(HOSTILE, principal=HOSTILE, paths=[HOSTILE], claims={HOSTILE: HOSTILE})
    logging.getLogger("aiohttp.server").error("odd %s", HOSTILE)
    log.error("failed", exc_info=ValueError(HOSTILE))
    colors = re.compile(r"\x1b\[\d*m")
    lines = colors.sub("", written()).split("\n")
    assert all(line.isprintable() for line in lines)
    # Three entries, and the lines of the traceback, which are indented.
    assert [bool(line) for line in lines if not line.startswith("  ")] == [True, True, True, False]


def test_ordinary_text_is_shown_unchanged(written):
    structlog.get_logger("gateway").warning("request", principal="CONTOSO.alice", name="Jörg Müller 山田太郎 سلام")
    assert "Jörg Müller 山田太郎 سلام" in written()


def test_program_reads_the_value_itself_from_json(lines):
    structlog.get_logger("gateway").warning("request", principal=HOSTILE)
    assert lines()[0]["principal"] == HOSTILE


def raised(error: BaseException) -> BaseException:
    try:
        raise error  # noqa: TRY301 - only raised does it have a traceback
    except BaseException as caught:  # noqa: BLE001 - with its traceback
        return caught


@pytest.mark.parametrize("logger_of", [structlog.get_logger, logging.getLogger])
def test_exception_is_not_longer_than_may_be(lines, logger_of):
    many = ExceptionGroup("many", [ValueError("y" * 900) for _ in range(14)])
    for error in (ValueError("x" * 50_000 + "end"), ValueError("line\n" * 50_000 + "end"), many):
        logger_of("app").error("failed", exc_info=raised(error))
    long, tall, few = [line["exception"] for line in lines()]
    assert len(long) < 2048
    assert re.search(r"ValueError: x{400,}\[\.\.\. \d+ characters \.\.\.\]x{400,}end$", long)
    assert len(tall) < 17 * 1024
    assert tall.startswith("Traceback")
    assert tall.endswith("end")
    assert "[..." in tall
    assert "[..." not in few, "what is not too long is shown whole"
    assert few.count("y" * 900) == 14


def test_secret_in_a_long_exception_is_hidden_where_it_is_cut(written):
    structlog.get_logger("app").error("failed", exc_info=raised(ValueError("a=" + "x" * 480 + JWT * 5000)))
    assert "eyJ" not in written()
