"""Configuration files: whatever is written there, it is a configuration or a list of faults with their places."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.configuration import load
from proxy.errors import ConfigurationError
from proxy.model.deployment import Deployment
from support.fuzzing import attempt, corpus, fuzz, mutated

SAMPLE = (Path(__file__).resolve().parents[2] / "config" / "proxy.yaml").read_text()
# Comments only slow the reader down; the keys that stand in them are tried as well.
KEYS = re.sub(r"(?m)^\s*#.*\n|\s+# .*$", "", SAMPLE)
COMMENTED = re.sub(r"(?m)^(\s*)# ?(?=[\w-]+:)", r"\1", SAMPLE)
ENVIRONMENT = {"CLAIMS_PROXY_SECRET": "a-secret-of-at-least-thirty-two-bytes", "CLIENT_SECRET": "secret-of-the-client"}
WORDS = (
    "\n",
    "\n  ",
    "\n  - ",
    ": ",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "!!binary ",
    "!!python/object:x ",
)
WORDS += (
    "null",
    "~",
    "true",
    "yes",
    "0x1F",
    "1e999",
    ".inf",
    ".nan",
    "-1",
    "2001-01-01",
    "10" * 3000,
    "<<: ",
    "? ",
    "| ",
)
WORDS += ("> ", "%YAML 1.1\n", "---\n", "...\n", '"', "'", "\\", "#", "\t", "\0", "\x85", "\ufeff", "\u2028", "{env:X}")
WORDS += ("{file:/nowhere}", "=", "http://[::1", "redis://a:b/c", "a@b", "::", "999999999999999999999", "/", "*")
# A value of any type in any key's place.
LINES = [match.span(1) for match in re.finditer(r"(?m)^\s*(?:- )?[\w.]+:[ \t]+(\S.*)$", KEYS)]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("configuration") / "proxy.yaml"


def is_judged(place: Path, text: str) -> Deployment | None:
    """Return the configuration that `text` is, or None if it has faults, each of which says where and what."""
    place.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    found, error = attempt(lambda: load(place, ENVIRONMENT), ConfigurationError)
    if error is not None:
        assert error.faults
        for fault in error.faults:
            assert fault.line >= 1
            assert fault.column >= 1
            assert fault.wrong
            assert fault.right
            assert "Traceback" not in str(fault)
            assert ENVIRONMENT["CLIENT_SECRET"] not in str(fault)
    return found


def test_the_sample_itself_is_good(place):
    assert isinstance(is_judged(place, KEYS), Deployment)


@fuzz(cost=20)
@given(text=mutated((KEYS, COMMENTED), WORDS))
@corpus("configurations", "text")
def test_a_mutated_sample_is_a_configuration_or_faults(place, text):
    is_judged(place, text)


@fuzz(cost=20)
@given(
    span=st.sampled_from(LINES),
    value=st.sampled_from(WORDS)
    | st.text(max_size=12)
    | st.sampled_from(
        ["[]", "{}", "[[]]", "{a: b}", "[{}]", "[null]", "!!set {a}", "!!omap [a: b]", "!!int x", '""', "''"]
    ),
)
def test_any_value_in_any_key_is_a_configuration_or_faults(place, span, value):
    start, end = span
    is_judged(place, KEYS[:start] + value + KEYS[end:])
