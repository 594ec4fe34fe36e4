"""Keys that are known but have no function in this version. Saying so beats accepting what would not act."""

from collections.abc import Callable, Iterator
from typing import Any

from proxy.configuration.document import KeyPath

_NOT_SUPPORTED = "is not supported by this version"


def _starts_with(*schemes: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value.startswith(schemes)


# Places as `find` takes them: `[]` stands for every entry of a list.
_TABLE: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("state", _starts_with("redis+sentinel://", "redis+cluster://"), "write memory:, redis:// or rediss://"),
)


def unsupported(data: Any) -> Iterator[tuple[KeyPath, str, str]]:
    """(path, what is wrong, what would be right) of every such key that is set to something that would act."""
    for pattern, acts, right in _TABLE:
        for path, value in find(data, pattern):
            if acts(value):
                yield path, _NOT_SUPPORTED, right


def find(data: Any, pattern: str) -> Iterator[tuple[KeyPath, Any]]:
    """Yield (path, value) of every value at a place such as `organizations.[].anonymous.[]`."""
    return _find(data, tuple(pattern.split(".")))


def _find(data: Any, parts: tuple[str, ...], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if not parts:
        yield path, data
    elif parts[0] == "[]":
        for index, item in enumerate(data if isinstance(data, list) else ()):
            yield from _find(item, parts[1:], (*path, index))
    elif isinstance(data, dict) and parts[0] in data:
        yield from _find(data[parts[0]], parts[1:], (*path, parts[0]))
