"""Several processes that answer at one port; one more, which opened nothing, looks after them."""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

# A worker that ends sooner than this is not started again: it would end again.
SHORTEST_LIFE = 5.0
LOOK_SECONDS = 0.2
URL_BYTES = 4096

logger = logging.getLogger(__name__)


@contextmanager
def forked(count: int, ready: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Go on in each of several workers; the process that was there waits for them and exits.

    It passes SIGTERM and SIGINT on, starts a worker again that dies, and ends with the code of the
    first one that failed. With one worker nothing is forked.

    Args:
        count: how many workers.
        ready: called once with the URL, here, when every worker has called what it is given.

    Yields:
        what a worker calls with the URL when it answers.
    """
    if count == 1:
        yield ready
        return
    heard, told = os.pipe()
    supervisor = Supervisor(heard, told, ready)
    if supervisor.run(count):
        sys.exit(supervisor.code)
    os.close(heard)
    yield lambda url: _tell(told, url)


class Supervisor:
    """Looks after the workers.

    Args:
        heard: where workers are heard.
        told: where they tell that they answer.
        ready: called once when all do.

    Attributes:
        code: with which to exit.
    """

    def __init__(self, heard: int, told: int, ready: Callable[[str], None]) -> None:
        """Start without workers."""
        self.code = 0
        self._heard = heard
        self._told = told
        self._ready = ready
        self._born: dict[int, float] = {}
        self._stopping = False

    def run(self, count: int) -> bool:
        """Fork, and look after what was forked; tell whether this is still the supervisor."""
        for _ in range(count):
            if self._fork():
                return False
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._stop)
        waiting = count
        while self._born:
            waiting = self._listen(waiting)
            if self._look():
                return False
        return True

    def _fork(self) -> bool:
        """Start a worker; tell whether this is it."""
        number = os.fork()
        if number:
            self._born[number] = time.monotonic()
            return False
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
            number, status = os.waitpid(-1, os.WNOHANG)
            if not number:
                return False
            lived = time.monotonic() - self._born.pop(number, 0.0)
            code = os.waitstatus_to_exitcode(status)
            if self._stopping:
                continue
            if code > 0 or lived < SHORTEST_LIFE:
                self.code = self.code or abs(code)
                self._stop()
                continue
            logger.error("worker %s ended with %s and is started again", number, code)
            if self._fork():
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
