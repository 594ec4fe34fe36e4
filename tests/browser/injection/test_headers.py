"""Validators and ranges of changed answers are never taken for those of unchanged ones, nor the other way round."""

import pytest

from proxy.browser.injection.headers import Mark, answered, asked

MARK = Mark(b"<script>")
OLDER = Mark(b"<script src=older>")


@pytest.mark.parametrize("tag", [b'"a"', b'W/"a"', b'""', b'"a-w1-s2"', b'"\xe9,"'])
def test_an_entity_tag_comes_back_as_it_was(tag):
    ours = MARK.put(tag)
    assert ours.startswith(b'W/"')
    assert MARK.taken_off(ours) == [tag]
    assert MARK.taken_off(ours.removeprefix(b"W/")) == [tag]
    assert OLDER.taken_off(ours) == []
    assert MARK.taken_off(tag) == []


@pytest.mark.parametrize("tag", [b"a", b'"a', b'"a" ', b'w/"a"', b"*", b""])
def test_what_is_no_entity_tag_has_no_place(tag):
    assert MARK.put(tag) is None
    assert MARK.taken_off(tag) == []


def test_strong_and_weak_are_two():
    assert MARK.put(b'"a"') != MARK.put(b'W/"a"')


def question(*fields):
    return asked([(b"Host", b"a"), *fields], MARK)


@pytest.mark.parametrize(
    ("fields", "sent", "ours"),
    [
        ([], [(b"Accept-Encoding", b"identity")], False),
        ([(b"Accept-Encoding", b"gzip, br"), (b"ACCEPT-encoding", b"zstd")], [(b"Accept-Encoding", b"gzip")], False),
        ([(b"Accept-Encoding", b"br")], [(b"Accept-Encoding", b"identity")], False),
        ([(b"If-None-Match", b'"a"')], [(b"Accept-Encoding", b"identity")], False),
        ([(b"If-None-Match", b"*")], [(b"Accept-Encoding", b"identity")], False),
        ([(b"If-Modified-Since", b"x")], [(b"Accept-Encoding", b"identity")], False),
        ([(b"If-None-Match", OLDER.put(b'"a"'))], [(b"Accept-Encoding", b"identity")], False),
        (
            [(b"If-None-Match", b'"x", ' + MARK.put(b'"a"')), (b"if-none-match", MARK.put(b'W/"b"'))],
            [(b"Accept-Encoding", b"identity"), (b"If-None-Match", b'"a", W/"b"')],
            True,
        ),
        ([(b"Range", b"bytes=1-")], [(b"Accept-Encoding", b"identity")], False),
        (
            [(b"Range", b"bytes=1-"), (b"If-Range", b'"a"')],
            [(b"Range", b"bytes=1-"), (b"If-Range", b'"a"'), (b"Accept-Encoding", b"identity")],
            False,
        ),
    ],
)
def test_what_the_upstream_is_asked(fields, sent, ours):
    assert question(*fields) == ([(b"Host", b"a"), *sent], ours)


def test_what_says_something_of_the_bytes_goes_and_all_else_stays_in_order():
    fields = [
        (b"Server", b"IIS"),
        (b"Content-Length", b"5"),
        (b"ETag", b'"a"'),
        (b"Content-Security-Policy", b"x"),
        (b"Last-Modified", b"Thu"),
        (b"Accept-Ranges", b"bytes"),
        (b"Content-Encoding", b"gzip"),
        (b"Digest", b"d"),
        (b"Content-security-policy", b"y"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"a=2"),
        (b"Content-Security-Policy-Report-Only", b"z"),
    ]
    kept = [
        (b"Server", b"IIS"),
        (b"ETag", MARK.put(b'"a"')),
        (b"Content-Security-Policy", b"1"),
        (b"Content-security-policy", b"2"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"a=2"),
        (b"Content-Security-Policy-Report-Only", b"z"),
    ]
    assert answered(fields, MARK, None, ["1", "2"]) == kept
    assert answered(fields, None, b"gzip", ["1", "2"]) == [*kept[:1], *kept[2:], (b"Content-Encoding", b"gzip")]
