"""Structured logs: readable on a terminal, JSON lines elsewhere. The one place where secrets are redacted."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

REDACTED = "[redacted]"

# Names are matched as whole words of a snake_case or kebab-case key: `code` hides, `status_code` is `code` too, so the
# few harmless names that contain such a word are listed beside it.
_SECRET_WORDS = frozenset(
    {
        "authorization",
        "assertion",
        "code",
        "cookie",
        "cookies",
        "password",
        "secret",
        "secrets",
        "state",
        "token",
        "tokens",
        "verifier",
        "wresult",
    }
)
_HARMLESS_KEYS = frozenset({"status_code", "token_end", "token_lifetime", "error_code", "state_store"})
_WORD = re.compile(r"[a-z]+")

# Three base64url parts with a JSON head are a JWT, five a JWE, wherever they stand.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,4}")
_BEARER = re.compile(r"(?i)\b(bearer|basic|negotiate|ntlm) +[A-Za-z0-9._~+/=-]{8,}")
_OUR_COOKIE = re.compile(r"((?:__Host-)?claims-[a-z0-9-]+)=[^;\s\"']+")
_PARAMETER = re.compile(r"(?i)\b(code|state|id_token|id_token_hint|access_token|refresh_token|wresult|wctx)=[^&\s\"']+")


_PROCESSORS: list[structlog.typing.Processor] = []
_SINK: TextIO | None = None
_DROPS_INFO = False


def _not_below(threshold: int) -> structlog.typing.Processor:
    levels = logging.getLevelNamesMapping()

    def drop(_logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        # An audit trail has no level: what is to be known of it must not depend on how much else is.
        if levels.get(method.upper(), threshold) < threshold and "audit" not in event:
            raise structlog.DropEvent
        return event

    return drop


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: hides values of secret names, and tokens wherever they stand in a text."""
    for key, value in event.items():
        if key not in _HARMLESS_KEYS and not _SECRET_WORDS.isdisjoint(_WORD.findall(key.lower())):
            event[key] = REDACTED
        elif isinstance(value, str):
            event[key] = redact_text(value)
    return event


def redact_text(text: str) -> str:
    """The text without tokens, credentials, our cookies' values and the parameters that carry them."""
    if "=" not in text and "eyJ" not in text and " " not in text:
        return text
    text = _JWT.sub(REDACTED, text)
    text = _BEARER.sub(rf"\1 {REDACTED}", text)
    text = _OUR_COOKIE.sub(rf"\1={REDACTED}", text)
    return _PARAMETER.sub(rf"\1={REDACTED}", text)


def configure(*, level: str = "info", log_format: str = "auto", stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging, which libraries use, to write the same lines.

    `log_format`: `console`, `json`, or `auto`: console when the stream is a terminal. The stream is standard output
    by default. Called again it changes level and format of loggers that are in use already, but not their stream.
    """
    out = stream or sys.stdout
    console = log_format == "console" or (log_format == "auto" and out.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty())
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        # An audit event brings the instant it was recorded at.
        structlog.processors.MaybeTimeStamper(fmt="iso", utc=True, key="at"),
    ]
    # A traceback is text like any other and is redacted after it was made.
    finish: list[structlog.typing.Processor] = [redact, renderer]
    if not console:
        finish.insert(0, structlog.processors.format_exc_info)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    # Loggers keep this very list once they are used.
    _PROCESSORS[:] = [_not_below(threshold), *shared, *finish]
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
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
    if _SINK is None or not _PROCESSORS or not isinstance(_PROCESSORS[-1], structlog.processors.JSONRenderer):
        return None
    return _SINK if structlog.get_config()["processors"] is _PROCESSORS else None
