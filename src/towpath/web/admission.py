"""A short queue before the work: what would wait too long is turned away at once.

Work runs on the event loop, one piece at a time. After a millisecond of it the loop gets a turn,
so that requests which arrived meanwhile are queued or refused while they are still young.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

from towpath.web.problem import Busy

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

TURN_SECONDS = 0.001


class Admission:
    """Runs pieces of work, first come first served.

    Args:
        limit: how many may wait.
        turn_seconds: after how long the loop gets a turn.

    Example:
        >>> asyncio.run(Admission(limit=1).run(str.upper, "done"))
        'DONE'
    """

    def __init__(self, *, limit: int, turn_seconds: float = TURN_SECONDS) -> None:
        """Start with an empty queue."""
        self._limit = limit
        self._turn_seconds = turn_seconds
        self._begun = 0.0
        self._closed = False
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
        if self._closed and len(self._waiting) >= self._limit:
            message = f"The server is busy: {self._limit} requests wait already."
            raise Busy(message, hint="Send the request again after a second.")

    async def run(self, work: Callable[..., T], *given: object) -> T:
        """Do a piece of work, at once or when it is its turn.

        Args:
            work: is done on the event loop.
            given: what it is called with.

        Raises:
            Busy: the queue is full.
        """
        if self._closed:
            await self._turn()
        try:
            return work(*given)
        finally:
            self._leave()

    async def _turn(self) -> None:
        """Wait in the queue."""
        self.check()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._pass_on()
            raise

    def _leave(self) -> None:
        """Let the next one in, after the loop has looked at what arrived if it is time for that."""
        if perf_counter() - self._begun >= self._turn_seconds:
            self._closed = True
            asyncio.get_running_loop().call_soon(self._next_turn)
        elif self._closed:
            self._pass_on()

    def _next_turn(self) -> None:
        """Begin to count anew."""
        self._begun = perf_counter()
        self._pass_on()

    def _pass_on(self) -> None:
        """Wake the first that still waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._closed = False
