import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.paths import MOST_ESCAPES, is_below, readings, widest_reading


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
