"""Several processes that answer at one port; one more, which opened nothing, looks after them."""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

# A worker that ends sooner than this is not started again: it would end again.
SHORTEST_LIFE = 5.0
LOOK_SECONDS = 0.2
URL_BYTES = 4096

logger = logging.getLogger(__name__)


class Worker(NamedTuple):
    """What a worker knows of itself.

    Args:
        number: its place among the workers, from 0; the one that is started in the place of one
            that died has the same.
        announce: to be called with the URL when it answers.
    """

    number: int
    announce: Callable[[str], None]


@contextmanager
def forked(count: int, ready: Callable[[str], None]) -> Iterator[Worker]:
    """Go on in each of several workers; the process that was there waits for them and exits.

    It passes SIGTERM and SIGINT on, starts a worker again that dies, and ends with the code of the
    first one that failed. With one worker nothing is forked.

    Args:
        count: how many workers.
        ready: called once with the URL, here, when every worker has called what it is given.

    Yields:
        which worker this is.
    """
    if count == 1:
        yield Worker(0, ready)
        return
    heard, told = os.pipe()
    supervisor = Supervisor(heard, told, ready)
    if supervisor.run(count):
        sys.exit(supervisor.code)
    os.close(heard)
    yield Worker(supervisor.number, lambda url: _tell(told, url))


class Supervisor:
    """Looks after the workers.

    Args:
        heard: where workers are heard.
        told: where they tell that they answer.
        ready: called once when all do.

    Attributes:
        code: with which to exit.
        number: in a worker, which it is.
    """

    def __init__(self, heard: int, told: int, ready: Callable[[str], None]) -> None:
        """Start without workers."""
        self.code = 0
        self.number = 0
        self._heard = heard
        self._told = told
        self._ready = ready
        # By process: which worker it is, and since when.
        self._born: dict[int, tuple[int, float]] = {}
        self._stopping = False

    def run(self, count: int) -> bool:
        """Fork, and look after what was forked; tell whether this is still the supervisor."""
        for number in range(count):
            if self._fork(number):
                return False
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._stop)
        waiting = count
        while self._born:
            waiting = self._listen(waiting)
            if self._look():
                return False
        return True

    def _fork(self, number: int) -> bool:
        """Start a worker; tell whether this is it."""
        process = os.fork()
        if process:
            self._born[process] = (number, time.monotonic())
            return False
        self.number = number
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_DFL)
        return True

    def _listen(self, waiting: int) -> int:
        """Hear a worker that answers; return how many do not yet."""
        if not select.select([self._heard], [], [], LOOK_SECONDS)[0]:
            return waiting
        said = os.read(self._heard, URL_BYTES).decode().split()
        if 0 < waiting <= len(said):
            self._ready(said[0])
        return waiting - len(said)

    def _look(self) -> bool:
        """See who ended, and start it again; tell whether this is the new one."""
        while self._born:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return False
            number, born = self._born.pop(process)
            code = os.waitstatus_to_exitcode(status)
            if self._stopping:
                continue
            if code > 0 or time.monotonic() - born < SHORTEST_LIFE:
                self.code = self.code or abs(code)
                self._stop()
                continue
            logger.error("worker %s ended with %s and is started again", process, code)
            if self._fork(number):
                return True
        return False

    def _stop(self, number: int = signal.SIGTERM, _: FrameType | None = None) -> None:
        """Ask all workers to end."""
        self._stopping = True
        for one in self._born:
            os.kill(one, number)


def _tell(told: int, url: str) -> None:
    """Say that this worker answers."""
    os.write(told, f"{url}\n".encode())
