"""Pushed rows on their way into the lake while a server runs."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Literal

import msgspec

from towpath.core.drain import Draining
from towpath.core.instant import to_micros
from towpath.core.lock import acquired
from towpath.features.push_log import flush, oldest_waiting
from towpath.web.metrics import Counter, Gauge, OwnSheet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from towpath.core.clock import Clock
    from towpath.lake.lake import Lake
    from towpath.web.metrics import Sheet

LOCK = "flusher.lock"
# So long a server that stops waits for a batch that is on its way; what is left is flushed later.
STOP_SECONDS = 10.0
MICROSECONDS = 1_000_000
STAYS = "pushed rows could not be brought into the lake; they stay in the log"

logger = logging.getLogger(__name__)


class FlushStatus(msgspec.Struct, frozen=True):
    """How rows get from the log into the lake.

    Args:
        flush: ``off`` where this server does not do it, ``failing`` if the last try failed.
        failures: tries that failed since the server's start, of all its workers.
        oldest_waiting_seconds: age of the oldest entry that is not in the lake yet; 0 for none.
    """

    flush: Literal["on", "off", "failing"]
    failures: int
    oldest_waiting_seconds: float


class Flusher:
    """Brings pushed rows into the lake every so often, in a thread of one of the workers.

    A failure is logged and counted, and the next try comes as usual. Which worker does it is
    settled by a lock: another takes over when that one ends.

    Args:
        folder: the log.
        lake: opens the lake; called when there is something for it.
        seconds: time between tries; 0 for never.
        clock: tells how old entries are.
        sheet: where failures are counted for all workers.

    Attributes:
        failed: tries that failed.
        failing: whether the last one did; the sum over several workers says in how many.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.core.clock import SystemClock
        >>> def lake():
        ...     raise NotImplementedError("nothing waits")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     flusher = Flusher(Path(folder), lake, seconds=60, clock=SystemClock())
        ...     flusher.flush()
        ...     flusher.status()
        FlushStatus(flush='on', failures=0, oldest_waiting_seconds=0.0)
    """

    def __init__(
        self,
        folder: Path,
        lake: Callable[[], Lake],
        *,
        seconds: float,
        clock: Clock,
        sheet: Sheet | None = None,
    ) -> None:
        """Start nothing yet."""
        self._sheet = sheet or OwnSheet()
        self.failed = Counter(
            "feature_push_flush_failures_total",
            "Failed tries to bring rows into the lake.",
            sheet=self._sheet,
        )
        self.failing = Gauge(
            "feature_push_flush_failing",
            "Workers whose last try to bring rows into the lake failed.",
            sheet=self._sheet,
        )
        self.failed.add((), 0)
        self.failing.put(0)
        self._folder = folder
        self._lake = lake
        self._seconds = seconds
        self._clock = clock
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to flush, unless that is off."""
        if self._seconds:
            self._thread = threading.Thread(target=self._run, name="push-flush", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop after the batch that is on its way."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def flush(self) -> None:
        """Bring what waits into the lake; what another process is at is left to it."""
        try:
            if oldest_waiting(self._folder) is not None:
                flush(self._folder, self._lake(), stopped=self._stopped.is_set)
            self.failing.put(0)
        except Draining as error:
            logger.warning("pushed rows wait for another process: %s", error)
        except Exception:
            self._count_failure()
            logger.exception(STAYS)

    def status(self) -> FlushStatus:
        """Tell how it goes."""
        oldest = oldest_waiting(self._folder)
        age = 0.0
        if oldest is not None:
            age = max(to_micros(self._clock.now()) - oldest, 0) / MICROSECONDS
        failures = int(self._sum(self.failed))
        state: Literal["on", "failing"] = "failing" if self._sum(self.failing) else "on"
        return FlushStatus(state if self._seconds else "off", failures, age)

    def _run(self) -> None:
        """Flush until stopped, once it is this worker's turn."""
        handle: int | None = None
        while not self._stopped.wait(self._seconds):
            if handle is None:
                handle = self._turn()
            if handle is not None:
                self.flush()
        if handle is not None:
            os.close(handle)

    def _turn(self) -> int | None:
        """Take the lock; None where another worker has it, or it cannot be opened yet."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            self._count_failure()
            logger.exception(STAYS)
            return None
        self.failing.put(0)
        if acquired(handle):
            return handle
        os.close(handle)
        return None

    def _count_failure(self) -> None:
        """Count a try that failed, for all workers."""
        self.failed.add()
        self.failing.put(1)

    def _sum(self, metric: Counter) -> float:
        """Return a number of all workers."""
        return sum(sum(found) for found in self._sheet.sums(metric.name).values())
