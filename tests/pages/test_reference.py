"""References are random, readable over a telephone and of one length."""

import re

from proxy.pages.reference import make_reference


def test_a_reference_has_twelve_characters_that_are_not_misread():
    for _ in range(200):
        assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{12}", make_reference())


def test_references_differ():
    assert len({make_reference() for _ in range(1000)}) == 1000
