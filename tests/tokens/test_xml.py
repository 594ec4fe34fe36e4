"""Limits of XML from strangers: the largest document of each kind is parsed, one more is refused."""

from collections.abc import Callable

import pytest

from proxy.errors import TokenRefused
from proxy.tokens.xml import LARGEST_TOKEN, parse


def nested(depth: int) -> str:
    return "<a>" * depth + "</a>" * depth


def elements(count: int) -> str:
    return f"<a>{'<a/>' * (count - 1)}</a>"


def attributes(count: int) -> str:
    return "<a " + " ".join(f"a{number}=''" for number in range(count)) + "/>"


def quotes(count: int) -> str:
    return f"<a>{chr(39) * count}</a>"


def in_scope(count: int) -> str:
    inner = "".join(f' xmlns:p{number}="urn:{number}"' for number in range(1, count))
    return f'<a xmlns:p0="urn:0"><b{inner}/></a>'


def declared_in_turn(count: int) -> str:
    return "<a>" + "<b xmlns='urn:x'/>" * count + "</a>"


def identified(count: int) -> str:
    return "<a>" + "".join(f"<b ID='{number}'/>" for number in range(count)) + "</a>"


def filled(count: int) -> str:
    return f"<a>{'x' * (count - 7)}</a>"


LIMITS: list[tuple[Callable[[int], str], int]] = [
    (nested, 32),
    (elements, 8_000),
    (attributes, 20),
    (quotes, 12_000),
    (in_scope, 64),
    (declared_in_turn, 5_000),
    (identified, 100),
    (filled, LARGEST_TOKEN),
]


@pytest.mark.parametrize(("made", "most"), LIMITS, ids=[made.__name__ for made, _ in LIMITS])
def test_document_at_a_limit_is_parsed_and_one_more_is_refused(made, most):
    assert parse(made(most).encode()).tag == "a"
    with pytest.raises(TokenRefused) as refused:
        parse(made(most + 1).encode())
    assert refused.value.reason == "too_large"


@pytest.mark.parametrize("depth", [300, 20_000])
def test_document_nested_deeper_than_the_parser_reads_is_refused(depth):
    with pytest.raises(TokenRefused) as refused:
        parse(nested(depth).encode())
    assert refused.value.reason in {"too_large", "malformed"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp037"])
def test_document_in_another_encoding_is_refused(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><a>text</a>'
    assert parse(text.encode()).text == "text"
    with pytest.raises(TokenRefused) as refused:
        parse(text.encode(encoding))
    assert refused.value.reason == "malformed"


def test_declared_encoding_changes_nothing():
    assert parse(b'<?xml version="1.0" encoding="utf-7"?><a>+ADw-</a>').text == "+ADw-"


@pytest.mark.parametrize("markup", ["<!--x-->", "<?x?>", "<b><!--x--></b>"])
def test_markup_within_the_document_is_refused(markup):
    assert parse(b"<?xml version='1.0'?><!-- before --><a>text</a>").text == "text"
    with pytest.raises(TokenRefused) as refused:
        parse(f"<a>text{markup}</a>".encode())
    assert refused.value.reason == "markup_in_text"


@pytest.mark.parametrize("name", ["ID", "Id", "id", "AssertionID", "xml:id", "u:Id"])
def test_identifier_that_is_used_twice_is_refused(name):
    wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
    text = f'<a xmlns:u="{wsu}"><b {name}="x"/><b ID="y"/></a>'
    assert len(parse(text.encode())) == 2
    with pytest.raises(TokenRefused) as refused:
        parse(text.replace('"y"', '"x"').encode())
    assert refused.value.reason in {"duplicate_id", "malformed"}
