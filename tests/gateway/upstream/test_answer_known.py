"""An answer whose head was seen before is taken without reading it again: nobody can tell the difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UpstreamBroken
from proxy.gateway.upstream import answer as answers
from proxy.gateway.upstream.answer import AnswerReader

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n"


class Told:
    """What a reader tells, in order."""

    def __init__(self) -> None:
        self.events = []

    def answer_interim(self, status, headers) -> None:
        self.events.append(("interim", status, headers))

    def answer_head(self, head) -> None:
        self.events.append(("head", head))

    def data(self, piece: bytes) -> None:
        self.events.append(("data", piece))


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(answers, "_KNOWN", {})


def read(*pieces: bytes, is_head: bool = False, upgrade: bool = False, reader: AnswerReader | None = None):
    """(events with bodies joined, done, surplus, the error's class) of one answer in these pieces."""
    told = Told()
    one = reader or AnswerReader(told)
    one._sink = told
    one.begin(told.data, is_head=is_head, upgrade=upgrade)
    error = None
    try:
        for piece in pieces:
            one.feed(piece)
    except UpstreamBroken as broken:
        error = type(broken)
    heads = [event for event in told.events if event[0] != "data"]
    body = b"".join(event[1] for event in told.events if event[0] == "data")
    return heads, body, one.done, one.surplus, error


def test_the_second_of_two_alike_is_not_parsed():
    reader = AnswerReader(Told())
    first = read(HEAD + b"hello", reader=reader)
    reader._parser = object()  # whoever parses now fails
    assert read(HEAD + b"world", reader=reader) == (first[0], b"world", True, False, None)


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD + b"hell",),
        (HEAD + b"hell", b"o"),
        (HEAD, b"hello"),
        (HEAD[:20], HEAD[20:] + b"hello"),
        (HEAD + b"hello, and more",),
        (HEAD + b"hello" + HEAD + b"world",),
        (b"\r\n" + HEAD + b"hello",),
        (b"\r\n\r\n" + HEAD + b"hello",),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"hello",),
        (b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"hello"),
        (HEAD.replace(b"5", b"6") + b"hello",),
        (HEAD.replace(b"5", b"6") + b"hello!",),
        (HEAD.replace(b"5", b"0") + b"hello",),
        (HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"hello",),
        (HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 6\r\n\r\n") + b"hello",),
        (HEAD.replace(b"200 OK", b"204 No Content") + b"hello",),
        (HEAD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",),
    ],
)
@pytest.mark.parametrize("asked", [{}, {"is_head": True}, {"upgrade": True}])
def test_what_is_read_is_the_same_whether_anything_is_known_or_not(pieces, asked):
    fresh = read(*pieces, **asked)
    known = AnswerReader(Told())
    read(HEAD + b"hello", reader=known)
    for _ in range(2):
        assert read(*pieces, **asked) == fresh


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=3), st.data())
def test_any_bytes_after_a_known_head_are_read_as_by_somebody_who_knows_none(bodies, data):
    answers._KNOWN.clear()
    raw = b"".join(HEAD.replace(b"5", b"%d" % len(body)) + body for body in bodies)
    cut = data.draw(st.integers(0, len(raw)))
    pieces = [piece for piece in (raw[:cut], raw[cut:]) if piece]
    fresh = read(*pieces)
    for body in bodies:
        read(HEAD.replace(b"5", b"%d" % len(body)) + body)
    assert read(*pieces) == fresh


def test_no_more_is_remembered_than_is_useful(monkeypatch):
    monkeypatch.setattr(answers, "_MOST_KNOWN", 3)
    for number in range(10):
        read(HEAD.replace(b"text/html", b"text/%d" % number) + b"hello")
    assert len(answers._KNOWN) <= 3
    answers._KNOWN.clear()
    read(HEAD.replace(b"text/html", b"x" * 5000) + b"hello")
    assert answers._KNOWN == {}


def test_what_binds_its_connection_is_read_each_time():
    read(HEAD.replace(b"\r\n\r\n", b"\r\nWWW-Authenticate: NTLM\r\n\r\n") + b"hello")
    assert answers._KNOWN == {}
