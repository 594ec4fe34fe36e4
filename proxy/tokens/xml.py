"""XML from strangers: parsed once, in one way, or refused.

Entities, external or not, DOCTYPEs, comments and processing instructions are refused wherever they stand: two readers
see different texts around them (`admin@x.com<!---->.evil.com`). So are two elements of one id.
"""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from proxy.errors import TokenRefused

LARGEST_TOKEN: Final = 250 * 1024
"""Bytes of a response at most: AD FS's largest, with some thousand group claims, are below."""

_MOST_ELEMENTS = 10_000
_MOST_ATTRIBUTES = 50
_IDS = frozenset({"AssertionID", "ResponseID", "RequestID", "ID", "Id", "id"})
_IDS_BY_NAMESPACE = frozenset(
    {
        "{http://www.w3.org/XML/1998/namespace}id",
        "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id",
    }
)


def parse(data: bytes, *, most: int = LARGEST_TOKEN) -> etree._Element:
    """The root of a document in UTF-8. Raises TokenRefused, without a word of the document."""
    if len(data) > most:
        raise TokenRefused("too_large", f"{len(data)} bytes; {most} at most")
    # Before any parser sees it: what a DOCTYPE declares is expanded while it is read.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise TokenRefused("doctype")
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
    except (etree.XMLSyntaxError, ValueError) as error:
        raise TokenRefused("malformed", f"no XML: {type(error).__name__}") from None
    if root.getroottree().docinfo.doctype:
        raise TokenRefused("doctype")
    _judge_nodes(root)
    return root


def _judge_nodes(root: etree._Element) -> None:
    seen: set[str] = set()
    for number, node in enumerate(root.iter()):
        if number >= _MOST_ELEMENTS:
            raise TokenRefused("too_large", f"more than {_MOST_ELEMENTS} elements")
        if not isinstance(node.tag, str):
            raise TokenRefused("markup_in_text", "a comment, a processing instruction or an entity")
        if len(node.attrib) > _MOST_ATTRIBUTES:
            raise TokenRefused("too_large", f"more than {_MOST_ATTRIBUTES} attributes")
        for name, value in node.attrib.items():
            if name in _IDS or name in _IDS_BY_NAMESPACE:
                if value in seen:
                    raise TokenRefused("duplicate_id")
                seen.add(str(value))


def alone(element: etree._Element) -> etree._Element:
    """The element as a document of its own: whatever stood around it cannot be reached from it, by no reference."""
    return parse(etree.tostring(element, encoding="utf-8", with_tail=False))


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
