"""Tables, aims, the picture, and their place in the document."""

from xml.etree import ElementTree as ET

import pytest

from benchmark.report import BEGIN, END, Aim, Section, aims, between, shown, svg, table, write

SECTION = Section(
    "A small page",
    "Words.",
    ("subject", "requests/s"),
    [("claims-proxy", "3,000"), ("Caddy", "1,000")],
    aims=[Aim("x Caddy", 3.0, 3.0)],
    bars=[("claims-proxy", 3000.0), ("Caddy & friends", 1000.0)],
)


@pytest.mark.parametrize(
    ("number", "text"), [(12345.6, "12,346"), (99.96, "100"), (3.14159, "3.14"), (0.000512, "0.00051"), (0, "0.00")]
)
def test_a_figure_has_the_digits_it_deserves(number, text):
    assert shown(number) == text


def test_a_table_has_its_figures_to_the_right():
    assert table(("what", "figure"), [("one", "1")]) == "| what | figure |\n| --- | ---: |\n| one | 1 |"


def test_an_aim_is_met_at_its_bound_itself():
    assert Aim("at least", 3.0, 3.0).met
    assert Aim("at most", 2.0, 2.0, at_most=True).met


def test_an_aim_that_is_missed_stays_in_the_table():
    missed = Section("", "", (), (), aims=[Aim("slow", 2.99, 3.0), Aim("large", 2.1, 2.0, " µs", at_most=True)])
    text = aims([SECTION, missed])
    assert "| slow | at least 3.00 | 2.99 | **no** |" in text
    assert "| large | at most 2.00 µs | 2.10 µs | **no** |" in text
    assert "| x Caddy | at least 3.00 | 3.00 | yes |" in text


def test_only_what_stands_between_the_markers_is_written():
    document = f"# Title\n\nbefore\n\n{BEGIN}\n\nearlier figures\n\n{END}\n\nafter\n"
    once = between(document, "figures\n")
    assert once == f"# Title\n\nbefore\n\n{BEGIN}\n\nfigures\n\n{END}\n\nafter\n"
    assert between(once, "figures") == once


@pytest.mark.parametrize("document", ["no marker", f"{BEGIN} alone", f"{END} alone", f"{END} before {BEGIN}"])
def test_a_document_without_its_markers_is_refused(document):
    with pytest.raises(ValueError, match="markers"):
        between(document, "figures")


def test_the_picture_is_xml_with_a_bar_for_each_in_proportion():
    root = ET.fromstring(svg("Requests <per> second", SECTION.bars, "requests/s"))
    bars = root.findall("{http://www.w3.org/2000/svg}rect")
    widths = [int(bar.get("width")) for bar in bars]
    assert widths[0] == pytest.approx(3 * widths[1], abs=3)
    assert [bar.get("class") for bar in bars] == ["ours", "peer"]
    assert "Caddy & friends" in "".join(root.itertext())


def test_document_and_picture_are_written_together(tmp_path):
    document, picture = tmp_path / "performance.md", tmp_path / "images" / "performance.svg"
    picture.parent.mkdir()
    document.write_text(f"before {BEGIN} {END} after")
    write(document, picture, [("machine", "2 cores")], [SECTION])
    text = document.read_text()
    assert "| machine | 2 cores |" in text
    assert "(images/performance.svg)" in text
    assert "### A small page" in text
    assert picture.read_text().startswith("<svg")


def test_the_documentation_has_the_markers():
    from benchmark.__main__ import DOCS  # noqa: PLC0415 - needed here alone

    assert between((DOCS / "performance.md").read_text(), "figures")
