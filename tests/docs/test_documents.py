"""What every document keeps: links that lead somewhere, blocks in languages that tests know, a length that is read."""

import re
from xml.etree import ElementTree as ET

import pytest

from support.documents import DOCUMENTS, ROOT, anchors, blocks, links

CHECKED = {
    "console": "test_commands.py",
    "sh": "test_commands.py",
    "yaml": "test_yaml.py",
    "json": "test_yaml.py",
    "powershell": "test_powershell.py",
    "xml": "below",
    "": "drawings, and files of other programs",
}
"""The languages of blocks, and which test looks at them."""
FILE = re.compile(r"`((?:deploy|docs|config|proxy|tests)/[\w./-]+)`")
_LONGEST = 350


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_leads_to_a_file_and_a_heading(path):
    for link in links(path):
        target, _, anchor = link.partition("#")
        if target.startswith("https://"):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_each_file_that_is_named_is_there(path):
    for name in FILE.findall(path.read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_it_is_short_enough_to_be_read(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= _LONGEST
    assert all(line == line.rstrip() for line in lines)


def test_each_file_of_the_architecture_is_there():
    text = (ROOT / "docs" / "architecture.md").read_text()
    drawn = re.findall(
        r"^[ a-z►─]*?([a-z]+/[a-z_/]+)(?: |$)", text.partition("```")[2].partition("```")[0], re.MULTILINE
    )
    named = re.findall(r"`([a-z]+/[a-z_/]+)\.py`", text)
    assert len(drawn) >= 8
    assert len(named) >= 8
    for path in (*drawn, *named):
        assert (ROOT / "proxy" / f"{path}.py").is_file() or (ROOT / "proxy" / path).is_dir(), path


def test_the_readme_leads_to_every_document():
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert set(DOCUMENTS) - {ROOT / "README.md"} <= reached


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_its_language_is_one_that_tests_look_at(block):
    assert block.language in CHECKED


@pytest.mark.parametrize("block", blocks("xml"), ids=str)
def test_xml_is_well_formed(block):
    assert ET.fromstring(block.text).tag == "rule"


def test_a_heading_s_anchor_is_the_one_of_github():
    assert "2-the-web-api-claims-and-tokenlifetime" in anchors(ROOT / "docs" / "adfs-openid-connect.md")
