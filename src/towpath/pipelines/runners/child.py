"""A forked process that does one attempt at a step and leaves its outcome in a file.

Forking from a process that has imported the libraries already costs milliseconds where a fresh
interpreter costs seconds. The forking process must have no threads of its own.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import msgspec

from towpath.catalog.runs import Failure
from towpath.core.durable import write_durably
from towpath.core.errors import Invalid, TowpathError
from towpath.core.record import Record, from_json, to_json
from towpath.pipelines.runners import Report

if TYPE_CHECKING:
    from pathlib import Path

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 5.0
REPORT_SECONDS = 0.05
READ_BYTES = 1 << 16
RESET_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM)

Work = Callable[[Report], Mapping[str, object]]


class Told(Record, frozen=True):
    """What a step last said of its progress."""

    fraction: float = 0.0
    text: str = ""


class Outcome(Record, frozen=True):
    """What an attempt leaves behind, under the token it ran with."""

    token: str
    result: dict[str, object] = msgspec.field(default_factory=dict)
    failure: Failure | None = None


class Child:
    """A running attempt, seen from the process that forked it.

    Args:
        work: what to do; called in the child with a ``Report``.
        token: written into the outcome, so that a stale one is recognised.
        log: file that takes what the child writes to stdout and stderr.
        outcome: file for the outcome.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as name:
        ...     child = Child(
        ...         lambda report: {"rows": 3},
        ...         token="t1",
        ...         log=Path(name) / "a.log",
        ...         outcome=Path(name) / "a.json",
        ...     )
        ...     while not child.ended(wait=1.0):
        ...         pass
        ...     child.outcome().result
        {'rows': 3}
    """

    def __init__(self, work: Work, *, token: str, log: Path, outcome: Path) -> None:
        """Fork and begin."""
        self.told = Told()
        self._token = token
        self._path = outcome
        self._status = 0
        self._unread = b""
        log.parent.mkdir(parents=True, exist_ok=True)
        self._pipe, writing = os.pipe()
        os.set_blocking(writing, False)
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _be_child(work, token, log, outcome, fds=(parent, self._pipe, writing))
        os.close(writing)
        with suppress(OSError):
            os.setpgid(self._pid, self._pid)

    def ended(self, *, wait: float) -> bool:
        """Wait up to ``wait`` seconds for the end; take in what the child reports meanwhile."""
        if self._pipe < 0:
            time.sleep(min(wait, 0.01))
        elif select.select([self._pipe], [], [], wait)[0]:
            self._read()
        seen = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            return False
        self._reap()
        return True

    def stop(self) -> None:
        """End the child and what it started: politely first, then by force."""
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline:
            if self.ended(wait=0.02):
                return
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        while not self.ended(wait=0.02):
            pass

    def outcome(self) -> Outcome:
        """Read what the ended child left, or say how it died."""
        if self._path.exists():
            left = from_json(self._path.read_bytes(), Outcome)
            if left.token == self._token:
                return left
        code = os.waitstatus_to_exitcode(self._status)
        if code >= 0:
            message = f"The step's process left with exit code {code} and no result."
            return Outcome(self._token, failure=Failure("Exited", message, "Read its log."))
        message = f"The step's process was ended by {signal.Signals(-code).name}."
        hint = "Was memory short?" if -code == signal.SIGKILL else "Read its log."
        return Outcome(self._token, failure=Failure("Killed", message, hint))

    def _read(self) -> None:
        """Take in reports; an end of file closes the pipe."""
        data = os.read(self._pipe, READ_BYTES)
        if not data:
            self._close()
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        if lines:
            self.told = from_json(lines[-1], Told)

    def _close(self) -> None:
        """Close the pipe, once."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _reap(self) -> None:
        """Collect the exit status, after ending whatever the child left running."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        _, self._status = os.waitpid(self._pid, 0)
        if self._pipe >= 0 and select.select([self._pipe], [], [], 0)[0]:
            self._read()
        self._close()


def _be_child(
    work: Work, token: str, log: Path, outcome: Path, *, fds: tuple[int, int, int]
) -> NoReturn:
    """Do the work and leave, whatever happens; nothing of the parent's runs on the way out."""
    code = 1
    try:
        parent, reading, writing = fds
        os.close(reading)
        _detach(parent, log)
        left = _attempt(work, token, _reporter(writing))
        write_durably(outcome, to_json(left))
        code = 0 if left.failure is None else 1
    except BaseException:  # noqa: BLE001 - the outermost loop of this process; the log keeps it
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _detach(parent: int, log: Path) -> None:
    """Make this process die with its parent, take signals by default and write to its log."""
    os.setpgid(0, 0)
    for number in RESET_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open


def _attempt(work: Work, token: str, report: Report) -> Outcome:
    """Do the work and turn its result or its error into an outcome that JSON can hold."""
    try:
        result = dict(work(report))
        return from_json(to_json(Outcome(token, result)), Outcome)
    except (NotImplementedError, TypeError) as error:
        if "JSON" not in str(error) and "Encoding" not in str(error):
            return _failed(token, error)
        message = f"What the step found cannot be kept: {error}."
        return _failed(token, Invalid(message, hint="Return plain values."))
    except BaseException as error:  # noqa: BLE001 - every way to fail is an outcome
        return _failed(token, error)


def _failed(token: str, error: BaseException) -> Outcome:
    """Keep an error's parts, and its traceback in the log."""
    traceback.print_exception(error)
    kind = type(error).__name__
    if isinstance(error, TowpathError):
        failure = Failure(kind, error.message, error.hint, error.where)
    else:
        failure = Failure(kind, str(error) or kind)
    return Outcome(token, failure=failure)


def _reporter(writing: int) -> Report:
    """Make the function a step tells its progress with; what does not fit is dropped."""
    last = 0.0

    def report(fraction: float, text: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < REPORT_SECONDS and fraction < 1.0:
            return
        last = now
        line = to_json(Told(min(max(float(fraction), 0.0), 1.0), text[:200])) + b"\n"
        with suppress(OSError):
            os.write(writing, line)

    return report
