"""What the Dockerfile promises, read from its text."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """Per stage, its instructions as (name, arguments), continued lines joined, comments gone."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text())
    lines = [line.split(None, 1) for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    found: list[list[tuple[str, str]]] = []
    for name, arguments in lines:
        if name == "FROM":
            found.append([])
        found[-1].append((name, arguments.strip()))
    return found


@pytest.fixture(scope="module")
def last(stages) -> dict[str, list[str]]:
    """The last stage: {instruction: its arguments, as often as it stands}."""
    found: dict[str, list[str]] = {}
    for name, arguments in stages[-1]:
        found.setdefault(name, []).append(arguments)
    return found


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_it_runs_as_nobody_whom_kubernetes_can_judge_by_number(last):
    assert last["USER"] == ["65532:65532"]


def test_it_is_stopped_by_the_signal_that_drains(last):
    assert last["STOPSIGNAL"] == ["SIGTERM"]


def test_its_health_is_asked_by_the_command_itself(last):
    options, command = last["HEALTHCHECK"][0].split(" CMD ")
    assert json.loads(command) == ["claims-proxy", "health"]
    assert {"--interval", "--timeout", "--start-period"} <= {option.split("=")[0] for option in options.split()}


def test_it_starts_the_proxy_without_a_shell_between(last):
    assert json.loads(last["ENTRYPOINT"][0]) == ["claims-proxy"]
    assert json.loads(last["CMD"][0]) == ["run", "--config", "/etc/claims-proxy/proxy.yaml"]


def test_every_command_in_it_finds_the_configuration(last):
    assert environment(last)["CLAIMS_PROXY_CONFIG"] == json.loads(last["CMD"][0])[-1]


def test_python_writes_no_bytecode_beside_its_sources(last):
    assert environment(last)["PYTHONDONTWRITEBYTECODE"] == "1"


def test_its_labels_say_what_pyproject_says(last, project):
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\S+?)="([^"]*)"', " ".join(last["LABEL"])))
    arguments = dict(one.split("=", 1) for one in last["ARG"])
    assert labels.keys() >= {"title", "description", "licenses", "version", "revision", "base.name"}
    assert labels["title"] == project["name"]
    assert labels["description"] == project["description"]
    assert labels["licenses"] == project["license"]
    assert labels["version"] == "$VERSION"
    assert arguments["VERSION"] == project["version"]


def test_it_exposes_the_port_of_the_commented_configuration(last):
    address = re.search(r"(?m)^  address: \S+:(\d+)", (ROOT / "config/proxy.yaml").read_text())
    assert last["EXPOSE"] == [address[1]]


def test_all_stages_stand_on_one_base(stages):
    assert {stage[0][1].split()[0] for stage in stages} == {"debian:bookworm-slim"}


def test_every_wheel_of_an_index_is_known_by_its_hash(stages):
    commands = [part for name, text in stages[0] if name == "RUN" for part in text.split("&&")]
    installs = [part for part in commands if re.search(r"pip .*install", part) and "/wheel/" not in part]
    assert len(installs) == 2
    for install in installs:
        assert "--require-hashes" in install
        assert "--only-binary :all:" in install


def test_the_last_stage_installs_no_pip_and_no_compiler(last):
    packages = {word for text in last["RUN"] for word in re.findall(r"[a-z][a-z0-9.+-]+", text)}
    assert {"ca-certificates", "python3"} <= packages
    assert not packages & {"build-essential", "gcc", "pip", "python3-dev", "python3-pip", "python3-venv"}


def test_the_builder_is_given_all_that_is_copied_and_nothing_else(stages):
    copied = [one for name, text in stages[0] if name == "COPY" for one in text.split()[:-1]]
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert all(any(Path(one).match(pattern) for pattern in let_in) for one in copied), copied
    assert all(any(Path(one).match(pattern) for one in copied) for pattern in let_in), let_in


def environment(last: dict[str, list[str]]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in " ".join(last["ENV"]).split())
