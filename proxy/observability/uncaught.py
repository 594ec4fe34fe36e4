"""Errors that nothing caught, and records of libraries before logging is set up: Python prints them itself, unredacted.

The hooks here print the same text to standard error, without the values of variables, redacted and escaped.
"""

import asyncio
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

import structlog

from proxy.observability.escaping import indented
from proxy.observability.redaction import redact_text

_log = structlog.get_logger("app")


class PlainFormatter(logging.Formatter):
    """Format a record of a library as one redacted message and its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of the record."""
        return plain(super().format(record))


def install() -> None:
    """Replace the hooks that print errors which nothing caught, and the last-resort handler of `logging`."""
    sys.excepthook = _print
    threading.excepthook = lambda args: _print(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _print(args.exc_type, args.exc_value, args.exc_traceback)
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(PlainFormatter())


def log_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that an event loop found; an exception handler of asyncio.

    The handler of asyncio also shows the arguments of a failed callback and the results of futures.
    """
    message, error = str(context.get("message", "")), context.get("exception")
    task = context.get("task") or context.get("future")
    facts = {"task": task.get_name()} if isinstance(task, asyncio.Task) else {}
    # A message about a callback goes on with its arguments in parentheses.
    _log.error("callback_failed", error=message.partition("(")[0], exc_info=error, **facts)


def plain(text: str) -> str:
    """Return a text of several lines, redacted, escaped and indented."""
    return indented(redact_text(text.rstrip("\n")))


def _print(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    if sys.stderr is not None and not issubclass(kind, SystemExit):
        sys.stderr.write(plain("".join(traceback.format_exception(kind, error, where))) + "\n")
        sys.stderr.flush()
