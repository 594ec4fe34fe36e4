"""The image, built from the Dockerfile without a container engine: buildah in a chroot, over a base by debootstrap.

How this machine reaches Debian's and PyPI's packages is handed in from outside; the Dockerfile knows nothing of it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from container.engine import Buildah, Image

ROOT = Path(__file__).resolve().parents[2]
BASE = "docker.io/library/debian:bookworm-slim"
MIRROR = os.environ.get("DEBOOTSTRAP_MIRROR", "http://deb.debian.org/debian")
PACKAGES = {"buildah": "buildah", "debootstrap": "debootstrap", "unshare": "util-linux", "mount": "mount"}
# Debian's slim images go without these too.
NOT_IN_SLIM = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt")
# What of pip's settings tells how an index is reached; the rest has no place in a build.
PIP_KEYS = {"default-timeout", "extra-index-url", "index-url", "proxy", "timeout", "trusted-host"}


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The image, built once. Its storage is full copies of every layer, so it is gone with the tests."""
    if os.geteuid() != 0:
        pytest.skip("the image is built and mounted by root alone: run the tests as root")
    if missing := sorted(package for tool, package in PACKAGES.items() if not shutil.which(tool)):
        pytest.skip(f"nothing to build the image with: apt-get install {' '.join(missing)}")
    folder = Path(tempfile.mkdtemp(prefix="claims-proxy-image-"))
    try:
        buildah = Buildah(folder / "storage")
        make_base(buildah, folder / "base")
        yield build(buildah, folder)
    finally:
        shutil.rmtree(folder)


def make_base(buildah: Buildah, folder: Path) -> None:
    """What the Dockerfile names after FROM, from Debian's packages instead of a registry of images."""
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", "bookworm", folder, MIRROR], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    for part in NOT_IN_SLIM:
        shutil.rmtree(folder / part, ignore_errors=True)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(folder), "/")
    buildah("commit", "--quiet", "--rm", container, BASE)
    shutil.rmtree(folder)


def build(buildah: Buildah, folder: Path) -> Image:
    volumes = [f"--volume={inside}:{outside}:ro" for outside, inside in outside_settings(folder).items()]
    buildah(
        "bud",
        "--format=docker",
        "--pull-never",
        "--network=host",
        *volumes,
        "--build-arg=REVISION=a-revision-of-the-tests",
        "--tag=localhost/claims-proxy",
        str(ROOT),
    )
    return Image(buildah, "localhost/claims-proxy")


def outside_settings(folder: Path) -> dict[str, Path]:
    """How this machine reaches the registries, as {path in the build: file here}."""
    pip, apt = folder / "pip.conf", folder / "apt.conf"
    mounted = {"/etc/pip.conf": pip, "/etc/apt/apt.conf.d/99outside": apt}
    told = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    # Lines as `global.index-url='https://…'`; the environment's come last, and last is in force.
    pairs = [line.partition("=")[::2] for line in told.splitlines()]
    settings = {key.rpartition(".")[2]: value.strip("'\"") for key, value in pairs}
    kept = {key: value for key, value in settings.items() if key in PIP_KEYS}
    if "cert" in settings:
        kept["cert"] = "/etc/outside.pem"
        mounted["/etc/outside.pem"] = Path(settings["cert"])
    pip.write_text("\n".join(["[global]", *(f"{key} = {value}" for key, value in kept.items())]))
    apt.write_text(subprocess.check_output(["apt-config", "dump", "Acquire"], text=True))
    return mounted
