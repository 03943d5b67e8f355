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
        limit: how many run at once; as many more may wait.

    Example:
        >>> asyncio.run(Threads(1).run(lambda: "done"))
        'done'
    """

    def __init__(self, limit: int) -> None:
        """Start without a thread."""
        self._limit = limit
        self._pool: ThreadPoolExecutor | None = None
        self.running = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Do a piece of work in a thread.

        Raises:
            Busy: too much waits already.
        """
        if self.running >= 2 * self._limit:
            message = f"The server is busy: {self._limit} requests wait for the disk already."
            raise Busy(message, hint="Send the request again after a second.")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._limit, thread_name_prefix="request")
        self.running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self.running -= 1
