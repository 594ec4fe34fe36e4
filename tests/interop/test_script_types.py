"""The page's script under TypeScript's eyes: its JSDoc types hold."""

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from support.node import WHAT_IS_MISSING, node_binary

pytestmark = pytest.mark.slow

COMPILER = Path(__file__).parent / "node_modules" / "typescript" / "lib" / "tsc.js"
OPTIONS = ["--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--module", "esnext"]
LIBRARIES = ["--lib", "es2022,dom,dom.iterable"]


def check(*paths: Path) -> subprocess.CompletedProcess[str]:
    if node_binary() is None or not COMPILER.is_file():
        pytest.skip(WHAT_IS_MISSING)
    command = [str(node_binary()), str(COMPILER), *OPTIONS, *LIBRARIES, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_types_that_the_script_states_hold():
    scripts = sorted(Path(str(files("proxy.browser") / "static")).glob("*.js"))
    assert len(scripts) == 3
    found = check(*scripts)
    assert (found.returncode, found.stdout) == (0, "")


def test_a_type_that_does_not_hold_is_found(tmp_path):
    script = tmp_path / "wrong.js"
    script.write_text('/** @type {number} */ const seconds = "ten";\nconsole.log(seconds);\n')
    assert "TS2322" in check(script).stdout
