"""deploy/README.md has a line for every file."""

import re


def test_every_file_has_its_line_and_every_line_its_file(deploy):
    text = (deploy / "README.md").read_text()
    named = set(re.findall(r"^\| `([^`]+)` \|", text.partition("## ")[0], re.MULTILINE))
    made_here = {deploy / ".gitignore", deploy / "README.md"}
    files = [path for path in deploy.rglob("*") if path.is_file() and deploy / "secrets" not in path.parents]
    paths = {path.relative_to(deploy).as_posix() for path in files if path not in made_here}
    kubernetes = {path for path in paths if path.startswith("kubernetes/")}
    assert named == (paths - kubernetes) | {"kubernetes/"}
    assert kubernetes
