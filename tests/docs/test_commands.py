"""Every command of the documents runs on a machine of its own, or is known and why it does not run here."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Collection
from pathlib import Path

import click
import pytest

from proxy.cli import main
from support.documents import ROOT, blocks, table

BIN = Path(sys.executable).parent
RUN = {
    *("claims-proxy check", "claims-proxy doctor", "claims-proxy health", "claims-proxy sessions"),
    *("claims-proxy settings", "claims-proxy Get-CrmOrganization"),
    *("cat", "curl", "head", "install", "openssl", "make", "python3 -m venv"),
}
"""The first words of what runs here: it reads, or writes into /etc/claims-proxy, which is a folder of the test."""
DEPLOYMENT = "tests/deploy runs it, or checks it by its own tool"
NOT_RUN = {
    "systemctl": "asks the system's own manager",
    "systemd-sysusers": DEPLOYMENT,
    "docker": DEPLOYMENT,
    "kubectl": DEPLOYMENT,
    "redis-server": DEPLOYMENT,
    "redis-cli": DEPLOYMENT,
    "nginx": DEPLOYMENT,
    "deploy/make-secrets.sh": DEPLOYMENT,
    "/opt/claims-proxy/bin/pip": "installs what is installed here already; tests/container builds the wheel",
    "apt-get": "installs programs for the whole system",
    "ln": "puts a link into a folder of the system",
    "claims-proxy run": "the machine's proxy was started with it",
    "claims-proxy token": "asks for a token of the reader's own; tests/cli runs it on tokens of every kind",
}
"""Why a command is not run, by its first words."""
EXIT = {"claims-proxy sessions revoke": 1, "claims-proxy doctor": 1}
"""Where another code than 0 is right: nobody of that name is signed in here, and there is no application."""
DRY = {"make": "make -n", "python3 -m venv": "python3 -m venv --help #"}
"""What stands for the first words of a command that would take minutes or change the system."""


def commands() -> list[tuple[str, str]]:
    """(where, command) of every line of the blocks, and of the table of deploy/README.md."""
    found = []
    for block in blocks("console", "sh"):
        lines = block.text.splitlines()
        prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        assert prompted or block.language == "sh", f"{block}: each command of a console begins with $"
        for number, command in enumerate(prompted or [line for line in lines if line]):
            found.append((f"{block}+{number}", command))
    for row in table(ROOT / "deploy" / "README.md", "file", "what it is for", "command"):
        found += [("deploy/README.md", command) for command in row[2].strip("`").split(" && ")]
    return found


def first_words(command: str, known: Collection[str]) -> str | None:
    """The entry of a table that this command begins with."""
    return next((words for words in known if f"{command} ".startswith(f"{words} ")), None)


EVERY = commands()
RUNNING = [(where, text) for where, text in EVERY if first_words(text, RUN) and "deploy/compose" not in text]


@pytest.mark.parametrize(("where", "command"), EVERY, ids=str)
def test_the_command_is_one_that_runs_or_is_known_not_to(where, command):
    assert (first_words(command, RUN) is None) != (first_words(command, NOT_RUN) is None), where


def test_the_tables_name_nothing_else():
    assert {first_words(text, RUN) or first_words(text, NOT_RUN) for _, text in EVERY} == RUN | set(NOT_RUN)


@pytest.mark.slow
@pytest.mark.parametrize(("where", "command"), RUNNING, ids=[f"{where} {text[:40]}" for where, text in RUNNING])
def test_it_runs(where, command, machine, folder, tmp_path):
    program = shlex.split(command)[0]
    if program == "curl" and shutil.which(program) is None:
        pytest.skip("no curl: install Debian's package curl")
    own = tmp_path / "etc"
    shutil.copytree(folder, own)
    text = machine(command).replace(str(folder), str(own))
    if words := first_words(text, DRY):
        text = text.replace(words, DRY[words], 1)
    done = subprocess.run(
        ["/bin/sh", "-c", f"set -e; {text}"],
        cwd=ROOT,
        env={"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == EXIT.get(first_words(command, EXIT), 0), done.stdout + done.stderr


def test_health_says_ready_and_adfs_names_the_issuer_of_the_yaml(machine, folder):
    said = subprocess.run(
        [BIN / "claims-proxy", "health", "--ready", "--config", folder / "proxy.yaml"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "ready\n"
    issuer = machine("https://adfs.contoso.com/adfs")
    with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=5) as answer:
        assert json.load(answer)["issuer"] == issuer


def options_of(words: list[str]) -> set[str]:
    """The options of the claims-proxy command that these words begin with. Raises KeyError where there is none."""
    command: click.Command = main
    for word in words:
        if isinstance(command, click.Group):
            command = command.commands[word]
    return {name for parameter in command.params for name in parameter.opts} | {"--help"}


def spoken() -> list[tuple[str, str]]:
    """Every `claims-proxy …` in code, in blocks and within the text."""
    within = [
        (path.name, code)
        for path in (ROOT / "README.md", ROOT / "deploy" / "README.md", *ROOT.glob("docs/*.md"))
        for code in re.findall(r"`(claims-proxy [^`]+)`", path.read_text())
    ]
    return within + [(where, text) for where, text in EVERY if text.startswith("claims-proxy ")]


@pytest.mark.parametrize(("where", "text"), spoken(), ids=str)
def test_the_command_and_its_options_exist(where, text):
    # Commands are known in any letter case.
    command, *rest = shlex.split(text)[1:]
    words = [command.lower(), *rest]
    plain = [word for word in words if not word.startswith("-")]
    known = options_of(plain[: 1 + isinstance(main.commands[plain[0]], click.Group)])
    assert {word for word in words if word.startswith("--")} <= known, where
