"""Where the tag goes, and that nothing else changes, however the document is cut into pieces."""

import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.browser.injection.document import LOOKED_AT, Document
from proxy.browser.injection.unreached import Why

TAG = b"<script src=x></script>"
META = b'<meta http-equiv="Content-Security-Policy" content="default-src &#39;self&#39;">'


def edit(policy: str) -> str:
    return f"{policy}; added 'x' \"y\""


def run(pieces, *, is_xml=False) -> tuple[bytes, Why | None]:
    document = Document(TAG, edit, is_xml=is_xml)
    out = b"".join([document.feed(piece) for piece in pieces])
    return out + document.end(), document.unreached


def whole(data: bytes, *, is_xml=False) -> bytes:
    return run([data], is_xml=is_xml)[0]


# «|» is where the tag goes.
PLACES = [
    b"<!doctype html><html><head>|<title>a</title></head><body>b",
    b"\xef\xbb\xbf<!DOCTYPE html>\r\n<html lang=de>\n<head profile='<head>'>|\n<meta charset=utf-8>",
    b"<HEAD\n>|</HEAD>",
    b"<head/>|<title>",
    b"<head a=b/>|<title>",
    b'<html data-x="<head>"><head>|',
    b"<html data-x='>' data-y=\"'<head>\"><head>|",
    b"<html a=b\"<c' d><head>|",
    b"<html =<head>|",
    b"<html = ><head>|",
    b"<html a= '<head>' ><head>|",
    b"<!-- <head> --><head>|",
    b"<!--><head>| -->",
    b"<!---><head>| -->",
    b"<!----><head>|",
    b"<!-- --!><head>| -->",
    b"<!--!> <head> --><head>|",
    b"<!-- a <!-- b --><head>|",
    b"<!-- a -- > <head> --><head>|",
    b"<![CDATA[ <head> |]]>text",
    b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://x"><html><head>|',
    b'<!doctype html PUBLIC "a>|b',
    b"<!doctype html>|<title>a</title><head>",
    b"<!doctype html><html>|<body><head>",
    b"<!doctype html><html>|<header>",
    b"<!doctype html><html>|<headx>",
    b"<!doctype html>\n|<script>'<head>'</script>",
    b"<!doctype html>|<frameset><frame src=a></frameset>",
    b"|text <head>",
    b"  |text",
    b"|<p>",
    b"|< head>",
    b"|<1>",
    b"|<",
    b"</p></div ><head>|",
    b"</><head>|",
    b"</ <head><head>|",
    b"|</body><head>",
    b"|</br>",
    b"<html>|</head>",
    b"<!doctype html>|",
    b"<!doctype html>\n|",
    b"<html>|",
    b"<!-- a -->|",
    b"<!doctype html>|<html",
    b"|<!doctype html",
    b"|<head",
    b"\xef\xbb\xbf|a",
    b"<html><head>|" + b"\xff\xfe\x00" * 20,
]


@pytest.mark.parametrize("marked", PLACES)
def test_the_tag_goes_first_into_the_head(marked):
    assert marked.count(b"|") == 1
    assert run([marked.replace(b"|", b"")]) == (marked.replace(b"|", TAG), None)


XML_PLACES = [
    b'<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head>|<title/></head></html>',
    b"<html><!-- <head> --><?a > <head>?><head id='>'>|",
    b'\xef\xbb\xbf<html a="<head>"><head>|</head></html>',
]


@pytest.mark.parametrize("marked", XML_PLACES)
def test_in_xhtml_too(marked):
    assert run([marked.replace(b"|", b"")], is_xml=True) == (marked.replace(b"|", TAG), None)


@pytest.mark.parametrize(
    "data",
    [
        b"<html><HEAD></HEAD></html>",
        b"<html><head/></html>",
        b"<html><body/></html>",
        b"<h:html><h:head></h:head></h:html>",
        b"<!DOCTYPE html [<!ENTITY a '<head>'>]><html><head></head></html>",
        b"<>",
    ],
)
def test_xhtml_without_a_head_that_is_seen_stays_as_it_is(data):
    assert run([data], is_xml=True) == (data, Why.NO_HEAD)


@pytest.mark.parametrize("data", [b"", b" \n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf "])
def test_a_document_without_anything_in_it_stays_so(data):
    assert run([data]) == (data, None)
    assert run([data + b"a"]) == (data + TAG + b"a", None)


@pytest.mark.parametrize(
    "data", ["<head>".encode("utf-16"), b"\xfe\xff\0<", b"\xff\xfe<\0", "<head>".encode("utf-16-le")]
)
def test_utf_16_stays_as_it_is_and_says_so(data):
    assert run([data]) == (data, Why.CHARSET)


def test_a_head_is_looked_for_only_so_far():
    fits = b"<!--" + b"x" * (LOOKED_AT - 13) + b"--><head>"
    assert len(fits) == LOOKED_AT
    assert run([fits]) == (fits + TAG, None)
    longer = b"<!--" + b"x" * (LOOKED_AT - 12) + b"--><head>"
    assert run([longer]) == (longer, Why.PREAMBLE_TOO_LONG)
    assert run([longer[:9], longer[9:]]) == (longer, Why.PREAMBLE_TOO_LONG)


def test_what_is_decided_goes_out_at_once():
    document = Document(TAG, edit)
    assert document.feed(b"<!doctype html><ht") == b"<!doctype html>"
    assert document.feed(b"ml><head><tit") == b"<html><head>" + TAG
    assert document.feed(b"le>a</title><p>b") == b"<title>a</title><p>b"
    assert document.feed(b"<hea") == b"<hea"


EDITED = b'content="default-src &#x27;self&#x27;; added &#x27;x&#x27; &quot;y&quot;"'


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        (b"<head>" + META, True),
        (b"<head><title><meta></title><link a=b>\n<!-- c -->" + META, True),
        (b"<head><style><a></style><script>'<body>'</script>" + META, True),
        (b"<head></head>" + META, True),
        (META, True),
        (b"<head><META CONTENT=\"default-src 'self'\" HTTP-EQUIV=content-security-policy>", True),
        (b"<head><meta content=\"default-src 'self'\" http-equiv=content-security-policy content=x>", True),
        (b"<head><body>" + META, False),
        (b"<head>text" + META, False),
        (b"<head><!--" + META + b"-->", False),
        (b"<head><title>" + META + b"</title>", False),
        (b"<head><noscript>" + META + b"</noscript>", False),
        (b"<head><template>" + META + b"</template>", False),
        (b"<head><script>'" + META + b"'</script>", False),
        (b"<head><script><!-- <script> </script>" + META + b"--></script>", False),
        (b"<head><meta http-equiv=content-security-policy-report-only content=\"default-src 'self'\">", False),
        (b"<head><meta name=content-security-policy content=\"default-src 'self'\">", False),
        (b"<head><meta http-equiv=content-security-policy>", False),
    ],
)
def test_a_policy_in_the_head_is_edited_and_nothing_that_looks_like_one(data, changed):
    out = whole(data)
    left = out.replace(TAG, b"")
    if not changed:
        assert left == data
        return
    before, behind = re.split(re.escape(EDITED), left, flags=re.IGNORECASE)
    assert data.startswith(before)
    assert data.endswith(behind)


def test_a_policy_that_needs_nothing_keeps_its_bytes():
    document = Document(TAG, lambda policy: policy)
    data = b"<head>" + META + b"</head>"
    assert document.feed(data) + document.end() == b"<head>" + TAG + data[6:]


def test_signs_that_latin_1_lacks_survive_an_edit():
    out = whole(b"<head><meta http-equiv=content-security-policy content='a \xc3\xa9 &#8217; &euro;'>")
    assert b'content="a \xc3\xa9 &#8217; &#8364;; added' in out


PARTS = [
    *(place.replace(b"|", b"") for place in PLACES),
    META,
    b"<meta charset=utf-8>",
    b"<script><!-- <script> </script> --></script>",
    b"<script>a</scripty></script >",
    b"<title>",
    b"</title>",
    b"<!--",
    b"-->",
    b"\0",
    b" ",
    b"\xff",
    b"x" * 70_000,
    b"<!--" + b"x" * (LOOKED_AT - 30) + b"-->",
]


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from(PARTS), max_size=6).map(b"".join),
    st.sets(st.integers(0, 70_500), max_size=8),
    st.booleans(),
)
@example(b"<!--" + b"x" * (LOOKED_AT - 13) + b"--><head>", {5, LOOKED_AT - 1}, False)
def test_pieces_make_no_difference_and_bytes_elsewhere_stay(data, cuts, is_xml):
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    out, unreached = run(pieces, is_xml=is_xml)
    assert (out, unreached) == run([data], is_xml=is_xml)
    assert unreached is None or out == data
    same = Document(TAG, lambda policy: policy, is_xml=is_xml)
    unedited = same.feed(data) + same.end()
    before, tag, behind = unedited.partition(TAG)
    assert before + behind == data
    assert bool(tag) is (unreached is None and not is_blank(data))


def is_blank(data: bytes) -> bool:
    return not data.removeprefix(b"\xef\xbb\xbf").strip(b"\t\n\f\r ")


@settings(max_examples=60)
@given(st.lists(st.sampled_from([part for part in PARTS if len(part) < 300]), max_size=4).map(b"".join), st.booleans())
def test_nor_does_one_byte_at_a_time(data, is_xml):
    assert run([data[at : at + 1] for at in range(len(data))], is_xml=is_xml) == run([data], is_xml=is_xml)
