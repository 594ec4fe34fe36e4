"""Every YAML block of the documents is taken by `claims-proxy check`.

A block with an identity provider and organizations is a whole file; another is put over a whole one, key by key.
"""

import json
from copy import deepcopy

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from proxy.cli import main
from support.documents import ROOT, blocks

BASE = {
    "state": "memory:",
    "secret": "a-secret-of-at-least-thirty-two-bytes",
    "listen": {"address": "0.0.0.0:8443", "tls": {"certificate": "tls.crt", "key": "tls.key"}},
    "identity_provider": {
        "protocol": "oidc",
        "issuer": "https://adfs.contoso.com/adfs",
        "client_id": "claims-proxy",
        "client_secret": "secret-of-the-client",
    },
    "organizations": [{"name": "contoso", "hosts": ["crm.contoso.com"], "upstream": "http://crm.internal:5555"}],
}


def merged(over):
    whole = deepcopy(BASE)
    for key, value in over.items():
        whole[key] = whole[key] | value if isinstance(value, dict) and key in whole else value
    return whole


def read(text: str):
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_check_takes_it(block, etc, tmp_path):
    data = read(etc(block.text))
    whole = {"identity_provider", "organizations"} <= set(data)
    path = tmp_path / "proxy.yaml"
    # A whole file is checked as it is written; JSON is YAML.
    path.write_text(etc(block.text) if whole else json.dumps(merged(data)))
    result = CliRunner().invoke(main, ["check", "--config", str(path)])
    assert result.exit_code == 0, result.output


def test_check_refuses_a_fragment_with_a_key_that_is_none(tmp_path):
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(merged({"listen": {"trusted_proxy": ["10.1.2.10"]}})))
    assert CliRunner().invoke(main, ["check", "--config", str(path)]).exit_code == 2


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_is_one_object_a_line(block):
    assert all(isinstance(json.loads(line), dict) for line in block.text.splitlines())


SAMPLES = [ROOT / name for name in ("config/proxy.yaml", "config/demo.yaml", "deploy/compose/proxy.yaml")]


def organizations_of(text: str) -> list[dict]:
    data = read(text)
    return data.get("organizations", []) if isinstance(data, dict) else []


def test_samples_put_the_script_into_pages():
    """Without it a user sees no warning, and typing is not activity."""
    config_map = read((ROOT / "deploy/kubernetes/configmap.yaml").read_text())["data"]["proxy.yaml"]
    texts = {str(block): block.text for block in blocks("yaml")}
    texts |= {str(path): path.read_text() for path in SAMPLES} | {"configmap.yaml": config_map}
    found = {place: [each.get("browser") for each in organizations_of(text)] for place, text in texts.items()}
    assert sum(map(len, found.values())) > len(SAMPLES)
    assert {place for place, all_of in found.items() if not all(map(bool, all_of))} == set()
