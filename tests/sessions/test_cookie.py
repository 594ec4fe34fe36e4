import pytest

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
    raw = ["a=b; __Host-claims-session=x.y.z", "__Host-claims-login-0=q; ; =; MSISAuth=s"]
    assert read_cookies(raw, secure=True) == {"__Host-claims-session": "x.y.z", "__Host-claims-login-0": "q"}


@pytest.mark.parametrize(
    "kind", ["session", "nonce", "device", "cleanup", "held", "loop", "login-0", "session-contoso"]
)
@pytest.mark.parametrize(("secure", "ours", "other"), [(True, "__Host-", ""), (False, "", "__Host-")])
def test_names_of_the_other_scheme_are_ignored(kind, secure, ours, other):
    planted = f"{other}claims-{kind}"
    raw = [f"{planted}=a; {ours}claims-{kind}=b; {planted}=c", f"{planted}=d"]
    assert read_cookies(raw, secure=secure) == {f"{ours}claims-{kind}": "b"}


@pytest.mark.parametrize("name", ["__HOST-claims-session", "__host-claims-session", "__Host-Claims-Session"])
def test_names_in_another_letter_case_are_ignored(name):
    assert read_cookies([f"{name}=a; {name}=b; __Host-claims-session=c"], secure=True) == {"__Host-claims-session": "c"}


@pytest.mark.parametrize(
    "raw",
    [
        ["claims-session=a; claims-session=b"],
        ["claims-session=a", "claims-session=a"],
        ["claims-session=a", 'claims-session="b"'],
        ["claims-session=a", "claims-session =b"],
    ],
)
def test_one_of_ours_twice_is_refused(raw):
    with pytest.raises(RequestRefused) as refused:
        read_cookies(raw, secure=False)
    assert refused.value.reason == "duplicate_cookie"
    assert read_cookies([raw[0].partition(";")[0]], secure=False) == {"claims-session": "a"}
    with pytest.raises(RequestRefused):
        read_cookies([each.replace("claims-", "__Host-claims-") for each in raw], secure=True)


def test_one_of_ours_twice_is_refused_whichever_of_them_can_be_read():
    with pytest.raises(RequestRefused):
        read_cookies(['claims-session="planted"; claims-session=a'], secure=False)
    assert read_cookies(['claims-session="planted"'], secure=False) == {}


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


SPACES = [chr(code) for code in range(0x110000) if chr(code).isspace() and chr(code) not in " \t"]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"U+{ord(space):04X}")
@pytest.mark.parametrize("secure", [True, False])
def test_name_with_a_space_that_browsers_keep_is_not_ours(space, secure):
    name = cookie_names("", secure=secure).session
    genuine = f"{name}=genuine"
    for planted in (f"{space}{name}=planted", f"{name}{space}=planted"):
        assert read_cookies([planted], secure=secure) == {}
        assert read_cookies([f"{genuine}; {planted}"], secure=secure) == {name: "genuine"}
    assert read_cookies([f" \t{name}\t =genuine"], secure=secure) == {name: "genuine"}
