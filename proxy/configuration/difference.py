"""What two configurations say differently, in lines that may be logged."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from proxy.model.deployment import Deployment
from proxy.model.provider import SecretText

_ABSENT = object()


def differences(before: Deployment, after: Deployment) -> tuple[str, ...]:
    """`path: from -> to`, one line for each value that differs; of secrets only that they changed."""
    return tuple(_walk("", before, after))


def _walk(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after and type(before) is type(after):
        return
    one, other = _parts(before), _parts(after)
    if one is None or other is None or (path and not (one or other)):
        yield f"{path}: {_said(before)} -> {_said(after)}"
        return
    for key in [*one, *(key for key in other if key not in one)]:
        place = f"{path}[{key}]" if path and not is_dataclass(before) else f"{path}.{key}".lstrip(".")
        yield from _walk(place, one.get(key, _ABSENT), other.get(key, _ABSENT))


def _parts(value: Any) -> dict[str, Any] | None:
    """What a value consists of, by name; None for one that is told as a whole."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.compare}
    if isinstance(value, tuple) and value and all(hasattr(item, "name") for item in value):
        return {item.name: item for item in value}
    if isinstance(value, tuple) and any(isinstance(item, SecretText) for item in value):
        return {str(index): item for index, item in enumerate(value)}
    return None


def _said(value: Any) -> str:
    if value is _ABSENT:
        return "(none)"
    if isinstance(value, SecretText):
        return "(a secret)"
    if is_dataclass(value):
        return str(getattr(value, "name", "(set)"))
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_said, value)) + "]"
    return "(none)" if value is None else str(value)
