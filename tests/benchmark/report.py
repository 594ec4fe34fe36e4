"""The report: tables, bars as an SVG, and their place in docs/performance.md. Pure but for `write`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

BEGIN, END = "<!-- figures: begin (make bench writes what follows) -->", "<!-- figures: end -->"
_WIDTH, _LABEL, _BAR, _FIGURE = 760, 210, 26, 150


@dataclass(frozen=True, slots=True)
class Aim:
    """What is promised of a figure. `at_most`: the promise is an upper bound."""

    what: str
    measured: float
    bound: float
    unit: str = ""
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound

    def row(self) -> tuple[str, ...]:
        sign = "at most" if self.at_most else "at least"
        return (
            self.what,
            f"{sign} {shown(self.bound)}{self.unit}",
            f"{shown(self.measured)}{self.unit}",
            "yes" if self.met else "**no**",
        )


@dataclass(frozen=True, slots=True)
class Section:
    """One scenario's outcome. `bars`: (label, figure) for the picture."""

    title: str
    words: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    aims: Sequence[Aim] = ()
    bars: Sequence[tuple[str, float]] = field(default=())


def shown(number: float) -> str:
    """A figure with no more digits than it deserves."""
    size = abs(number)
    if size >= 99.95:
        return f"{number:,.0f}"
    if size >= 9.995:
        return f"{number:.1f}"
    return f"{number:.2f}" if size >= 0.1 or size == 0 else f"{number:.2g}"


def milliseconds(seconds: float) -> str:
    return f"{shown(seconds * 1000)} ms"


def mebibytes(count: float) -> str:
    return f"{shown(count / 2**20)} MiB"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; figures stand to the right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def section(one: Section) -> str:
    return f"### {one.title}\n\n{one.words}\n\n{table(one.head, one.rows)}\n"


def aims(sections: Sequence[Section]) -> str:
    rows = [aim.row() for one in sections for aim in one.aims]
    if not rows:
        return "No aim is set for these figures."
    return table(("aim", "promised", "measured", "met"), rows)


def body(facts: Sequence[tuple[str, str]], sections: Sequence[Section], picture: str | None) -> str:
    """All that stands between the markers."""
    parts = ["## Figures\n", table(("what", "measured on"), facts) + "\n"]
    if picture:
        parts.append(f"![Requests per second of each subject, a 2 KB page]({picture})\n")
    parts += ["### Aims\n", aims(sections) + "\n", *map(section, sections)]
    return "\n".join(parts)


def between(document: str, text: str) -> str:
    """The document with `text` between its markers. Raises ValueError where it has none."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks its markers, {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def svg(title: str, bars: Sequence[tuple[str, float]], unit: str) -> str:
    """Horizontal bars, readable on a light ground and on a dark one."""
    most = max((figure for _, figure in bars), default=0) or 1
    height = 52 + len(bars) * (_BAR + 12)
    room = _WIDTH - _LABEL - _FIGURE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
        f' width="{_WIDTH}" height="{height}" aria-label="{escape(title)}">',
        "<style>",
        "text { font: 14px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 16px }",
        ".peer { fill: #8c959f } .ours { fill: #0969da }",
        "@media (prefers-color-scheme: dark) {",
        "text { fill: #e6edf3 } .peer { fill: #6e7681 } .ours { fill: #4493f8 }",
        "}",
        "</style>",
        f'<text class="title" x="0" y="20">{escape(title)}</text>',
    ]
    for number, (label, figure) in enumerate(bars):
        top = 40 + number * (_BAR + 12)
        width = max(1, round(room * figure / most))
        kind = "ours" if label.startswith("claims-proxy") else "peer"
        lines += [
            f'<text x="{_LABEL - 8}" y="{top + 18}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{kind}" x="{_LABEL}" y="{top}" width="{width}" height="{_BAR}" rx="3"/>',
            f'<text x="{_LABEL + width + 8}" y="{top + 18}">{escape(shown(figure))} {escape(unit)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def write(document: Path, picture: Path, facts: Sequence[tuple[str, str]], sections: Sequence[Section]) -> None:
    """Into the document, between its markers, and the picture beside it."""
    bars = next((one.bars for one in sections if one.bars), ())
    relative = picture.relative_to(document.parent).as_posix() if bars else None
    if bars:
        picture.write_text(svg("Requests per second, a 2 KB page, one core", bars, "requests/s"))
    document.write_text(between(document.read_text(), body(facts, sections, relative)))
