import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import SealBroken
from proxy.sealing import Sealer, from_text, to_text

ONE, TWO = "a-secret-of-at-least-thirty-two-bytes-1", "a-secret-of-at-least-thirty-two-bytes-2"


@given(st.binary(max_size=300), st.text(max_size=10), st.binary(max_size=20), st.binary(max_size=20))
def test_what_is_sealed_opens_again(plaintext, purpose, context, key):
    sealer = Sealer([ONE])
    sealed = sealer.seal_text(plaintext, purpose=purpose, context=context, key=key)
    assert sealer.open_text(sealed, purpose=purpose, context=context, key=key) == plaintext


@pytest.mark.parametrize(
    "changed", [{"purpose": "other"}, {"context": b"other"}, {"key": b"other"}], ids=["purpose", "context", "key"]
)
def test_nothing_opens_in_another_s_place(changed):
    sealer, place = Sealer([ONE]), {"purpose": "p", "context": b"c", "key": b"k"}
    sealed = sealer.seal(b"value", **place)
    assert sealer.open(sealed, **place) == b"value"
    with pytest.raises(SealBroken):
        sealer.open(sealed, **(place | changed))


@given(st.data())
def test_no_bit_may_change(data):
    sealer = Sealer([ONE])
    sealed = bytearray(sealer.seal(b"value", purpose="p"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        sealer.open(bytes(sealed), purpose="p")


def test_a_rotated_secret_still_opens_what_it_sealed_and_seals_no_more():
    before, between, after = Sealer([ONE]), Sealer([TWO, ONE]), Sealer([TWO])
    sealed = before.seal(b"value", purpose="p")
    assert between.open(sealed, purpose="p") == b"value"
    assert after.open(between.seal(b"value", purpose="p"), purpose="p") == b"value"
    with pytest.raises(SealBroken):
        after.open(sealed, purpose="p")


def test_a_tag_is_stable_and_found_after_a_rotation():
    before, between = Sealer([ONE]), Sealer([TWO, ONE])
    assert before.tag("alice", purpose="principal") == before.tag("alice", purpose="principal")
    assert between.tags("alice", purpose="principal")[1] == before.tag("alice", purpose="principal")
    assert between.tag("alice", purpose="principal") != before.tag("alice", purpose="principal")
    assert before.tag("alice", purpose="sid") != before.tag("alice", purpose="principal")


@pytest.mark.parametrize("text", ["YQ==", "Y Q", "YR", "é", "Y", "YQ\n"])
def test_only_canonical_base64url_is_text_of_ours(text):
    with pytest.raises(ValueError, match="base64url"):
        from_text(text)
    assert from_text(to_text(b"a")) == b"a"


@pytest.mark.parametrize("text", ["", "AA", "not base64!", "é"])
def test_what_was_never_sealed_is_a_broken_seal(text):
    with pytest.raises(SealBroken):
        Sealer([ONE]).open_text(text, purpose="p")


def test_a_sealer_needs_a_secret():
    with pytest.raises(ValueError, match="secret"):
        Sealer([])
