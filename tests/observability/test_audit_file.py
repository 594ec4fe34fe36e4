import json
import os
import stat
import subprocess
import sys
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.errors import CannotStart
from proxy.observability import audit_file
from proxy.observability.audit_file import AuditFile
from support.patience import HANG


def event(number: int) -> dict[str, object]:
    return {"event": "signed_in", "audit": 1, "number": number}


def numbers(*paths) -> list[int]:
    """The events in these files, one after another; every line must be whole."""
    return [json.loads(line)["number"] for path in paths for line in path.read_bytes().splitlines()]


def logged(lines) -> list[int]:
    return [line["number"] for line in lines if "number" in line]


def until(condition) -> None:
    deadline = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def file(tmp_path):
    one = AuditFile(tmp_path / "audit.jsonl")
    yield one
    one.close()


def test_a_file_is_made_for_its_owner_alone(file):
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_file_that_is_there_keeps_its_mode_and_its_lines(tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_text('{"number": 0}\n')
    path.chmod(0o640)
    one = AuditFile(path)
    one.write(event(1))
    one.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert numbers(path) == [0, 1]


@pytest.mark.parametrize("folders", ["", "gone/audit.jsonl"])
def test_a_path_that_cannot_be_used_is_refused_at_once(tmp_path, folders):
    """No folder to make it in, and a folder in its place."""
    (tmp_path / folders).mkdir(parents=True, exist_ok=True)
    path = tmp_path / "gone" / "audit.jsonl"
    with pytest.raises(CannotStart, match=r"observability\.audit_file: .*audit\.jsonl cannot be used: .*; name a file"):
        AuditFile(path)


def test_a_named_pipe_is_refused_and_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CannotStart, match="no regular file"):
        AuditFile(tmp_path / "pipe")


def test_closing_writes_what_waits_in_order(file):
    for number in range(5000):
        file.write(event(number))
    file.close()
    assert numbers(file.path) == list(range(5000))


def test_what_comes_after_the_end_goes_to_the_log(file):
    file.close()
    with capture_logs() as lines:
        file.write(event(1))
        file.close()
    assert logged(lines) == [1]


def test_after_a_rotation_events_go_to_a_file_of_that_name(file, tmp_path):
    file.write(event(1))
    until(file.path.read_bytes)
    file.path.rename(tmp_path / "audit.jsonl.1")
    file.reopen()
    file.write(event(2))
    file.close()
    assert numbers(tmp_path / "audit.jsonl.1", file.path) == [1, 2]


def test_a_rotation_that_nobody_tells_of_is_seen(file, tmp_path):
    file.write(event(1))
    until(file.path.read_bytes)
    file.path.rename(tmp_path / "audit.jsonl.1")
    file.write(event(2))
    file.close()
    assert numbers(tmp_path / "audit.jsonl.1", file.path) == [1, 2]


def test_reopening_alone_writes_nothing_and_lets_go_of_the_file(file):
    before = len(list(Path("/proc/self/fd").iterdir()))
    file.reopen()
    until(lambda: len(list(Path("/proc/self/fd").iterdir())) < before)
    file.write(event(1))
    file.close()
    assert numbers(file.path) == [1]


def test_a_folder_that_vanishes_is_told_of_once_and_costs_no_event(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    one = AuditFile(folder / "audit.jsonl")
    one.write(event(1))
    until(one.path.read_bytes)
    folder.rename(tmp_path / "moved")
    with capture_logs() as lines:
        for number in (2, 3):
            one.write(event(number))
            until(lambda number=number: number in logged(lines))
        folder.mkdir()
        one.write(event(4))
        one.close()
    assert numbers(tmp_path / "moved" / "audit.jsonl", one.path) == [1, 4]
    assert logged(lines) == [2, 3]
    told = [line for line in lines if "number" not in line]
    assert [line["event"] for line in told] == ["audit_file_failed", "audit_file_works_again"]
    assert told[0]["error"] == "No such file or directory"
    assert told[0]["events"] == 1
    assert told[1]["events_in_log"] == 2


def test_at_the_end_of_a_trouble_that_lasts_the_count_is_told(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    one = AuditFile(folder / "audit.jsonl")
    one.path.unlink()
    folder.rmdir()
    with capture_logs() as lines:
        one.write(event(1))
        one.close()
    assert logged(lines) == [1]
    assert lines[-1]["event"] == "audit_file_closed"
    assert lines[-1]["events_in_log"] == 1


FULL = """
import json, resource, sys, signal
import structlog
from proxy.observability import logs
from proxy.observability.audit_file import AuditFile
logs.configure(log_format="json")
file = AuditFile(sys.argv[1])
file.write({"event": "signed_in", "audit": 1, "number": 0})
while not file.path.stat().st_size:
    pass
# Room for half a line more: to a process, a limit is as a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (file.path.stat().st_size + 20, resource.RLIM_INFINITY))
for number in (1, 2):
    file.write({"event": "signed_in", "audit": 1, "number": number})
while file._waiting.qsize() or file._in_hand:
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.write({"event": "signed_in", "audit": 1, "number": 3})
file.close()
"""


def test_a_full_disk_costs_no_event_and_leaves_whole_lines(tmp_path):
    path = tmp_path / "audit.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert numbers(path) == [0, 3]
    assert logged(lines) == [1, 2]
    told = [line["event"] for line in lines if "number" not in line]
    assert told == ["audit_file_failed", "audit_file_works_again"]


def test_a_line_that_a_dead_process_left_unfinished_ends_before_the_next(tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"number": 0}\n{"numb')
    one = AuditFile(path)
    one.write(event(1))
    one.close()
    assert path.read_bytes() == b'{"number": 0}\n{"numb\n' + audit_file.as_line(event(1))


class Hung:
    """A disk that takes nothing until it is let go."""

    def __init__(self, monkeypatch) -> None:
        self.entered, self.released = threading.Event(), threading.Event()
        write = os.write

        def hang(descriptor: int, data: bytes) -> int:
            self.entered.set()
            assert self.released.wait(HANG)
            return write(descriptor, data)

        monkeypatch.setattr(audit_file.os, "write", hang)


def test_a_disk_that_hangs_holds_nobody_up_and_what_it_cannot_take_goes_to_the_log(tmp_path, monkeypatch):
    one = AuditFile(tmp_path / "audit.jsonl", waiting_at_most=3)
    disk = Hung(monkeypatch)
    with capture_logs() as lines:
        one.write(event(0))
        assert disk.entered.wait(HANG)
        for number in range(1, 6):
            one.write(event(number))
        assert not disk.released.is_set()
        assert logged(lines) == [4, 5]
        disk.released.set()
        one.close()
    assert numbers(one.path) == [0, 1, 2, 3]
    assert [line["event"] for line in lines if "number" not in line] == ["audit_file_failed", "audit_file_works_again"]


def test_a_disk_that_still_hangs_at_the_end_costs_no_event(tmp_path, monkeypatch):
    one = AuditFile(tmp_path / "audit.jsonl")
    disk = Hung(monkeypatch)
    with capture_logs() as lines:
        one.write(event(0))
        assert disk.entered.wait(HANG)
        one.write(event(1))
        one.close(seconds=0.05)
        assert logged(lines) == [0, 1]
        disk.released.set()
        one._thread.join(10)
    assert not one._thread.is_alive()


def test_what_cannot_be_written_down_does_not_end_the_writing(file):
    with capture_logs() as lines:
        file.write({"event": "signed_in", "number": 0, "odd": {1, 2}})
        until(lambda: logged(lines))
        file.write(event(1))
        file.close()
    assert logged(lines) == [0]
    assert numbers(file.path) == [1]


def _append(path, process: int) -> None:
    one = AuditFile(path)
    for number in range(500):
        one.write(event(process * 1000 + number))
    one.close()


def test_processes_that_share_a_file_never_mix_their_lines(tmp_path):
    path = tmp_path / "audit.jsonl"
    spawn = get_context("spawn")
    processes = [spawn.Process(target=_append, args=(path, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    written = numbers(path)
    assert len(written) == 1500
    for process in range(3):
        assert [number for number in written if number // 1000 == process] == [process * 1000 + n for n in range(500)]
