"""A short queue before the work: what would wait too long is turned away at once.

Work runs on the event loop, one piece at a time. Between two pieces the loop gets a turn, so
that requests which arrive meanwhile are queued or refused while they are still young.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from towpath.web.problem import Busy

if TYPE_CHECKING:
    from types import TracebackType


class Admission:
    """An asynchronous context manager around each piece of work, first come first served.

    Args:
        limit: how many may wait.

    Example:
        >>> async def answer() -> str:
        ...     async with Admission(limit=1):
        ...         return "done"
        >>> asyncio.run(answer())
        'done'
    """

    def __init__(self, *, limit: int) -> None:
        """Start with an empty queue."""
        self._limit = limit
        self._busy = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait at present."""
        return len(self._waiting)

    def check(self) -> None:
        """Refuse early, before a body is read.

        Raises:
            Busy: the queue is full.
        """
        if self._busy and len(self._waiting) >= self._limit:
            message = f"The server is busy: {self._limit} requests wait already."
            raise Busy(message, hint="Send the request again after a second.")

    async def __aenter__(self) -> None:
        """Wait for a turn.

        Raises:
            Busy: the queue is full.
        """
        if not self._busy:
            self._busy = True
            return
        self.check()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._pass_on()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the turn to the next one, after the loop has looked at what arrived."""
        asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        """Wake the first that still waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False
