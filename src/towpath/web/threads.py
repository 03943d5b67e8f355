"""Work that waits for a disk or a server, beside the event loop: so much at once, and no more."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
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

    Example:
        >>> asyncio.run(Threads(1).run(lambda: "done"))
        'done'
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

    async def run(self, work: Callable[[], T]) -> T:
        """Do a piece of work in a thread.

        Raises:
            Busy: too much waits already.
        """
        self.check()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._limit, thread_name_prefix="request")
        self.running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _done, work)
        finally:
            self.running -= 1


def _done(work: Callable[[], T]) -> T:
    """Do a piece of work; a future takes no StopIteration, and would be waited for in vain."""
    try:
        return work()
    except StopIteration as error:
        message = "the work ended by StopIteration"
        raise RuntimeError(message) from error
