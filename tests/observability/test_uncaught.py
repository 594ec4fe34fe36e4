"""Errors that nothing caught: Python prints them without the values of variables, redacted."""

import asyncio
import io
import subprocess
import sys

import pytest
import uvloop

from proxy.observability import logs, uncaught

COOKIE = "hunter2-secret"
FAIL = """
def fail(cookie):
    raise ValueError("cannot use Cookie: a=" + cookie)
secret = "hunter" + "2"
"""
PRELUDE = "from proxy.observability import uncaught\nuncaught.install()\n"


def said(program: str) -> str:
    """What a program of its own writes to standard error."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "end",
    [
        "fail(secret)",
        "import threading\nthread = threading.Thread(target=fail, args=(secret,))\nthread.start(); thread.join()",
        "class Late:\n    def __del__(self): fail(secret)\nlate = Late(); del late",
        "import logging\ntry: fail(secret)\nexcept ValueError: logging.getLogger('asyncio').exception('failed')",
    ],
    ids=["main", "thread", "finalizer", "library"],
)
def test_uncaught_error_is_printed_redacted(end):
    shown = said(PRELUDE + FAIL + end)
    assert "ValueError: cannot use Cookie: [redacted]" in shown
    assert "in fail" in shown
    assert "hunter2" not in shown
    assert "hunter2" in said(FAIL + end)  # which Python itself would print


def test_command_that_fails_unexpectedly_prints_no_secret(tmp_path):
    program = (
        "import sys, proxy.cli, proxy.cli.check\n"
        + FAIL
        + "def load(*_): fail(secret)\nsys.modules['proxy.cli.check'].load_or_exit = load\n"
        + f"proxy.cli.main(['check', '--config', {str(tmp_path / 'proxy.yaml')!r}])"
    )
    shown = said(program)
    assert "in load" in shown
    assert "hunter2" not in shown


def test_command_logs_to_standard_error_without_variables():
    program = (
        "import structlog, click, proxy.cli\n" + FAIL + "@proxy.cli.main.command()\ndef probe():\n"
        "    try: fail(secret)\n    except ValueError: structlog.get_logger('store').exception('failed')\n"
        "proxy.cli.main(['probe'])"
    )
    shown = said(program)
    assert "in fail" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_event_loop_error_is_logged_without_arguments(loop_factory):
    stream = io.StringIO()
    logs.configure(log_format="json", stream=stream)

    def fail(cookie: str) -> None:
        raise ValueError(len(cookie))

    async def fail_late(cookie: str) -> None:
        fail(cookie)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(uncaught.log_loop_error)
        loop.call_soon(fail, COOKIE)
        failed = loop.create_task(fail_late(COOKIE), name="late")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del failed

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve())
    callback, task = stream.getvalue().splitlines()
    assert "Exception in callback" in callback
    assert "late" in task
    for line in (callback, task):
        assert "callback_failed" in line
        assert "ValueError: 14" in line
        assert COOKIE not in line
