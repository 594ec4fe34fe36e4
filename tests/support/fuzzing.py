"""What the fuzz targets share: how many inputs each tries, how inputs are mutated, and the corpus tried every time.

`make test` tries about a hundred derandomized inputs per target and the corpus; `make test-long` tries a hundred
thousand random ones. An input that has failed once belongs in `tests/fuzz/corpus/<target>/`, as a file of its own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from hypothesis import example, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).resolve().parents[1] / "fuzz" / "corpus"
_LEAST = 20
_Result = TypeVar("_Result")
_Error = TypeVar("_Error", bound=Exception)
_OCTETS = st.characters(max_codepoint=255)


def fuzz(target: Callable[..., object] | None = None, *, cost: int = 1):
    """Decorate a target. `cost`: how many times as long one of its inputs takes as the cheapest target's."""

    def decorate(function):
        return settings(max_examples=max(_LEAST, settings().max_examples // cost))(function)

    return decorate if target is None else decorate(target)


def attempt(call: Callable[[], _Result], documented: type[_Error]) -> tuple[_Result | None, _Error | None]:
    """Return (result, None), or (None, error) if `call` raises its documented error. Other errors fail the target."""
    try:
        return call(), None
    except documented as error:
        return None, error


def corpus(folder: str, argument: str, /, **others: object):
    """Decorate a target with the files of `corpus/<folder>/`, passed as Latin-1 text in `argument`, beside `others`."""

    def decorate(function):
        for path in sorted((CORPUS / folder).iterdir()):
            function = example(**{argument: path.read_bytes().decode("latin-1")}, **others)(function)
        return function

    return decorate


def mutated(seeds: Sequence[str], words: Sequence[str]) -> st.SearchStrategy[str]:
    """Return one of `seeds` with up to five edits: parts are cut, repeated, or replaced by `words` and other text."""
    put = st.none() | st.sampled_from(words) | st.text(_OCTETS, max_size=4)
    edits = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 12), put), max_size=5)
    return st.builds(_edited, st.sampled_from(seeds), edits)


def _edited(text: str, edits: Sequence[tuple[int, int, str | None]]) -> str:
    for place, cut, put in edits:
        at = place % (len(text) + 1)
        text = text[:at] + (text[at : at + cut] * 2 if put is None else put) + text[at + cut :]
    return text
