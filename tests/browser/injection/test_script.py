"""The global context with the loader behind it."""

import pytest

from proxy.browser.injection.script import Script, loader
from proxy.browser.injection.unreached import Why


def run(*pieces: bytes):
    script = Script(b"LINE")
    return b"".join([*map(script.feed, pieces), script.end()]), script.unreached


@pytest.mark.parametrize("pieces", [(b"a", b"b"), (b"ab",), (b"\xef\xbb\xbfa",), (b"",), (), (b"\xff", b"a")])
def test_the_line_goes_behind_everything(pieces):
    assert run(*pieces) == (b"".join(pieces) + b"LINE", None)


@pytest.mark.parametrize("pieces", [(b"\xff\xfea\0",), (b"\xff", b"\xfea\0"), (b"\xfe\xff\0a",)])
def test_utf_16_stays_as_it_is(pieces):
    assert run(*pieces) == (b"".join(pieces), Why.CHARSET)


def test_the_line_stands_alone_whatever_is_before_it_and_names_the_script_safely():
    line = loader('/a"</script>\\\N{LATIN SMALL LETTER E WITH ACUTE}/session-watch.js')
    assert line.startswith(b"\n;(")
    assert line.endswith(b'("/a\\"</script>\\\\\\u00e9/session-watch.js");\n')
