"""Signature wrapping (Somorovsky et al., «On Breaking SAML», XSW 1 to 8): none passes; the untouched token does.

Each way hides the signed assertion somewhere and puts a forged one where a careless reader looks. In the assertion's
position the pieces stand within RequestedSecurityToken, in the response's each has a response of its own.
"""

import copy
from collections.abc import Callable
from itertools import product

import pytest
from lxml import etree

from proxy.errors import TokenRefused
from proxy.tokens.saml import verify_response
from proxy.tokens.wstrust import SAML11, SAML20
from proxy.tokens.xml_signature import DSIG
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

Element = etree._Element
MALLORY = "admin@contoso.com"


def parts(namespace: str) -> tuple[Element, Element, Element]:
    """(the signed assertion without its signature, the signature, a forged assertion)."""
    original = signed(assertion(namespace))
    signature = original.find(f"{DSIG}Signature")
    original.remove(signature)
    return original, signature, assertion(namespace, "_forged", MALLORY)


def with_signature(element: Element, signature: Element) -> Element:
    element.insert(1, signature)
    return element


def xsw1(original: Element, signature: Element, forged: Element) -> list[Element]:
    """The forged one holds the signature, and the signature the original."""
    signature.append(original)
    return [with_signature(forged, signature)]


def xsw2(original: Element, signature: Element, forged: Element) -> list[Element]:
    """The signature stands detached beside both."""
    return [forged, signature, original]


def xsw3(original: Element, signature: Element, forged: Element) -> list[Element]:
    """The forged one stands before the signed one."""
    return [forged, with_signature(original, signature)]


def xsw4(original: Element, signature: Element, forged: Element) -> list[Element]:
    """The signed one lies within the forged one."""
    forged.append(with_signature(original, signature))
    return [forged]


def xsw5(original: Element, signature: Element, forged: Element) -> list[Element]:
    """The forged one has the signature; the original stands behind it."""
    return [with_signature(forged, signature), original]


def xsw6(original: Element, signature: Element, forged: Element) -> list[Element]:
    """As the first, and the forged one has the original's own id."""
    forged = with_signature(forged, signature)
    for name in ("AssertionID", "ID"):
        if name in forged.attrib:
            forged.set(name, original.get(name))
    signature.append(original)
    return [forged]


def xsw7(original: Element, signature: Element, forged: Element) -> list[Element]:
    """The signed one hides in an element that may hold anything (Advice, Extensions)."""
    forged.find(f"{{{forged.nsmap[None]}}}Advice").append(with_signature(original, signature))
    return [forged]


def xsw8(original: Element, signature: Element, forged: Element) -> list[Element]:
    """The signed one hides in the signature's Object."""
    etree.SubElement(signature, f"{DSIG}Object").append(original)
    return [with_signature(forged, signature)]


WAYS: tuple[Callable[..., list[Element]], ...] = (xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8)


def in_the_assertion(pieces: list[Element], trust: str, *, hidden: bool) -> Element:
    return response(*(sealed(each) if hidden else each for each in pieces), trust=trust)


def in_the_response(pieces: list[Element], trust: str, *, hidden: bool) -> Element:
    """Each piece in a response of its own, the later ones within the first or beside it."""
    outer, *others = [response(sealed(each) if hidden else each, trust=trust) for each in pieces]
    if not others:
        outer[0].append(copy.deepcopy(outer[0][0]) if trust == TRUST_13 else outer[0][0].__copy__())
    for other in others:
        outer.append(other)
    return outer


POSITIONS = (in_the_assertion, in_the_response)
EVERY = list(product(WAYS, (SAML11, SAML20), POSITIONS, (False, True), (TRUST_2005, TRUST_13)))


def test_there_are_as_many_as_there_should_be():
    assert len(EVERY) == 8 * 2 * 2 * 2 * 2


@pytest.mark.parametrize(
    ("way", "namespace", "position", "hidden", "trust"),
    EVERY,
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_wrapped_token_is_refused_and_the_untouched_one_is_not(way, namespace, position, hidden, trust):
    whole = signed(assertion(namespace))
    twin = as_text(response(sealed(whole) if hidden else whole, trust=trust))
    assert verify_response(twin, pinned(), expected(), NOW).token.principal.upn == "alice@contoso.com"
    wrapped = as_text(position(way(*parts(namespace)), trust, hidden=hidden))
    with pytest.raises(TokenRefused):
        verify_response(wrapped, pinned(), expected(), NOW)
