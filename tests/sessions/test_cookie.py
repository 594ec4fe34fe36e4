import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import RequestRefused
from proxy.model.organization import SameSite
from proxy.sessions.cookie import cookie_names, expire_cookie, is_ours, read_cookies, set_cookie


def test_names_over_https_are_bound_to_the_host():
    names = cookie_names("-contoso", secure=True)
    assert names.session == "__Host-claims-session-contoso"
    assert names.logins()[4] == "__Host-claims-login-4"


def test_names_over_plain_http_have_no_prefix():
    assert cookie_names("", secure=False).session == "claims-session"


def test_our_cookies_are_read_from_all_headers_and_others_left_out():
    raw = ["a=b; __Host-claims-session=x.y.z", "claims-login-0=q; ; =; MSISAuth=s"]
    assert read_cookies(raw) == {"__Host-claims-session": "x.y.z", "claims-login-0": "q"}


@pytest.mark.parametrize(
    "raw",
    [
        ["claims-session=a; claims-session=b"],
        ["claims-session=a", "claims-session=a"],
        ["claims-session=a", 'claims-session="b"'],
    ],
)
def test_one_of_ours_twice_is_refused(raw):
    with pytest.raises(RequestRefused) as refused:
        read_cookies(raw)
    assert refused.value.reason == "duplicate_cookie"
    assert read_cookies([raw[0].partition(";")[0]]) == {"claims-session": "a"}


def test_one_of_ours_twice_is_refused_whichever_of_them_can_be_read():
    with pytest.raises(RequestRefused):
        read_cookies(['claims-session="planted"; claims-session=a'])
    assert read_cookies(['claims-session="planted"']) == {}


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("__Host-claims-session", True),
        ("claims-login-3", True),
        ("CLAIMS-SESSION", True),
        ("claims-session-contoso", True),
        ("claimsession", False),
        ("my-claims-session", False),
        ("MSISAuth", False),
        ("claims-other", False),
    ],
)
def test_which_names_are_ours(name, ours):
    assert is_ours(name) is ours


def test_attributes():
    assert set_cookie("n", "v", secure=True, same_site=SameSite.NONE, max_age=600) == (
        "n=v; Path=/; HttpOnly; Max-Age=600; Secure; SameSite=None"
    )
    assert set_cookie("n", "v", secure=True, same_site=SameSite.LAX) == "n=v; Path=/; HttpOnly; Secure; SameSite=Lax"
    assert set_cookie("n", "v", secure=False, same_site=SameSite.NONE) == "n=v; Path=/; HttpOnly; SameSite=Lax"
    assert "Max-Age=0" in expire_cookie("n", secure=True, same_site=SameSite.LAX)


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_cookie_header_is_read_or_refused(raw):
    try:
        found = read_cookies(raw)
    except RequestRefused:
        return
    assert all(is_ours(name) for name in found)


@given(st.text(alphabet="abcDEF019-_.", max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_our_value_survives_between_any_neighbours(value, before, after):
    raw = f"{before.replace(';', '')}; claims-session={value}; {after}"
    try:
        assert read_cookies([raw])["claims-session"] == value
    except RequestRefused:
        assert "claims-session" in before + after
