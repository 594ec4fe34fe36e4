import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tokens.strict import (
    authentication_instant,
    decode_base64url,
    encode_base64url,
    iso_date,
    numeric_date,
    parse_object,
)


@given(st.binary(max_size=64))
def test_what_is_encoded_decodes_to_itself(raw):
    assert decode_base64url(encode_base64url(raw)) == raw


@given(st.text(alphabet="AZaz09-_", max_size=12))
def test_bytes_have_one_spelling_only(text):
    try:
        raw = decode_base64url(text)
    except ValueError:
        return
    assert encode_base64url(raw) == text


def test_rfc_7515_appendix_c_example():
    assert decode_base64url("A-z_4ME") == bytes([3, 236, 255, 224, 193])


@pytest.mark.parametrize("text", ["YQ==", "YQ=", "Y", "YQ\n", " YQ", "Y Q", "YR", "+/8", "YQ.", "Ä", "YWI="])
def test_lenient_spellings_are_refused(text):
    with pytest.raises(ValueError, match="base64url"):
        decode_base64url(text)


def test_an_object_is_read():
    assert parse_object('{"a": [1, {"b": "é\\u00e9"}]}'.encode()) == {"a": [1, {"b": "éé"}]}


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"a": {"b": 1, "b": 2}}', "twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\\ud800"}', "not UTF-8"),
        (b'{"a":' * 100_000, "too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(raw, wrong):
    with pytest.raises(ValueError, match=wrong):
        parse_object(raw)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_every_json_object_reads_as_the_standard_library_reads_it(value):
    assert parse_object(json.dumps({"value": value}).encode()) == {"value": value}


@pytest.mark.parametrize("value", [0, 1_790_000_000, 1_790_000_000.5, 253_402_300_799])
def test_a_number_of_seconds_is_a_numeric_date(value):
    assert numeric_date(value) == float(value)


@pytest.mark.parametrize(
    "value", [True, "1790000000", None, [1], -1, 1e300, 10**400, float("inf"), float("nan"), 253_402_300_800]
)
def test_what_is_no_instant_is_no_numeric_date(value):
    assert numeric_date(value) is None


def test_ad_fs_writes_the_authentication_instant_as_iso_text():
    assert iso_date("2024-09-03T06:58:14.661Z") == pytest.approx(1725346694.661)
    assert authentication_instant("2024-09-03T08:58:14+02:00") == authentication_instant(1725346694)


@pytest.mark.parametrize("value", ["2024-09-03T06:58:14", "1725346694", "", "yesterday", 5, None])
def test_a_date_without_a_zone_names_no_instant(value):
    assert iso_date(value) is None
