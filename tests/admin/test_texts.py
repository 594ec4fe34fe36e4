"""One catalogue: every text that a page asks for is in it, and every text in it is asked for."""

import re
from importlib import resources

from proxy.admin.words import texts

SCRIPTS = resources.files("proxy.admin") / "static"
BY_NAME = {"pages", "series", "reasons", "origins", "rules"}
"""Parts whose texts are looked up by what the proxy answers."""
BY_ACT = {"session_revoked", "user_revoked", "restored"}
"""Texts of the history, by what an entry says was done."""
BY_COUNT = re.compile(r"_(one|none)$")


def leaves(part, path=()):
    for name, value in part.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name)


def test_every_text_of_the_catalogue_is_used():
    shell = (resources.files("proxy.admin") / "templates" / "shell.html").read_text("utf-8")
    code = "\n".join(file.read_text("utf-8") for file in SCRIPTS.iterdir() if file.name.endswith(".js")) + shell
    for path in leaves(texts()):
        if BY_NAME & set(path[:-1]) or path[-1] in BY_ACT:
            continue
        name = BY_COUNT.sub("", path[-1])
        assert re.search(rf"""[."'`]{re.escape(name)}\b""", code), f"{'.'.join(path)} is never shown"


def test_every_text_that_a_page_names_is_in_the_catalogue():
    known = {part for path in leaves(texts()) for part in path}
    for file in SCRIPTS.iterdir():
        if file.name.endswith(".js"):
            for name in re.findall(r"\b(?:own|texts)\.(?!json\b)([A-Za-z_]\w*)", file.read_text("utf-8")):
                assert name in known, f"{file.name}: {name}"
