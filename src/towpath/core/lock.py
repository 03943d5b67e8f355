"""One holder at a time: a lock on a file, freed by the system when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from towpath.core.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_SECONDS = 0.01


@contextmanager
def locked(path: Path, *, wait_seconds: float = 60.0, busy: str = "") -> Iterator[None]:
    """Hold the lock file, waiting for whoever holds it.

    Processes forked meanwhile hold it too, until the last of them has ended.

    Args:
        path: the file; it stays where it is when the lock is freed.
        wait_seconds: how long to wait.
        busy: what to tell the user if another keeps it for longer.

    Raises:
        Conflict: another holder kept it for longer than ``wait_seconds``.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder) / "trips.lock"):
        ...     "alone"
        'alone'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_seconds
    try:
        while not acquired(handle):
            if time.monotonic() > deadline:
                message = busy or f"Another process holds the lock {path}."
                raise Conflict(message, hint="Wait for it to end, or stop it.")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def acquired(handle: int) -> bool:
    """Take the lock of an open file if it is free."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
