"""How rules compare paths: on whole segments, raw where a rule opens, in every reading where a rule closes.

A rule that lets through (`anonymous`, exempt paths) matches the raw path alone: what it does not recognize stays
closed. A rule that holds back (`require`, the organization a path belongs to) must also catch what an upstream may
make of the path: escapes decoded, letter case ignored as under IIS, empty segments, path parameters, trailing dots,
session segments of ASP.NET, NTFS streams and 8.3 names.
"""

import re
from urllib.parse import unquote

MOST_ESCAPES = 4
"""How many times over a character may be escaped; `judge_target` refuses what goes deeper."""

_BESIDE_A_SEGMENT = re.compile(r"[;:?#].*", re.DOTALL)
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~$&')*+,@=-](?:[A-Za-z0-9._~$&'()*+,@=-]*[A-Za-z0-9_~$&'()*+,@=-])?)*/?")
# The name that NTFS also gives to a file or folder: up to six characters, a tilde, a number, three of the extension.
_SHORT_NAME = re.compile(r"(.{1,6})~[0-9]{1,6}(?:\.[^.]{0,3})?", re.DOTALL)
_HASHED = re.compile(r"(.{1,2})[0-9a-f]{4}", re.DOTALL)
_IN_SHORT_NAMES = str.maketrans({" ": None, ".": None, **dict.fromkeys("+,=[]", "_")})


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

    `//`, `\`, `;parameters`, trailing dots and blanks and letter case make no difference; escapes are decoded. Nor do
    the segments in which ASP.NET keeps a session without cookies, `/(S(…))/`, and NTFS streams, `/admin::$DATA`. Letter
    case is Unicode's, unlike in names of people: a rule that restricts must not miss a spelling.
    """
    if _PLAIN.fullmatch(path):
        return path.lower().rstrip("/")
    text = path
    for _ in range(MOST_ESCAPES):
        if "%" not in text:
            break
        text = unquote(text, errors="surrogateescape")
    text = _without_cookieless(text.replace("\\", "/"))
    segments = (_BESIDE_A_SEGMENT.sub("", segment).rstrip(". ") for segment in text.split("/"))
    return "".join(f"/{segment}" for segment in segments if segment).casefold()


def is_below_by_short_name(widest: str, prefix: str) -> bool:
    """Whether 8.3 names in a widest reading, `/admini~1/x`, may put it below a widest `prefix`, `/administration`.

    False where it is below without them. Which long name a short one stands for, only the upstream's disk knows.
    """
    if "~" not in widest or is_below(widest, prefix):
        return False
    segments, wanted = widest.split("/"), prefix.split("/")
    return len(segments) >= len(wanted) and all(
        segment == long or _may_stand_for(segment, long) for segment, long in zip(segments, wanted, strict=False)
    )


def _may_stand_for(segment: str, long: str) -> bool:
    short = _SHORT_NAME.fullmatch(segment)
    if not short:
        return False
    long = long.translate(_IN_SHORT_NAMES)
    hashed = _HASHED.fullmatch(short[1])  # from the fifth alike on: two characters and a sum over the name
    return long.startswith(short[1]) or bool(hashed and long.startswith(hashed[1]))


def _without_cookieless(text: str) -> str:
    """`text` without segments such as `(S(…))` and `(A(…)F(…))`; what is in the brackets may hold anything but `)`.

    Every octet is looked at once or twice: after a segment that is none, the search goes on at its first `)`.
    """
    kept, at = [], 0
    begin = text.find("/(")
    while begin >= 0:
        first = text.find(")", begin)
        if first < 0:
            break
        end = _end_of_cookieless(text, begin + 2)
        if end:
            kept.append(text[at:begin])
            at = end
        begin = text.find("/(", end or first)
    return "".join([*kept, text[at:]])


def _end_of_cookieless(text: str, at: int) -> int | None:
    start = at
    while text[at : at + 1].isalpha() and text[at + 1 : at + 2] == "(":
        at = text.find(")", at + 2) + 1
        if not at:
            return None
    whole = at > start and text[at : at + 1] == ")" and text[at + 1 : at + 2] in {"", *"/;:?#. "}
    return at + 1 if whole else None
