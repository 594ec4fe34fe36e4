"""How rules compare paths: on whole segments, raw where a rule opens, in every reading where a rule closes.

A rule that lets through (`anonymous`, exempt paths) matches the raw path alone: what it does not recognize stays
closed. A rule that holds back (`require`, the organization a path belongs to) must also catch what an upstream may
make of the path: escapes decoded, letter case ignored as under IIS, empty segments, path parameters, trailing dots.
"""

import re
from urllib.parse import unquote

MOST_ESCAPES = 4
"""How many times over a character may be escaped; `judge_target` refuses what goes deeper."""

_BESIDE_A_SEGMENT = re.compile(r"[;?#].*", re.DOTALL)
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~$&'()*+,:@=-](?:[A-Za-z0-9._~$&'()*+,:@=-]*[A-Za-z0-9_~$&'()*+,:@=-])?)*/?")


def is_below(path: str, prefix: str) -> bool:
    """Whether the raw `path` is `prefix` or lies below it, by whole segments; a slash at its end is nothing."""
    if prefix.endswith("/"):
        prefix = prefix.rstrip("/")
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")


def readings(path: str) -> tuple[str, ...]:
    """`path` as it is and after each further percent-decoding, until nothing changes.

    At most `MOST_ESCAPES` + 1 readings and one more, so a result longer than that says the escapes go deeper.
    Octets are read as Latin-1, so that no octet is lost.
    """
    found = [path]
    while "%" in path and len(found) < MOST_ESCAPES + 2:
        path = unquote(path, encoding="latin-1")
        if path == found[-1]:
            break
        found.append(path)
    return tuple(found)


def widest_reading(path: str) -> str:
    r"""The one path that all spellings of a path come to, under the most forgiving upstream. Only for comparing.

    `//`, `\`, `;parameters`, trailing dots and blanks and letter case make no difference; escapes are decoded. Letter
    case is Unicode's, unlike in names of people: a rule that restricts must not miss a spelling.
    """
    if _PLAIN.fullmatch(path):
        return path.lower().rstrip("/")
    text = path
    for _ in range(MOST_ESCAPES):
        if "%" not in text:
            break
        text = unquote(text, errors="surrogateescape")
    segments = (_BESIDE_A_SEGMENT.sub("", segment).rstrip(". ") for segment in text.replace("\\", "/").split("/"))
    return "".join(f"/{segment}" for segment in segments if segment).casefold()
