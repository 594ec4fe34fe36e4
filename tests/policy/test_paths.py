from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.paths import MOST_ESCAPES, is_below, is_below_by_short_name, readings, widest_reading


@pytest.mark.parametrize("path", ["/public", "/public/", "/public/a/b", "/public//a"])
@pytest.mark.parametrize("prefix", ["/public", "/public/"])
def test_a_path_is_below_a_prefix_by_whole_segments(path, prefix):
    assert is_below(path, prefix)


@pytest.mark.parametrize("path", ["/publicly", "/public;a", "/Public", "/public%2fa", "/publi", "/", "/a/public"])
def test_a_path_that_only_begins_alike_is_not_below(path):
    assert not is_below(path, "/public")


def test_everything_is_below_the_root():
    assert is_below("/", "/")
    assert is_below("/a", "/")


def test_readings_are_the_path_and_each_further_decoding():
    assert readings("/a") == ("/a",)
    assert readings("/100%") == ("/100%",)
    assert readings("/%252e") == ("/%252e", "/%2e", "/.")


def test_escapes_deeper_than_judged_show_in_the_number_of_readings():
    assert len(readings("/%" + "25" * MOST_ESCAPES + "zz")) == MOST_ESCAPES + 1
    assert len(readings("/%" + "25" * (MOST_ESCAPES + 1) + "zz")) > MOST_ESCAPES + 1


@pytest.mark.parametrize(
    "spelling",
    [
        "/admin/x",
        "/Admin/X/",
        "//admin//x",
        "/%61dmin/x",
        "/%2561dmin/x",
        "/admin;v=1/x",
        "/admin./x ",
        "/admin%20/x",
        "/admin%3b/x",
        "/admin%5Cx",
        "/admin%2Fx",
        "/ADMIN%3fq/x",
        "/admin/x%23y",
        "/;a/admin/x",
        "/(S(abc))/admin/x",
        "/(s(abc))/Admin/x",
        "/admin/(S(abc))/x",
        "/(A(x)F(y))/admin/x",
        "/(X(1)S(abc))/(S(d))/admin/x",
        "/(S(a;b:c(d/e))/admin/x",
        "/%28S%28abc%29%29/admin/x",
        "/(S())/admin/x/(S(abc))",
        "/admin::$INDEX_ALLOCATION/x",
        "/admin%3a$i30:$INDEX_ALLOCATION/x",
        "/admin/x::$DATA",
    ],
)
def test_every_spelling_of_a_path_has_the_same_widest_reading(spelling):
    assert widest_reading(spelling) == "/admin/x"


def test_other_paths_have_other_widest_readings():
    assert widest_reading("/admins/x") != "/admin/x"
    assert widest_reading("/") == widest_reading("//") == ""


@given(st.text(alphabet="/ab.~;%2e5cF", max_size=20).map(lambda text: f"/{text}"))
def test_the_widest_reading_is_its_own(path):
    once = widest_reading(path)
    if "%" not in once:
        assert widest_reading(once) == once


@pytest.mark.parametrize(
    "path",
    [
        "/api/data/v9.2/accounts(1)",
        "/api/data/v9.2/$metadata",
        "/api/data/v9.2/whoami()",
        "/api/data/v9.2/accounts(name='x')",
        "/(s)/admin",
        "/(s(abc)/admin",
        "/s(abc)/admin",
        "/(s(abc))x/admin",
        "/()/admin",
    ],
)
def test_parentheses_of_other_kinds_stay(path):
    assert widest_reading(path) == path


def test_many_brackets_cost_little():
    began = perf_counter()
    for text in ("/(a(" * 20_000, "/(a(" * 20_000 + ")" + "a()" * 20_000, "/(a())" * 20_000):
        widest_reading(text)
    assert perf_counter() - began < 2  # seconds; by squares it would be minutes


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/ADMIN~1/x", "/admin"),
        ("/admini~1", "/administration"),
        ("/AD1B2C~5/x", "/administration"),
        ("/crm/admini~12/x", "/crm/administration"),
        ("/MYPAGE~1.ASP", "/my page.aspx"),
    ],
)
def test_an_8_3_name_may_stand_for_a_long_one(path, prefix):
    assert is_below_by_short_name(widest_reading(path), prefix)


@pytest.mark.parametrize("path", ["/public~1/x", "/~1/x", "/admin~x/x", "/adm", "/x/admin~1", "/admin", "/admin/x~1"])
def test_another_name_does_not(path):
    assert not is_below_by_short_name(widest_reading(path), "/admin")
