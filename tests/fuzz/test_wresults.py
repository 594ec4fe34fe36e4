"""WS-Federation responses: whatever is done to a signed one, it says what was signed or is refused."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import TokenRefused
from proxy.tokens.saml import verify_response
from proxy.tokens.wstrust import SAML11, SAML20
from support.fuzzing import attempt, corpus, fuzz, mutated
from support.saml_tokens import (
    NOW,
    TRUST_13,
    TRUST_2005,
    as_text,
    assertion,
    expected,
    pinned,
    response,
    sealed,
    signed,
)

PERSON = "alice@contoso.com"
WORDS = ("<", ">", "/>", "&", "&amp;", "&#0;", "&#x110000;", "&lol;", "<!--", "-->", "<![CDATA[", "]]>", "<?x y?>")
WORDS += (
    '<!DOCTYPE a [<!ENTITY lol "lol">]>',
    ' xmlns="urn:x"',
    ' xmlns:t="urn:x"',
    ' Id="_original"',
    "bob",
    "<!---->",
)
WORDS += (
    "\0",
    "\ud7ff",
    "\ufffe",
    "\xe9",
    "A",
    "=",
    "http://",
    "_original",
    " ",
    "\n",
    "<a/>",
    "</Assertion>",
    '"',
    "'",
)


@cache
def seeds() -> tuple[str, ...]:
    """Good responses of every shape: two versions of SAML and of WS-Trust, in clear and encrypted."""
    return tuple(
        as_text(response(sealed(one) if hidden else one, trust=trust))
        for namespace in (SAML11, SAML20)
        for trust, hidden in ((TRUST_2005, False), (TRUST_13, True))
        for one in (signed(assertion(namespace)),)
    )


@cache
def stranger() -> str:
    """What anybody can write: a response about somebody else, without a signature."""
    return as_text(response(assertion(SAML11, "_forged", "bob@contoso.com")))


def cut(text: str, place: int) -> int:
    """Return where a tag begins or ends."""
    places = [index for index, sign in enumerate(text) if text[index - 1 : index] == ">" or sign == "<"]
    return places[place % len(places)]


def judged(text: str):
    return attempt(lambda: verify_response(text, pinned(), expected(), NOW), TokenRefused)


@fuzz(cost=10)
@given(text=st.deferred(lambda: mutated(seeds(), WORDS)))
def test_a_mutated_response_says_what_was_signed_or_is_refused(text):
    found, refused = judged(text)
    if refused:
        assert text not in seeds()
        assert refused.reason.replace("_", "").isalnum()
    else:
        assert (found.token_id, found.token.principal.upn) == ("_original", PERSON)


@fuzz(cost=10)
@given(
    one=st.deferred(lambda: st.sampled_from(seeds())),
    two=st.deferred(lambda: st.sampled_from((*seeds(), stranger()))),
    places=st.tuples(*[st.integers(0, 1 << 12)] * 3),
)
def test_parts_of_two_responses_do_not_make_a_third(one, two, places):
    at, start, end = (cut(text, place) for text, place in zip((one, two, two), places, strict=True))
    found, _ = judged(one[:at] + two[min(start, end) : max(start, end)] + one[at:])
    assert found is None or (found.token_id, found.token.principal.upn) == ("_original", PERSON)


@fuzz(cost=2)
@given(text=st.text(max_size=60))
@corpus("wresults", "text")
def test_any_text_is_refused(text):
    found, refused = judged(text)
    assert found is None
    assert refused
