"""Comparison of names that identify people: only ASCII letters are the same in either case."""

import string

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold_ascii(text: str) -> str:
    """Return `text` with its ASCII letters in lower case and every other character unchanged.

    `str.lower` and `str.casefold` also turn the Kelvin sign into k, the long s into s and ß into ss. Directories keep
    such names apart, so two people would be one here. For a rule that only restricts, a wider folding is safe.
    """
    return text.lower() if text.isascii() else text.translate(_LOWER)


def is_same_name(one: str, other: str) -> bool:
    """Return True if two UPNs or e-mail addresses are the same but for the case of ASCII letters."""
    return fold_ascii(one) == fold_ascii(other)
