"""A short queue before the work: what would wait too long is turned away at once.

Work runs on the event loop. What arrives together waits until the loop has looked at all that
arrived, so that it can be done together; no timer holds it back. After a millisecond of work the
loop gets a turn, so that requests which arrived meanwhile are queued or refused while they are
still young.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from towpath.web.problem import Busy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from towpath.web.message import Asker, Request
    from towpath.web.route import Route

TURN_SECONDS = 0.001
# So much is done together at most: a large request gains nothing by company.
MOST_TOGETHER = 32
BYTES_TOGETHER = 8192


class Waiting(NamedTuple):
    """A request that is let in.

    Args:
        route: what answers it.
        request: the request.
        asker: who waits for the answer.
    """

    route: Route
    request: Request
    asker: Asker


class Admission:
    """Does pieces of work of one route together, first come first served.

    Args:
        work: does some that have one route; it does not raise.
        limit: how many may wait while work is done.
        turn_seconds: after how long the loop gets a turn.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Waiting]], None],
        *,
        limit: int,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        """Start with an empty queue."""
        self._work = work
        self._limit = limit
        self._turn_seconds = turn_seconds
        self._begun = 0.0
        self._closed = False
        self._called = False
        self._queue: deque[Waiting] = deque()

    @property
    def waiting(self) -> int:
        """How many wait at present."""
        return len(self._queue)

    def check(self) -> None:
        """Refuse early, before a body is read.

        Raises:
            Busy: the queue is full.
        """
        if self._closed and len(self._queue) >= self._limit:
            message = f"The server is busy: {self._limit} requests wait already."
            raise Busy(message, hint="Send the request again after a second.")

    def add(self, one: Waiting) -> None:
        """Let a request in, whose turn comes after the loop has looked at what else arrived.

        Raises:
            Busy: the queue is full.
        """
        self.check()
        self._queue.append(one)
        if not self._called:
            self._called = True
            self._begun = perf_counter()
            asyncio.get_running_loop().call_soon(self._next_turn)
        elif len(self._queue) >= MOST_TOGETHER and not self._closed:
            self._go_on()

    def _next_turn(self) -> None:
        """Begin to count anew."""
        self._called = self._closed = False
        self._begun = perf_counter()
        self._go_on()

    def _go_on(self) -> None:
        """Work until the loop's turn comes."""
        try:
            while self._queue and not self._closed:
                some = self._some()
                if some:
                    self._work(some)
                self._closed = perf_counter() - self._begun >= self._turn_seconds
        finally:
            if (self._closed or self._queue) and not self._called:
                self._called = True
                asyncio.get_running_loop().call_soon(self._next_turn)

    def _some(self) -> Sequence[Waiting]:
        """Take what is next and can be done together, but for those that have gone."""
        route, size = self._queue[0].route, 0
        some: list[Waiting] = []
        most = MOST_TOGETHER if route.together else 1
        while self._queue and len(some) < most and self._queue[0].route is route:
            size += len(self._queue[0].request.body)
            if some and size > BYTES_TOGETHER:
                break
            one = self._queue.popleft()
            if not one.asker.gone:
                some.append(one)
        return some
