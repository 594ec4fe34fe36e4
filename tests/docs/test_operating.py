"""The tables of docs/operating.md say what the program does, no more and no less."""

import ast
from collections import defaultdict

import click

from proxy.cli import main
from proxy.observability.exposition import COUNTERS, GAUGES, TIMINGS
from proxy.signin.answers import FAILURES
from support.documents import ROOT, table

OPERATING = ROOT / "docs" / "operating.md"
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}


def code(cell: str) -> list[str]:
    return cell.split("`")[1::2]


def logged() -> dict[str, set[str]]:
    """{event: levels} of every `log.<level>("event", …)` in the source."""
    found = defaultdict(set)
    for path in (ROOT / "proxy").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name) | ast.Attribute(attr=name), attr=method),
                    args=[ast.Constant(value=str(event)), *_],
                ) if name in ("log", "_log") and method in LEVELS:
                    found[event].add(LEVELS[method])
    return dict(found)


def refused_tokens() -> set[str]:
    """The words of every `TokenRefused("word", …)` in the source."""
    return {
        node.args[0].value
        for path in (ROOT / "proxy").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "TokenRefused"
        and isinstance(node.args[0], ast.Constant)
    }


def needing_a_restart() -> set[str]:
    """The keys that a running proxy, with one worker or several, refuses to change."""
    return {
        key.value
        for name in ("running", "supervisor")
        for node in ast.walk(ast.parse((ROOT / "proxy" / "app" / f"{name}.py").read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "_refuse_what_needs_a_restart"
        for pairs in ast.walk(node)
        if isinstance(pairs, ast.Dict)
        for key in pairs.keys
    }


def test_what_needs_a_restart_is_what_a_reload_refuses():
    [[_, restart]] = table(OPERATING, "acts at once, for open sessions too", "needs a restart")
    assert set(code(restart)) == needing_a_restart()


def test_every_event_of_the_log_has_its_line_with_its_levels_and_every_line_its_event():
    written = {code(row[0])[0]: set(row[1].split(", ")) for row in table(OPERATING, "event", "level", "means", "do")}
    assert written == logged()


def test_events_stand_in_the_order_of_the_alphabet():
    events = [row[0] for row in table(OPERATING, "event", "level", "means", "do")]
    assert events == sorted(events)


def test_every_metric_has_its_line_with_kind_and_labels_and_every_line_its_metric():
    families = (("counter", "_total", COUNTERS), ("histogram", "", TIMINGS), ("gauge", "", GAUGES))
    exposed = {
        f"{name}{ending}": (kind, ", ".join(labels))
        for kind, ending, family in families
        for name, (_, labels) in family.items()
    }
    rows = table(OPERATING, "metric", "kind", "labels", "means")
    assert {code(row[0])[0]: (row[1], row[2]) for row in rows} == exposed


def test_every_command_has_its_line_and_every_line_its_command():
    def commands(group: click.Group, path: str):
        for name, command in group.commands.items():
            if isinstance(command, click.Group):
                yield from commands(command, f"{path} {name}")
            else:
                yield f"{path} {name}"

    rows = table(OPERATING, "command", "does", "exits")
    assert {code(row[0])[0] for row in rows} == {*commands(main, "claims-proxy"), "claims-proxy health --ready"}


def test_every_reason_of_a_refused_token_has_its_line_and_every_line_its_reason():
    rows = table(OPERATING, "token refused", "means")
    assert {word for row in rows for word in code(row[0])} == refused_tokens()


def test_every_reason_with_a_page_of_its_own_has_its_line():
    rows = table(OPERATING, "reason", "means", "do")
    assert set(FAILURES) <= {word for row in rows for word in code(row[0])}
