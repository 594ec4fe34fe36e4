"""The container's wheels: the locks in deploy/ say the same as pyproject.toml does. `make lock` writes them."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# The image's Python: that of Debian 12.
TARGET = {
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
}
LOCKS = {
    "deploy/requirements.txt": PROJECT["project"]["dependencies"],
    "deploy/requirements-build.txt": PROJECT["build-system"]["requires"],
}


def read_lock(name: str) -> dict[str, tuple[Version, set[str]]]:
    """{package: (version, hashes)} of a lock; what is neither a pin nor a hash nor a comment fails."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / name).read_text()).replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        pin, *hashes = line.split()
        package, version = pin.split("==")
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), line
        found[canonicalize_name(package)] = (Version(version), set(hashes))
    return found


@pytest.fixture(params=LOCKS, ids=["run", "build"])
def lock(request) -> tuple[dict[str, tuple[Version, set[str]]], list[Requirement]]:
    return read_lock(request.param), [Requirement(text) for text in LOCKS[request.param]]


def unmet(requirements: list[Requirement], locked: dict[str, tuple[Version, set[str]]]) -> list[str]:
    """Requirements that the lock leaves out or answers with a version that will not do."""
    wrong = []
    for one in requirements:
        version, _ = locked.get(canonicalize_name(one.name), (None, None))
        if version is None or not one.specifier.contains(version):
            wrong.append(f"{one} (locked: {version}); run `make lock`")
    return wrong


def needed_by(package: str, version: Version, extras: set[str]) -> list[Requirement]:
    """What a package needs in the image; known where that very version is installed here."""
    try:
        installed = distribution(package)
    except PackageNotFoundError:
        return []
    if Version(installed.version) != version:
        return []
    needs = [Requirement(text) for text in installed.requires or []]
    ways = [TARGET | {"extra": extra} for extra in ("", *extras)]
    return [one for one in needs if one.marker is None or any(one.marker.evaluate(way) for way in ways)]


def test_the_lock_meets_what_pyproject_asks_for(lock):
    locked, requirements = lock
    assert requirements
    assert unmet(requirements, locked) == []


def test_the_lock_meets_what_its_own_packages_ask_for(lock):
    locked, requirements = lock
    extras = {canonicalize_name(one.name): one.extras for one in requirements}
    needs = [one for name, (version, _) in locked.items() for one in needed_by(name, version, extras.get(name, set()))]
    assert unmet(needs, locked) == []


def test_every_locked_package_is_known_by_hash(lock):
    locked, _ = lock
    assert [name for name, (_, hashes) in locked.items() if not hashes] == []


def test_a_requirement_beyond_the_lock_is_seen(lock):
    locked, requirements = lock
    name = requirements[0].name
    assert unmet([Requirement(f"{name}>=0")], locked) == []
    assert unmet([Requirement(f"{name}>=9999")], locked) != []
    assert unmet([Requirement("a-package-that-nobody-locked")], locked) != []
