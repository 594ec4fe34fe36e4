"""The documents as tests read them: code blocks, tables, links and the anchors of headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "deploy" / "README.md", *sorted(ROOT.glob("docs/*.md")))
_MARKDOWN = MarkdownIt().enable("table")


@dataclass(frozen=True)
class Block:
    """One fenced block. `language`: the first word after the fence, or nothing."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def tokens(path: Path) -> list[Token]:
    return _MARKDOWN.parse(path.read_text())


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of all documents, of these languages where any are named."""
    found = [
        Block(path.relative_to(ROOT).as_posix(), token.map[0] + 1, token.info.partition(" ")[0], token.content)
        for path in DOCUMENTS
        for token in tokens(path)
        if token.type == "fence"
    ]
    return [block for block in found if not languages or block.language in languages]


def links(path: Path) -> Iterator[str]:
    """Where the links and pictures of a document lead."""
    for token in tokens(path):
        for child in token.children or ():
            if child.type in ("link_open", "image"):
                yield str(child.attrs["href" if child.type == "link_open" else "src"])


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    every = tokens(path)
    titles = [every[index + 1].content for index, token in enumerate(every) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def table(path: Path, *head: str) -> list[list[str]]:
    """The rows of the one table with these words as its head; cells as they are written."""
    found = [rows for rows in _tables(path) if rows[0] == list(head)]
    assert len(found) == 1, f"{path.name}: {len(found)} tables have the head {head}"
    return found[0][1:]


def _tables(path: Path) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    for token in tokens(path):
        match token.type:
            case "table_open":
                rows = []
            case "tr_open":
                rows.append([])
            case "inline" if rows and token.level > 2:
                rows[-1].append(token.content)
            case "table_close":
                yield rows
                rows = []
