"""The one log line of a request, for those who cannot wait for it to be written: held for a moment, written together.

The lines are, byte for byte, those of `structlog` as `logs.configure` sets it up for JSON; where lines go elsewhere (a
terminal, a test), they go there at once.
"""

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import TypeAlias

import structlog

from proxy.observability import logs
from proxy.observability.escaping import escape_json
from proxy.observability.redaction import redact_text
from proxy.pages.reference import make_references

log = structlog.get_logger("gateway")

_EVERY = 0.25
_MOST = 1024

Line: TypeAlias = tuple[float, str, str, str, str, str, int, float, float]
"""Ended (`time.monotonic`), reason, organization, kind, method, path, status, seconds, and the upstream's of them."""


class RequestLog:
    """Lines of requests that were forwarded. Made and used within one running event loop; `close` writes the last."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: list[Line] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def add(self, line: Line) -> None:
        """A request has ended."""
        lines = self._lines
        if not lines:
            if logs.drops_info():
                return
            if not self._begin():
                _say(line)
                return
        lines.append(line)
        if len(lines) >= _MOST:
            self.flush()

    def close(self) -> None:
        """Write what is held. What comes yet is told at once."""
        self._is_closed = True
        self.flush()

    def flush(self) -> None:
        """Write what is held now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        sink = logs.json_sink() if lines else None
        if sink is not None:
            sink.write(render(lines))
            sink.flush()
        else:
            for line in lines:
                _say(line)

    def _begin(self) -> bool:
        """Whether lines are to be held; if not, each is told at once."""
        if self._is_closed or logs.json_sink() is None:
            return False
        self._timer = self._loop.call_later(_EVERY, self.flush)
        return True


def _say(line: Line) -> None:
    _, reason, organization, kind, method, path, status, duration, upstream = line
    log.info(
        "request",
        decision="forward",
        reason=reason,
        organization=organization,
        kind=kind,
        method=method,
        path=path,
        status=status,
        duration_ms=round(duration * 1000, 1),
        upstream_ms=round(upstream * 1000, 1),
        reference=make_references(1)[0],
    )


def render(lines: list[Line]) -> str:
    """The lines as JSON, each with its end."""
    # An instant of the log, as structlog's own stamps are.
    behind = time.time() - time.monotonic()  # noqa: TID251 - see above
    texts: dict[str, str] = {}
    rendered = []
    for line, reference in zip(lines, make_references(len(lines)), strict=True):
        ended, reason, organization, kind, method, path, status, duration, upstream = line
        quoted = texts.get(path)
        if quoted is None:
            quoted = texts[path] = escape_json(json.dumps(redact_text(path), ensure_ascii=False))
        milliseconds, upstream_ms = round(duration * 1000, 1), round(upstream * 1000, 1)
        rendered.append(
            f'{{"decision": "forward", "reason": "{reason}", "organization": "{organization}", "kind": "{kind}", '
            f'"method": "{method}", "path": {quoted}, "status": {status}, "duration_ms": {milliseconds}, '
            f'"upstream_ms": {upstream_ms}, "reference": "{reference}", "event": "request", "level": "info", '
            f'"at": "{_stamp(ended + behind)}"}}\n'
        )
    return "".join(rendered)


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
