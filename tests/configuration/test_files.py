"""The files that ship beside the code say what the code does."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from proxy.configuration import json_schema, load

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"CLAIMS_PROXY_SECRET": "a-secret-of-at-least-thirty-two-bytes", "CLIENT_SECRET": "secret"}


def key_names(schema: dict) -> set[str]:
    """Every key that the schema knows, wherever it stands."""
    found: set[str] = set()
    for part in [schema, *schema["$defs"].values()]:
        found |= set(part.get("properties", {}))
    return found


def test_the_schema_file_is_the_schema():
    assert json.loads((ROOT / "config/schema.json").read_text()) == json_schema()


def test_the_commented_file_loads_as_it_stands():
    deployment = load(ROOT / "config/proxy.yaml", ENVIRONMENT)
    assert [organization.name for organization in deployment.organizations] == ["contoso"]


def test_the_commented_file_names_every_key_and_no_other():
    text = (ROOT / "config/proxy.yaml").read_text()
    written = set(re.findall(r"^[\s#-]*([A-Za-z_][\w.]*):(?=\s|$)", text, re.MULTILINE))
    assert key_names(json_schema()) - written == set()


def test_the_commented_file_begins_with_the_line_that_editors_read():
    assert (ROOT / "config/proxy.yaml").read_text().startswith("# yaml-language-server: $schema=./schema.json\n")


@pytest.mark.parametrize("name", ["proxy.yaml", "demo.yaml"])
def test_editors_accept_the_files(name):
    data = YAML(typ="safe", pure=True).load((ROOT / "config" / name).read_text())
    jsonschema.validate(data, json_schema())


def test_the_demo_s_file_is_the_packaged_one():
    assert (ROOT / "config/demo.yaml").read_bytes() == (ROOT / "proxy/demo/demo.yaml").read_bytes()
