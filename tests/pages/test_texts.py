"""Every page has its words, and they suit a person in a hurry."""

import pytest

from proxy.pages.texts import CATALOGUES, Page

JARGON = ("http", "token", "oidc", "upstream", "nonce", "store", "proxy", "invalid", "error", "failed", "your fault")


@pytest.mark.parametrize("language", CATALOGUES)
def test_a_catalogue_has_every_page(language):
    assert set(CATALOGUES[language].pages) == set(Page)
    assert CATALOGUES[language].language == language


@pytest.mark.parametrize("page", Page)
def test_words_are_short_and_without_jargon(page):
    text = CATALOGUES["en"].pages[page]
    whole = f"{text.title} {text.happened} {text.advice}".lower()
    assert not [word for word in JARGON if word in whole]
    assert len(whole.split()) < 70
    assert text.title
    assert text.happened.endswith(".")
    assert text.advice.endswith(".")
