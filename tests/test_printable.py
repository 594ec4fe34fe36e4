import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.printable import printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice\nwould be accepted", r"alice\x0awould be accepted"),
        ("a\rb\tc\0d", r"a\x0db\x09c\x00d"),
        ("\x1b[2J\a", r"\x1b[2J\x07"),
        ("\x7f", r"\x7f"),
        ("\x85\x9b31m", r"\x85\x9b31m"),
        ("line\u2028paragraph\u2029end", r"line\u2028paragraph\u2029end"),
        ("\u202egpj.exe\u202c", r"\u202egpj.exe\u202c"),
        ("\u2066x\u2069\u200f\u061c", r"\u2066x\u2069\u200f\u061c"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("no\u00a0break", r"no\xa0break"),
        ("lone \ud800", r"lone \ud800"),
        ("tag \U000e0041", r"tag \U000e0041"),
    ],
)
def test_printable_escapes_what_forges_or_hides(text, expected):
    assert printable(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice@contoso.com",
        "Jörg Müller",
        "Žofie",
        "山田太郎",
        "Ольга",
        "סתיו",
        "مريم",
        "a b",
        r"CONTOSO\alice",
        "€ 5 😀",
    ],
)
def test_printable_keeps_ordinary_text(text):
    assert printable(text) == text


@given(st.text(alphabet=st.characters()))
@settings(deadline=None)
def test_printable_text_is_one_line_without_control_characters(text):
    told = printable(text)
    assert len(told.splitlines()) <= 1
    assert not {unicodedata.category(character) for character in told} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
