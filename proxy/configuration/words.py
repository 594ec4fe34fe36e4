"""Faults in plain words: what the validation library says, said so that it helps."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from proxy.configuration.document import Document, KeyPath
from proxy.errors import Fault

# Type of the library's error -> (what is wrong, what would be right); filled in with its context.
_WORDS = {
    "missing": ("is missing", "add it"),
    "string_type": ("is not a text", "write a text, in quotes if it looks like a number"),
    "string_pattern_mismatch": ("does not have the right form", "it must match {pattern}"),
    "int_type": ("is not a whole number", "write a whole number such as 20"),
    "int_parsing": ("is not a whole number", "write a whole number such as 20"),
    "int_from_float": ("is not a whole number", "write a whole number such as 20"),
    "float_type": ("is not a number", "write a number such as 5"),
    "float_parsing": ("is not a number", "write a number such as 5"),
    "finite_number": ("is not a finite number", "write a number such as 5"),
    "bool_type": ("is neither true nor false", "write true or false"),
    "bool_parsing": ("is neither true nor false", "write true or false"),
    "enum": ("is not a known word", "write {expected}"),
    "literal_error": ("is not a known word", "write {expected}"),
    "greater_than_equal": ("is too small", "write {ge} or more"),
    "greater_than": ("is too small", "write more than {gt}"),
    "less_than_equal": ("is too large", "write {le} or less"),
    "list_type": ("is not a list", "write a list: [a, b]"),
    "tuple_type": ("is not a list", "write a list: [a, b]"),
    "dict_type": ("is not a mapping", "write keys with values below it"),
    "model_type": ("is not a mapping", "write keys with values below it"),
    "model_attributes_type": ("is not a mapping", "write keys with values below it"),
    "too_short": ("is empty", "write at least {min_length}"),
    "string_too_short": ("is empty", "write a text"),
    "uuid_parsing": ("is no GUID", "write one such as 5b1d1b0c-5d0e-4c53-9d9c-0f3d4f6a7b21"),
    "uuid_type": ("is no GUID", "write one such as 5b1d1b0c-5d0e-4c53-9d9c-0f3d4f6a7b21"),
}
_FAULT = "fault"


def fault(wrong: str, right: str) -> PydanticCustomError:
    """What a validator raises: both halves of a fault in our words."""
    return PydanticCustomError(_FAULT, "{wrong}; {right}", {"wrong": wrong, "right": right})


def faults_of(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Fault]:
    """Every error of the library as a fault of the document. No value is printed: it may be a secret."""
    return [_fault(details, document, model) for details in error.errors(include_url=False, include_input=False)]


def _fault(details: ErrorDetails, document: Document, model: type[BaseModel]) -> Fault:
    path = _path(details["loc"], document)
    context = details.get("ctx", {})
    if details["type"] == "extra_forbidden":
        wrong, right = "is not a key here", _nearest(str(path[-1]), _keys_at(model, path[:-1]))
        return document.fault(path, wrong, right, at_key=True)
    if details["type"] == _FAULT:
        return document.fault(path, str(context["wrong"]), str(context["right"]))
    wrong, right = _WORDS.get(details["type"], (details["msg"], "see config/proxy.yaml"))
    return document.fault(path, wrong, right.format(**context))


def _path(location: tuple[str | int, ...], document: Document) -> KeyPath:
    """The library's location without the names of types that it mixes in."""
    path: KeyPath = ()
    for index, part in enumerate(location):
        if (*path, part) in document.values or index == len(location) - 1:
            path = (*path, part)
    return path


def _nearest(name: str, known: list[str]) -> str:
    by_case = {key.casefold(): key for key in known}
    near = difflib.get_close_matches(name.casefold(), by_case, n=1, cutoff=0.6)
    if near:
        return f"did you mean {by_case[near[0]]}?"
    return f"known here: {', '.join(known)}" if known else "leave it out"


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the schema knows at this place."""
    schema: Mapping[str, Any] = model.model_json_schema(by_alias=True)
    root = schema
    for part in path:
        schema = _step(root, schema, part)
    return list(_mapping(root, schema).get("properties", {}))


def _step(root: Mapping[str, Any], schema: Mapping[str, Any], part: str | int) -> Mapping[str, Any]:
    if isinstance(part, int):
        for option in _options(root, schema):
            if "items" in option:
                return dict(option["items"])
        return {}
    return dict(_mapping(root, schema).get("properties", {}).get(part, {}))


def _mapping(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((option for option in _options(root, schema) if "properties" in option), {})


def _options(root: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schema itself and what it refers to or chooses from."""
    if "$ref" in schema:
        return _options(root, root["$defs"][schema["$ref"].rpartition("/")[2]])
    found = [schema]
    for keyword in ("anyOf", "allOf", "oneOf"):
        for option in schema.get(keyword, ()):
            found.extend(_options(root, option))
    return found
