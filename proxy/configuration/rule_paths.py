"""Paths in rules: prefixes at segment boundaries, and a fault for whatever looks like another kind of pattern."""

import re
from typing import Annotated
from urllib.parse import quote, unquote

from pydantic import AfterValidator

from proxy.configuration.words import fault

_A_PREFIX = "fix: write the prefix alone, such as /admin, which covers /admin and everything below it"
_UNTOUCHED = "%!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"

# What stands for "everything below" or "one of these" elsewhere is compared letter by letter here and matches nothing.
# `$metadata` and `WhoAmI()` are plain text. Of several descriptions the first that fits is reported.
_FAULTS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"\A\^"), "is a regular expression, and rules take path prefixes", _A_PREFIX),
    (re.compile(r"\A(?!/)"), "does not begin with a slash", "fix: write a path such as /public"),
    (re.compile(r"\A[^*]*\.\*"), "is a regular expression, and rules take path prefixes", _A_PREFIX),
    (re.compile(r"\*"), "has a * that is not a whole last segment", _A_PREFIX),
    (re.compile(r"\?"), "has a ?, and rules compare the path without its query", "fix: leave out the ? and the rest"),
    (re.compile(r"[|^\[\]]|\.\+|\$\Z"), "is a regular expression, and rules take path prefixes", _A_PREFIX),
    (re.compile(r"\{[A-Za-z_]+\}"), "has a placeholder in braces, and rules take path prefixes", _A_PREFIX),
    (re.compile(r"%(?![0-9A-Fa-f]{2})"), "has a % without two hexadecimal digits", "fix: write %25 for a percent sign"),
    (re.compile(r"[\\#]|%(?:00|5[Cc])"), "has a character that no request's path can have", "fix: leave it out"),
    (re.compile(r"//"), "has an empty segment", "fix: write one slash between segments"),
)


def _rule_path(value: str) -> str:
    """Return the prefix that requests are compared with, escaped as browsers escape it."""
    prefix = (value.removesuffix("/*") or "/") if value.startswith("/") else value
    for pattern, wrong, right in _FAULTS:
        if pattern.search(prefix):
            raise fault(wrong, right)
    if any(segment in {".", ".."} for segment in unquote(prefix).split("/")):
        raise fault("has a dot segment, and such requests are refused", "fix: write the path without . and .. segments")
    return quote(prefix, safe=_UNTOUCHED)


RulePath = Annotated[str, AfterValidator(_rule_path)]
