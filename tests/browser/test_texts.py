"""The words of the screens say the same in every language, as far as a program can tell."""

import gzip
import json
import re
from importlib.resources import files

import pytest

LANGUAGES = ("en", "fr", "de", "es", "pt", "it", "nl", "ja", "zh", "ar")
FOLDER = files("proxy.browser") / "texts"
SCRIPTS = {
    name: (files("proxy.browser") / "static" / name).read_text("utf-8")
    for name in ("session-watch.js", "session-screens.js", "session-hints.js")
}
PLACEHOLDER = re.compile(r"{[^}]*}")


def texts(language: str) -> dict[str, str]:
    return json.loads((FOLDER / f"{language}.json").read_text("utf-8"))


def test_there_is_a_file_for_each_language_that_the_script_knows():
    assert {each.name for each in FOLDER.iterdir()} == {f"{language}.json" for language in LANGUAGES}
    named = re.search(r"LANGUAGES = (\[.*?\]);", SCRIPTS["session-screens.js"])
    assert json.loads(named[1]) == list(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_placeholders(language):
    english, own = texts("en"), texts(language)
    assert list(own) == list(english), "the same keys in the same order"
    assert all(text.strip() for text in own.values())
    for key, text in english.items():
        assert PLACEHOLDER.findall(own[key]) == PLACEHOLDER.findall(text), key


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_no_text_was_left_in_english(language):
    english, own = texts("en"), texts(language)
    same = {key for key in english if own[key] == english[key]}
    assert same <= {"later"}, "Dutch has the same word"


def test_every_text_has_its_place_in_the_script():
    script = SCRIPTS["session-screens.js"]
    screens = ("session_warning", "session_expired", "inactivity_warning", "inactivity_expired", "signed_out")
    for key in texts("en"):
        screen, _, part = key.rpartition("_")
        assert key in script or (screen in screens and part in ("title", "text")), key


def test_the_script_stays_small():
    """The watch takes at most 10 KiB uncompressed, and all three scripts together at most 10 kB compressed."""
    assert sum(len(gzip.compress(text.encode())) for text in SCRIPTS.values()) < 10_000
    assert len(SCRIPTS["session-watch.js"].encode()) < 10_500
    for text in SCRIPTS.values():
        lines = text.splitlines()
        assert len(lines) < 350
        assert max(map(len, lines)) <= 120
