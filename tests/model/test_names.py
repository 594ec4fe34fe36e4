"""Names of people: ASCII letters in either case are the same, every other character is itself."""

import pytest

from proxy.model.names import fold_ascii, is_same_name


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("ADMINISTRATOR@contoso.com", True),
        ("admini\u017ftrator@contoso.com", False),
        ("admini\ufb06rator@contoso.com", False),
        ("administrator@contoso.co\u217f", False),
    ],
)
def test_only_ascii_letters_fold(other, same):
    assert is_same_name("administrator@contoso.com", other) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("kim@contoso.com", "\u212aim@contoso.com", False),
        ("kim@contoso.com", "Kim@contoso.com", True),
        ("strasse", "stra\xdfe", False),
        ("stra\xdfe", "STRA\xdfE", True),
        ("\xe4nne", "\xc4nne", False),
        ("i", "\u0130", False),
    ],
)
def test_another_character_is_another_name(one, other, same):
    assert is_same_name(one, other) is same
    assert (fold_ascii(one) == fold_ascii(other)) is same
