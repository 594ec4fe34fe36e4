"""XML from strangers: parsed once, in one way, or refused.

Entities, external or not, DOCTYPEs, comments and processing instructions are refused wherever they stand: two readers
see different texts around them (`admin@x.com<!---->.evil.com`). So are two elements of one id.

Every count that canonicalization or a lookup multiplies is limited, because all of this happens before the sender is
known. The checks run inside libxml2: a loop over 10,000 elements in Python costs more than a good token as a whole.
"""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from proxy.errors import TokenRefused

LARGEST_TOKEN: Final = 250 * 1024
"""Bytes of a response at most: AD FS's largest, with some thousand group claims, are below."""

# The shortest group claim, `<AttributeValue>x</AttributeValue>`, fits in 7,500 times.
_MOST_ELEMENTS = 8_000
_MOST_ATTRIBUTES = 20
_MOST_IDS = 100
_MOST_QUOTES = 2 * 6_000
_MOST_NAMESPACES = 5_000
_MOST_IN_SCOPE = 64
_DEEPEST = 32
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"


def _xpath(expression: str) -> etree.XPath:
    return etree.XPath(expression, namespaces={"wsu": _WSU}, regexp=False, smart_strings=False)


_ELEMENTS = _xpath("count(//*)")
_TOO_DEEP = _xpath(f"boolean({'/*' * (_DEEPEST + 1)})")
_CROWDED = _xpath(f"boolean(//@*[{_MOST_ATTRIBUTES + 1}])")
_ID_NAMES = ("AssertionID", "ResponseID", "RequestID", "ID", "Id", "id", "xml:id", "wsu:Id")
_IDS = _xpath(" | ".join(f"//@{name}" for name in _ID_NAMES))
_IDS_COUNT = _xpath(" + ".join(f"count(//@{name})" for name in _ID_NAMES))


def parse(data: bytes, *, most: int = LARGEST_TOKEN) -> etree._Element:
    """The root of a document in UTF-8. Raises TokenRefused, without a word of the document."""
    if len(data) > most:
        raise TokenRefused("too_large", f"{len(data)} bytes; {most} at most")
    # Before any parser sees it: what a DOCTYPE declares is expanded while it is read.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise TokenRefused("doctype")
    declarations = _validated_counts(data)
    root = _parsed(data)
    _validate_nodes(root)
    if declarations > _MOST_IN_SCOPE:
        _validate_scopes(root)
    return root


def _parsed(data: bytes) -> etree._Element:
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError) as error:
        raise TokenRefused("malformed", f"no XML: {type(error).__name__}") from None
    if root.getroottree().docinfo.doctype:
        raise TokenRefused("doctype")
    return root


def _validated_counts(data: bytes) -> int:
    """Limit tags, attributes and namespace declarations before the parser builds them; return the declarations."""
    if data.count(b"<") > 2 * _MOST_ELEMENTS:
        raise TokenRefused("too_large", f"more than {_MOST_ELEMENTS} elements")
    if data.count(b'"') + data.count(b"'") > _MOST_QUOTES:
        raise TokenRefused("too_large", f"more than {_MOST_QUOTES // 2} attributes")
    declarations = data.count(b"xmlns")
    if declarations > _MOST_NAMESPACES:
        raise TokenRefused("too_large", f"more than {_MOST_NAMESPACES} namespace declarations")
    return declarations


def _validate_nodes(root: etree._Element) -> None:
    if _TOO_DEEP(root):
        raise TokenRefused("too_large", f"elements nested deeper than {_DEEPEST}")
    if _ELEMENTS(root) > _MOST_ELEMENTS:
        raise TokenRefused("too_large", f"more than {_MOST_ELEMENTS} elements")
    # Stops at the first: as an XPath union of both kinds this costs the square of their number.
    if next(root.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise TokenRefused("markup_in_text", "a comment, a processing instruction or an entity")
    if _CROWDED(root):
        raise TokenRefused("too_large", f"more than {_MOST_ATTRIBUTES} attributes")
    # The sum first: libxml2 merges the sets of a union pairwise, which is expensive before their number is known.
    if _IDS_COUNT(root) > _MOST_IDS:
        raise TokenRefused("too_large", f"more than {_MOST_IDS} identifiers")
    ids = _IDS(root)
    if len(set(ids)) < len(ids):
        raise TokenRefused("duplicate_id")


def _validate_scopes(root: etree._Element) -> None:
    """Limit the namespaces in scope of an element: canonicalization searches them for each element and attribute."""
    in_scope = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        in_scope += 1 if event == "start-ns" else -1
        if in_scope > _MOST_IN_SCOPE:
            raise TokenRefused("too_large", f"more than {_MOST_IN_SCOPE} namespaces in scope")


def alone(element: etree._Element) -> etree._Element:
    """The element as a document of its own: no reference in it reaches what was around it.

    It comes from a document that `parse` has validated, so only parsing can still fail.
    """
    return _parsed(etree.tostring(element, encoding="utf-8", with_tail=False))


def children(element: etree._Element, tag: str) -> list[etree._Element]:
    """The direct children of a name."""
    return [child for child in element if child.tag == tag]


def only(element: etree._Element, tag: str, reason: str = "structure") -> etree._Element:
    """The one direct child of a name. Raises TokenRefused where there is none, or there are several."""
    found = children(element, tag)
    if len(found) != 1:
        raise TokenRefused(reason, f"{len(found)} of {_short(tag)} in {_short(element.tag)}, one would be right")
    return found[0]


def text_of(element: etree._Element) -> str:
    """The text of an element that has no children. Raises TokenRefused for one that has."""
    if len(element):
        raise TokenRefused("structure", f"{_short(element.tag)} is no text")
    return element.text or ""


def descendants(element: etree._Element, *tags: str) -> Iterator[etree._Element]:
    """Every element of these names, itself included."""
    return element.iter(*tags)


def _short(tag: object) -> str:
    return str(tag).rpartition("}")[2][:64]
