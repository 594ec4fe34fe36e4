"""CRM's global context with a line of ours behind it, which loads the page's script where no document's tag did.

The markup of a page can put an element in the place of any property of its document (`<img name=currentScript>`), and a
base element in front of any path. The loader and the script therefore read a document through `Document.prototype`, and
the address that they load from is written into them here.
"""

import json
from importlib.resources import files

from proxy.browser.injection.unreached import Why

_LOADER = (files("proxy.browser.injection") / "loader.js").read_text("utf-8")
_UTF_16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_BOM_LENGTH = 2


def loader(source: str) -> bytes:
    """The line; `source`: the script's path. ASCII, and begun anew whatever stood at the end before it."""
    return _LOADER.replace("$SOURCE", json.dumps(source)).encode("ascii")


class Script:
    """One script. `line`: what is put behind it. `unreached`: why nothing is, once that is known."""

    def __init__(self, line: bytes) -> None:
        self.unreached: Why | None = None
        self._line = line
        self._first = b""

    def feed(self, data: bytes) -> bytes:
        """The next bytes; all of them may go out."""
        if len(self._first) < _BOM_LENGTH:
            self._first += data[:_BOM_LENGTH]
            if self._first.startswith(_UTF_16_BOMS):
                self.unreached = Why.CHARSET
        return data

    def end(self) -> bytes:
        """What stands behind it."""
        return b"" if self.unreached else self._line
