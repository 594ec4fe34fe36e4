"""A YAML file as plain data, with the line and column of every key and value."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from proxy.errors import Fault

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands: `("organizations", 0, "hosts")`."""

_VARIABLE = re.compile(r"\$(\$)?\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def spell(path: KeyPath) -> str:
    """A key's path as it is printed: `organizations[0].hosts`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "(the file)"


@dataclass(slots=True)
class Document:
    """`data`: what the file says, variables and files filled in. Positions are (line, column), from 1.

    `sources`: this file, and those that fill in a value.
    """

    file: str
    data: Any = None
    keys: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    values: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def fault(self, path: KeyPath, wrong: str, right: str, *, at_key: bool = False) -> Fault:
        """A fault at this key; where the file does not have it, at the nearest one around it."""
        line, column = self._position(path, at_key=at_key)
        return Fault(self.file, line, column, spell(path), wrong, right)

    def _position(self, path: KeyPath, *, at_key: bool) -> tuple[int, int]:
        for length in range(len(path), -1, -1):
            is_around = at_key or length < len(path)
            # An item of a list has no key.
            found = (self.keys.get(path[:length]) if is_around else None) or self.values.get(path[:length])
            if found:
                return found
        return (1, 1)


def read(path: Path, environment: Mapping[str, str]) -> Document:
    """Read the file. What cannot be read becomes faults of the document, never an exception."""
    document = Document(str(path), sources=[str(path)])
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        document.faults.append(document.fault((), f"cannot be read ({error.strerror})", "name a file that can be"))
        return document
    except UnicodeDecodeError:
        document.faults.append(document.fault((), "is not UTF-8 text", "save it as UTF-8"))
        return document
    try:
        root = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        wrong = f"is no YAML: {error.problem or 'cannot be parsed'}"
        # `state: memory:` is the likeliest way into this one.
        colon = "mapping values are not allowed" in wrong
        right = (
            'put a value with a colon into quotes, as in "memory:"' if colon else "check indentation and quotes here"
        )
        document.faults.append(Fault(document.file, line, column, "(syntax)", wrong, right))
        return document
    except (YAMLError, ValueError, RecursionError) as error:
        document.faults.append(
            document.fault((), f"is no YAML: {str(error).splitlines()[0]}", "remove characters that YAML forbids")
        )
        return document
    _Reader(document, environment, path.parent).read(root)
    document.faults.sort()
    return document


class _Reader:
    """Turns YAML nodes into data, and notes where each stood."""

    def __init__(self, document: Document, environment: Mapping[str, str], folder: Path) -> None:
        self._document = document
        self._environment = environment
        self._folder = folder
        self._open: set[int] = set()

    def read(self, root: Node | None) -> None:
        if root is None:
            self._complain((), "is empty", "see config/proxy.yaml for the keys")
            return
        self._document.data = self._value(root, ())
        if not isinstance(self._document.data, dict):
            self._complain((), "is not a mapping of keys", "see config/proxy.yaml for the keys")
            self._document.data = None

    def _complain(self, path: KeyPath, wrong: str, right: str, *, at_key: bool = False) -> None:
        self._document.faults.append(self._document.fault(path, wrong, right, at_key=at_key))

    def _value(self, node: Node, path: KeyPath) -> Any:
        self._document.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if id(node) in self._open:
            self._complain(path, "contains itself", "write the values out")
            return None
        self._open.add(id(node))
        try:
            match node:
                case MappingNode():
                    return self._mapping(node, path)
                case SequenceNode():
                    return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
                case ScalarNode():
                    return self._scalar(node, path)
        finally:
            self._open.discard(id(node))
        return None

    def _mapping(self, node: MappingNode, path: KeyPath) -> Any:
        found: dict[str, Any] = {}
        for key, value, position in _pairs(node):
            here = (*path, key)
            if key in found:
                first = self._document.keys[here]
                wrong = f"stands twice, first in line {first[0]}"
                fault = Fault(self._document.file, *position, spell(here), wrong, "keep one of the two")
                self._document.faults.append(fault)
                continue
            self._document.keys[here] = position
            found[key] = self._value(value, here)
        if set(found) == {"file"}:
            return self._file(found["file"], path)
        return found

    def _file(self, name: Any, path: KeyPath) -> Any:
        if not isinstance(name, str):
            self._complain(path, "names no file", "write {file: PATH}")
            return None
        source = self._folder / name
        self._document.sources.append(str(source))
        try:
            text = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8 text"
            self._complain(path, f"the file {name} cannot be read ({why})", "name a file that this user can read")
            return None
        return text.removesuffix("\n").removesuffix("\r")

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        text = str(node.value)
        if "${" in text:
            return self._filled_in(text, path)
        if node.style in ("'", '"', "|", ">"):
            return text
        kind = str(node.tag).rpartition(":")[2]
        return _SCALARS[kind](text) if kind in _SCALARS else text

    def _filled_in(self, text: str, path: KeyPath) -> str:
        def fill(match: re.Match[str]) -> str:
            escaped, name = match.groups()
            if escaped:
                return match.group()[1:]
            if not _NAME.match(name):
                self._complain(path, "${…} names no environment variable", "write ${NAME}, or $${ for a plain ${")
                return ""
            if name not in self._environment:
                self._complain(path, f"the environment variable {name} is not set", "set it, or write the value")
                return ""
            return self._environment[name]

        return _VARIABLE.sub(fill, text)


def _pairs(node: MappingNode) -> Iterator[tuple[str, Node, tuple[int, int]]]:
    for key, value in node.value:
        text = str(key.value) if isinstance(key, ScalarNode) else "(a key that is no text)"
        yield text, value, (key.start_mark.line + 1, key.start_mark.column + 1)


def _whole_number(text: str) -> int | str:
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:
        return text


def _number(text: str) -> float | str:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return text


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _whole_number,
    "float": _number,
}
