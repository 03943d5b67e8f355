"""What killed servers had only in the log of pushes, on its way into the online store."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from towpath.core.errors import TowpathError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

# So long a server that starts waits for it; the rest is done while it answers.
START_SECONDS = 10.0
AGAIN_SECONDS = 1.0
STOP_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Replay:
    """Replays the log in a thread, again as long as the store does not answer.

    No server waits for that: what was acknowledged is in the store, and in the log is besides
    only what was on its way when a server was killed. How much the log has depends on when it was
    flushed last, so the start does not wait for all of that either.

    Args:
        replay: does it; is given a function that tells when to stop.
        start_seconds: how long the start waits.
        again_seconds: time between tries.

    Example:
        >>> replay = Replay(lambda stopped: print("replayed"))
        >>> replay.start()
        replayed
        >>> replay.close()
    """

    def __init__(
        self,
        replay: Callable[[Callable[[], bool]], object],
        *,
        start_seconds: float = START_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        """Start nothing yet."""
        self._replay = replay
        self._start_seconds = start_seconds
        self._again_seconds = again_seconds
        self._tried = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="push-replay", daemon=True)

    def start(self) -> None:
        """Begin, and wait for the end of the first try, but not for long."""
        self._thread.start()
        if not self._tried.wait(self._start_seconds):
            logger.warning("the log of pushes is still being replayed while the server answers")

    def close(self) -> None:
        """Stop after the entry that is being replayed."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        """Try until it is done, or stopped."""
        try:
            done = self._is_done()
        finally:
            self._tried.set()
        while not done and not self._stopped.wait(self._again_seconds):
            done = self._is_done()

    def _is_done(self) -> bool:
        """Try once; what is not the store's fault would be so the next time too."""
        try:
            self._replay(self._stopped.is_set)
        except Unavailable as error:
            if not self._tried.is_set():
                logger.warning("the log of pushes is replayed once the store answers: %s", error)
            return False
        except (TowpathError, OSError):
            logger.exception("a part of the log of pushes cannot be replayed")
        return True
