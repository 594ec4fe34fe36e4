"""Codings come off and go on in pieces, whatever the pieces are."""

import gzip
import itertools
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.browser.injection.coding import PIECE, Decoder, Encoder, accepts_gzip
from proxy.errors import UpstreamBroken


def bare(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


CODED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "": bytes,
    "identity": bytes,
}


def decoded(coding: str, pieces) -> bytes:
    decoder = Decoder(coding)
    out = b"".join(piece for each in pieces for piece in decoder.feed(each))
    decoder.end()
    return out


@pytest.mark.parametrize("coding", CODED)
@settings(max_examples=50)
@given(data=st.binary(max_size=300).map(lambda part: part * 50), cuts=st.sets(st.integers(0, 400), max_size=6))
def test_pieces_make_no_difference(coding, data, cuts):
    coded = CODED[coding](data)
    places = [0, *sorted(cut for cut in cuts if cut < len(coded)), len(coded)]
    assert decoded(coding, [coded[start:end] for start, end in itertools.pairwise(places)]) == data


@pytest.mark.parametrize("step", [1, 1000])
def test_deflate_may_come_bare(step):
    coded = bare(b"hello" * 99)
    assert decoded("deflate", [coded[at : at + step] for at in range(0, len(coded), step)]) == b"hello" * 99


@pytest.mark.parametrize("step", [1, 1000])
def test_gzip_may_come_in_members_and_with_rubbish_behind(step):
    coded = gzip.compress(b"a" * 9) + gzip.compress(b"b" * 9) + b"\0\0\x1f"
    assert decoded("gzip", [coded[at : at + step] for at in range(0, len(coded), step)]) == b"a" * 9 + b"b" * 9


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_is_cut_short_is_told_and_what_is_empty_is_not(coding):
    coded = CODED[coding](b"hello")
    assert decoded(coding, []) == b""
    assert decoded(coding, [coded]) == b"hello"
    for cut in range(1, len(coded) - 1):
        with pytest.raises(UpstreamBroken):
            decoded(coding, [coded[:cut]])


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_is_not_coded_so_is_told(coding):
    with pytest.raises(UpstreamBroken):
        decoded(coding, [b"<html>hello"])


def test_a_bomb_comes_in_pieces():
    bomb = gzip.compress(bytes(50_000_000))
    sizes = [len(piece) for piece in Decoder("gzip").feed(bomb)]
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= PIECE


def test_what_was_flushed_can_be_read():
    encoder, reader = Encoder(gzip=True), zlib.decompressobj(31)
    assert encoder.flush() == b""
    for _ in range(3):
        assert reader.decompress(encoder.feed(b"hello") + encoder.feed(b"") + encoder.flush()) == b"hello"
    reader.decompress(encoder.end())
    assert reader.eof


def test_nothing_stays_nothing():
    encoder = Encoder(gzip=True)
    assert encoder.feed(b"") + encoder.flush() + encoder.end() == b""


@pytest.mark.parametrize(
    ("said", "takes"),
    [
        ("gzip, deflate, br, zstd", True),
        ("GZIP;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("br", False),
        ("identity", False),
        ("", False),
    ],
)
def test_who_takes_gzip(said, takes):
    assert accepts_gzip(said) is takes
