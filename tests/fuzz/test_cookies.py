"""Cookie headers: what is well-formed is read as a plain parser reads it, and nothing else has an effect."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import RequestRefused
from proxy.gateway.headers import without_our_cookies
from proxy.sessions.cookie import cookie_names, is_ours, read_cookies
from proxy.sessions.record import key_of
from support.fuzzing import attempt, corpus, fuzz, mutated

PREFIX = {True: "__Host-", False: ""}
KINDS = ("session", "nonce", "device", "cleanup", "held", "loop", "login-0", "login-4", "session-contoso")
NAMES = tuple(f"{prefix}claims-{kind}" for prefix in PREFIX.values() for kind in KINDS)
FOREIGN = ("MSISAuth", "claims", "claims-other", "__host-claims-session", "CLAIMS-SESSION", "__Secure-claims-session")
VALUES = st.text("abcXYZ019-_.=~", max_size=12)
SEEDS = ("a=b; __Host-claims-session=x.y.z; claims-nonce=n; MSISAuth=s", "claims-session=a; claims-session=b")
WORDS = (";", "; ", "=", " ", "\t", '"', ",", *NAMES, *FOREIGN, "=claims-session=x", "\\", "\xe9")


@fuzz
@given(
    pairs=st.lists(st.tuples(st.sampled_from(NAMES + FOREIGN), VALUES), max_size=8),
    lines=st.integers(1, 3),
    secure=st.booleans(),
)
def test_well_formed_cookies_are_read_by_name(pairs, lines, secure):
    raw = ["; ".join(f"{name}={value}" for name, value in pairs[start::lines]) for start in range(lines)]
    ours = [(name, value) for name, value in pairs if name in NAMES and name.startswith("__Host-") is secure]
    found, refused = attempt(lambda: read_cookies(raw, secure=secure), RequestRefused)
    if refused:
        assert (refused.status, refused.reason) == (400, "duplicate_cookie")
        assert len(dict(ours)) < len(ours)
    else:
        assert found == dict(ours)
        assert len(found) == len(ours)


@fuzz
@given(raw=mutated(SEEDS, WORDS) | st.text(max_size=60), secure=st.booleans())
@corpus("cookies", "raw", secure=True)
@corpus("cookies", "raw", secure=False)
def test_any_cookie_header_is_read_or_refused(raw, secure):
    found, refused = attempt(lambda: read_cookies([raw], secure=secure), RequestRefused)
    if refused:
        assert (refused.status, refused.reason) == (400, "duplicate_cookie")
        return
    for name, value in found.items():
        assert is_ours(name)
        assert name.startswith("__Host-") is secure
        assert name in raw
        assert value in raw
        assert not set(value) & set(' ",;\\\t\r\n\0')
    key = key_of(found.get(cookie_names("", secure=secure).session, ""))
    assert key is None or len(key.secret) == 22


@fuzz
@given(raw=mutated(SEEDS, WORDS))
@corpus("cookies", "raw")
def test_what_the_upstream_gets_holds_no_cookie_of_ours(raw):
    left = without_our_cookies(raw.encode("latin-1"))
    if left is None:
        return
    for secure in (True, False):
        assert read_cookies([left.decode("latin-1")], secure=secure) == {}
    # Every part that stays is one that came.
    assert {part.strip() for part in left.split(b";")} <= {part.strip() for part in raw.encode("latin-1").split(b";")}
