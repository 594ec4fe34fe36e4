"""What is named as missing, and configurations that have no place left open."""

import pytest

from benchmark.peers import HERE, PACKAGES, Stage, missing


def test_each_missing_program_is_named_by_its_package():
    assert missing(lambda name: None if name in ("wrk", "caddy") else name)[:2] == ["wrk", "caddy"]


def test_with_nothing_there_every_package_is_named_once():
    assert missing(lambda _: None) == list(PACKAGES.values())


@pytest.mark.parametrize("name", sorted(path.name for path in (HERE / "peers").iterdir()))
def test_every_place_of_a_configuration_is_filled_in(tmp_path, name):
    stage = Stage(tmp_path)
    values = {"port": 1, "upstream": 2, "workers": 1, "page": "x", "adfs": "http://a/adfs", "provider": "http://p"}
    text = stage.write(name, **values).read_text()
    assert str(values["upstream"]) in text
    assert "$port" not in text
    assert "$folder" not in text
