"""Installs the npm packages of the interop tests, exactly as package-lock.json says.

Where there is no Node.js it says so and leaves an empty node_modules: the tests that need one then skip.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support.node import WHAT_IS_MISSING, node_binary, npm_command  # noqa: E402 - found through the line above

npm = npm_command()
if npm is None:
    print(f"interop: {WHAT_IS_MISSING}", file=sys.stderr)
    (HERE / "node_modules").mkdir(exist_ok=True)
else:
    # npm's scripts find the node that runs them; packages need none of theirs.
    print(f"interop: npm ci with {node_binary()}", file=sys.stderr)
    subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE, check=True
    )
