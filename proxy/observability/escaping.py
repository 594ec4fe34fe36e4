"""Control characters of strangers' text in lines of the log: they cannot forge a line or move a terminal's cursor."""

import json

from structlog.typing import EventDict

from proxy.printable import printable

_SEVERAL_LINES = ("exception", "stack_info")


def escape_fields(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Escape texts for a terminal; a structlog processor.

    The renderer shows values of other types by their repr, which escapes.
    """
    for name, value in event.items():
        if name in _SEVERAL_LINES:
            event[name] = indented(str(value))
        elif isinstance(value, str):
            event[name] = printable(value)
    return event


def indented(text: str) -> str:
    """Return a text of several lines, each escaped and indented, so that none passes for an entry of its own."""
    return "\n".join(f"  {printable(line)}" for line in text.split("\n"))


def escape_json(text: str, *, keep: str = "") -> str:
    """Escape in JSON what its grammar does not require to be escaped: DEL, C1, bidirectional controls, separators.

    The value that a program reads is unchanged. `keep`: characters that structure the text itself, such as newlines.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else json.dumps(each)[1:-1] for each in text)
