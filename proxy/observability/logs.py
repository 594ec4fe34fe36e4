"""Structured logs: readable on a terminal, JSON lines elsewhere. Every line passes `redaction`."""

import logging
import sys
from typing import Any, TextIO

import structlog

from proxy.observability.escaping import escape_fields, escape_json
from proxy.observability.redaction import redact

_log = structlog.get_logger("app")

_PROCESSORS: list[structlog.typing.Processor] = []
_SINK: TextIO | None = None
_DROPS_INFO = False
_LONGEST_EXCEPTION = 16 * 1024
_LONGEST_LINE = 1024


def _not_below(threshold: int) -> structlog.typing.Processor:
    levels = logging.getLevelNamesMapping()

    def drop(_logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        # An audit trail has no level: what is to be known of it must not depend on how much else is.
        if levels.get(method.upper(), threshold) < threshold and "audit" not in event:
            raise structlog.DropEvent
        return event

    return drop


def _escape_line(_logger: object, _method: str, line: Any) -> str:  # the annotation of every processor
    return escape_json(line)


def _bound_exception(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Shorten what an exception became: its messages may hold what a stranger sent, as much as they sent."""
    for name in ("exception", "stack"):
        text = event.get(name)
        if isinstance(text, str):
            event[name] = _cut("\n".join(_cut(line, _LONGEST_LINE) for line in text.split("\n")), _LONGEST_EXCEPTION)
    return event


def _cut(text: str, most: int) -> str:
    """A text of at most so many characters and a mark in its middle; both ends stay, as they say most."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}[... {len(text) - 2 * half} characters ...]{text[-half:]}"


class _Handler(logging.StreamHandler[TextIO]):
    """Writes records of libraries."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class names it
        """Log that a record could not be formatted; the base class would print its arguments, unredacted."""
        _log.warning("log_record_failed", logger=record.name, exc_info=True)


def configure_command() -> None:
    """Set up logging for a command: readable, on standard error, because standard output carries its result.

    A command that serves then calls `configure`.
    """
    configure(log_format="console", stream=sys.stderr, lasting=False)


def configure(
    *, level: str = "info", log_format: str = "auto", stream: TextIO | None = None, lasting: bool = True
) -> None:
    """Set up structlog and the standard library's logging, which libraries use, to write the same lines.

    `log_format`: `console`, `json`, or `auto`: console when the stream is a terminal. The stream is standard output
    by default. Called again it changes level and format of loggers that are in use already, but not their stream,
    unless it was not `lasting`.
    """
    out = stream or sys.stdout
    console = log_format == "console" or (log_format == "auto" and out.isatty())
    rendering: tuple[structlog.typing.Processor, ...] = (
        # Its own formatter of tracebacks would print the values of variables.
        (
            escape_fields,
            structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback),
        )
        if console
        else (structlog.processors.JSONRenderer(ensure_ascii=False), _escape_line)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        # An audit event brings the instant it was recorded at.
        structlog.processors.MaybeTimeStamper(fmt="iso", utc=True, key="at"),
    ]
    # A traceback becomes text, without the values of variables, and is then redacted like any other text.
    # It is shortened behind that: half a secret has no shape to know it by.
    finish: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        redact,
        _bound_exception,
        *rendering,
    ]
    threshold = logging.getLevelNamesMapping()[level.upper()]
    # Loggers keep this very list once they are used.
    _PROCESSORS[:] = [_not_below(threshold), *shared, *finish]
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=lasting,
    )
    handler = _Handler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    global _SINK, _DROPS_INFO  # noqa: PLW0603 - set up once for a process, as structlog itself is
    _DROPS_INFO = threshold > logging.INFO
    _SINK = out if not console and threshold <= logging.INFO else None
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.WARNING))


def drops_info() -> bool:
    """Whether a line of level info would be made for nothing."""
    return _DROPS_INFO and structlog.get_config()["processors"] is _PROCESSORS


def json_sink() -> TextIO | None:
    """Where JSON lines of level info go; None where lines take another form, or where there are none."""
    return _SINK if structlog.get_config()["processors"] is _PROCESSORS else None
