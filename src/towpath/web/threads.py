"""Work that waits for a disk or a server, beside the event loop: so much at once, and no more."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from towpath.web.problem import Busy

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


class Threads:
    """Runs pieces of work in threads.

    Args:
        limit: how many run at once.
        waiting: how many more may wait; as many by default.
    """

    def __init__(self, limit: int, *, waiting: int | None = None) -> None:
        """Start without a thread."""
        self._limit = limit
        self._most = limit + (limit if waiting is None else waiting)
        self._pool: ThreadPoolExecutor | None = None
        self.running = 0

    @property
    def waiting(self) -> int:
        """How many wait at present."""
        return max(0, self.running - self._limit)

    def check(self) -> None:
        """Refuse early, before a body is read.

        Raises:
            Busy: too much waits already.
        """
        if self.running >= self._most:
            message = f"The server is busy: {self.waiting} requests wait already."
            raise Busy(message, hint="Send the request again after a second.")

    def run(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Do a piece of work in a thread.

        Args:
            work: what is done; it does not raise.
            done: called on the event loop with what it returned.

        Raises:
            Busy: too much waits already.
        """
        self.check()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._limit, thread_name_prefix="request")
        self.running += 1
        loop = asyncio.get_running_loop()

        def end(found: T) -> None:
            self.running -= 1
            done(found)

        def begin() -> None:
            found = work()
            # The loop may have stopped meanwhile: then nobody waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(end, found)

        try:
            self._pool.submit(begin)
        except BaseException:
            self.running -= 1
            raise
