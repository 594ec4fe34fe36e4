import os

import pytest

from proxy.app.sources import Sources, files_of
from proxy.model.deployment import Deployment, Listen, Tls
from proxy.model.organization import Organization, UpstreamTls
from proxy.model.provider import SecretText


@pytest.fixture
def files(tmp_path):
    for name in ("proxy.yaml", "tls.crt", "tls.key"):
        (tmp_path / name).write_text("as it was")
    return {name: str(tmp_path / name) for name in ("proxy.yaml", "tls.crt", "tls.key")}


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - as an editor does it, in place
        file.write(text)


def test_files_that_stay_as_they_are_have_not_changed(files):
    sources = Sources(files.values())
    assert [sources.changed() for _ in range(3)] == [(), (), ()]


def test_a_change_is_told_once_when_two_looks_agree(files):
    sources = Sources(files.values())
    write(files["tls.crt"], "the next certificate")
    assert sources.changed() == ()
    write(files["tls.key"], "its key, a moment later")
    assert sources.changed() == ()
    assert sources.changed() == (files["tls.crt"], files["tls.key"])
    assert sources.changed() == ()


def test_a_file_put_in_another_s_place_is_a_change(files, tmp_path):
    # As kubelet does with a ConfigMap, and careful editors do.
    sources = Sources(files.values())
    (tmp_path / "next").write_text("as it was")
    os.replace(tmp_path / "next", files["proxy.yaml"])  # noqa: PTH105 - the very call that editors make
    sources.changed()
    assert sources.changed() == (files["proxy.yaml"],)


def test_a_file_that_goes_and_comes_is_a_change_each_time(files, tmp_path):
    sources = Sources(files.values())
    (tmp_path / "tls.crt").unlink()
    sources.changed()
    assert sources.changed() == (files["tls.crt"],)
    write(files["tls.crt"], "back again")
    sources.changed()
    assert sources.changed() == (files["tls.crt"],)


def test_what_is_watched_now_counts_as_known(files, tmp_path):
    sources = Sources([files["proxy.yaml"]])
    write(files["proxy.yaml"], "names a further file")
    (tmp_path / "secret").write_text("of 32 bytes")
    sources.watch([files["proxy.yaml"], str(tmp_path / "secret")])
    assert [sources.changed() for _ in range(2)] == [(), ()]
    (tmp_path / "secret").write_text("another one")
    sources.changed()
    assert sources.changed() == (str(tmp_path / "secret"),)


def test_every_file_that_a_configuration_reads_is_watched():
    mutual = UpstreamTls(certificate="client.crt", key="client.key", server_name="crm.internal")
    deployment = Deployment(
        listen=Listen(tls=Tls("tls.crt", "tls.key")),
        state=SecretText("memory:"),
        secrets=(),
        identity_providers=(),
        organizations=(Organization("contoso", "1", ("c",), "https://crm.internal", upstream_tls=mutual),),
        ca_file="ca.pem",
        files=("proxy.yaml", "secret.txt"),
    )
    assert files_of(deployment) == {
        *("proxy.yaml", "secret.txt", "ca.pem", "tls.crt", "tls.key", "client.crt", "client.key"),
    }
