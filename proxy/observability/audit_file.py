"""The audit file: whole JSON lines, appended by a thread of its own; what it cannot take goes to the log instead.

Several processes may append to one file. Each batch is one write under an advisory lock (flock(2)), so that a write
which the disk cut short is taken back before anybody else appends. Lines reach the kernel at once and are not forced to
the disk: they survive the death of the process, not a loss of power.
"""

import contextlib
import fcntl
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeAlias

import structlog

from proxy.errors import CannotStart
from proxy.model.time import Seconds
from proxy.observability.escaping import escape_json

Facts: TypeAlias = dict[str, str | float | None]

_WAITING_AT_MOST = 10_000
_BATCH = 1_000
_CLOSING_SECONDS = 5.0
_MODE = 0o600


class _Order(Enum):
    """What the thread is told between events."""

    REOPEN = "reopen"
    STOP = "stop"


class AuditFile:
    """The file at `path`, made with mode 0600 where there is none; one that is there keeps its mode.

    A file that was moved or removed is made anew with the next event. Raises CannotStart where it cannot be opened.
    `waiting_at_most`: events that wait to be written; more go to the log.
    """

    def __init__(self, path: str | Path, *, waiting_at_most: int = _WAITING_AT_MOST) -> None:
        self.path = Path(path)
        self._bound = waiting_at_most
        self._waiting: SimpleQueue[Facts | _Order] = SimpleQueue()
        self._in_hand: list[Facts] = []
        self._trouble = _Trouble(self.path)
        self._closed = False
        try:
            self._descriptor: int | None = _open(self.path)
        except OSError as error:
            wrong = f"observability.audit_file: {path} cannot be used: {error.strerror or error}"
            raise CannotStart(
                f"{wrong}; name a file, in a folder that is there and that this user can write"
            ) from error
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def write(self, event: Facts) -> None:
        """Take an event, redacted already. Neither waits nor raises."""
        if self._closed:
            to_log([event])
        elif self._waiting.qsize() >= self._bound:
            self._trouble.begins("the disk does not keep up", [event])
        else:
            self._waiting.put(event)

    def reopen(self) -> None:
        """Let go of the file, which was moved away, and open the one at the path. Neither waits nor raises."""
        self._waiting.put(_Order.REOPEN)

    def close(self, seconds: Seconds = _CLOSING_SECONDS) -> None:
        """Write what waits and close. Waits for so long at most; what is not written by then goes to the log."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(_Order.STOP)
        self._thread.join(seconds)
        if self._thread.is_alive():
            left = self._in_hand + [item for item in _rest_of(self._waiting) if not isinstance(item, _Order)]
            self._waiting.put(_Order.STOP)  # taken out with the rest; the disk may come back yet
            self._trouble.begins(f"not written within {seconds:g} s", left)
        self._trouble.closes()

    def _run(self) -> None:
        order: _Order | None = None
        while order is not _Order.STOP:
            batch, order = self._next()
            if batch:
                self._in_hand = batch
                self._append(batch)
                self._in_hand = []
            if order is not None:
                self._let_go()

    def _next(self) -> tuple[list[Facts], _Order | None]:
        """Wait for an event; it and those behind it, up to the next order."""
        batch: list[Facts] = []
        item = self._waiting.get()
        while True:
            if isinstance(item, _Order):
                return batch, item
            batch.append(item)
            if len(batch) == _BATCH:
                return batch, None
            try:
                item = self._waiting.get_nowait()
            except Empty:
                return batch, None

    def _append(self, batch: list[Facts]) -> None:
        try:
            _write_whole(self._current(), b"".join(map(as_line, batch)))
        except Exception as error:  # noqa: BLE001 - whatever it was, the thread must be there for the next event
            self._let_go()
            with contextlib.suppress(Exception):
                self._trouble.begins(str(getattr(error, "strerror", None) or error), batch)
        else:
            self._trouble.ends()

    def _current(self) -> int:
        """The descriptor of the file that is at the path now. Raises OSError."""
        if self._descriptor is not None and not _is_at(self.path, self._descriptor):
            self._let_go()
        if self._descriptor is None:
            self._descriptor = _open(self.path)
        return self._descriptor

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)


class _Trouble:
    """One line when the file cannot be written, one when it can again with how many events are in the log instead."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events = 0
        self._lock = threading.Lock()
        self._log = structlog.get_logger("audit")

    def begins(self, why: str, events: list[Facts]) -> None:
        """These events were not written, and are logged."""
        with self._lock:
            first = not self._events
            self._events += len(events)
        if first and events:
            self._log.error("audit_file_failed", file=str(self._path), error=why, events=len(events), instead="the log")
        to_log(events)

    def ends(self) -> None:
        """Events are written."""
        with self._lock:
            count, self._events = self._events, 0
        if count:
            self._log.warning("audit_file_works_again", file=str(self._path), events_in_log=count)

    def closes(self) -> None:
        """No more events come."""
        with self._lock:
            count, self._events = self._events, 0
        if count:
            self._log.warning("audit_file_closed", file=str(self._path), events_in_log=count)


def as_line(event: Mapping[str, object]) -> bytes:
    """An event as one line of JSON, UTF-8."""
    return escape_json(json.dumps(event, ensure_ascii=False)).encode() + b"\n"


def to_log(events: list[Facts]) -> None:
    """Write events to the log, with the instants they were recorded at."""
    log = structlog.get_logger("audit")
    for event in events:
        log.info(str(event["event"]), **{name: value for name, value in event.items() if name != "event"})


def _open(path: Path) -> int:
    # Without O_NONBLOCK a named pipe would hold us up; to a file it means nothing. Read, too: see `_write_whole`.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags, _MODE)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("no regular file")
    return descriptor


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write_whole(descriptor: int, data: bytes) -> None:
    """Append all or nothing. Raises OSError."""
    with _locked(descriptor) as alone:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            # Somebody was stopped in the middle of a line.
            data = b"\n" + data
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except OSError:
            if alone:
                os.ftruncate(descriptor, size)
            raise


@contextlib.contextmanager
def _locked(descriptor: int) -> Iterator[bool]:
    """Whether nobody else appends meanwhile: not every network file system has locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _rest_of(waiting: SimpleQueue[Facts | _Order]) -> Iterator[Facts | _Order]:
    with contextlib.suppress(Empty):
        while True:
            yield waiting.get_nowait()
