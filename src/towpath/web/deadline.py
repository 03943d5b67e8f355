"""A limit of time for many short waits, with one timer for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any, TypeVar

    T = TypeVar("T")

SWEEPS = 4


class Deadline:
    """Gives up waits that take longer than allowed, at most a quarter longer.

    Args:
        seconds: how long a wait may take.

    Example:
        >>> async def wait() -> None:
        ...     await Deadline(0.01).within(asyncio.sleep(60))
        >>> asyncio.run(wait())
        Traceback (most recent call last):
        TimeoutError
    """

    def __init__(self, seconds: float) -> None:
        """Start with nothing to wait for."""
        self.seconds = seconds
        self._until: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def within(self, wait: Awaitable[T]) -> T:
        """Wait, in the present task.

        Raises:
            TimeoutError: it took too long.
        """
        task = asyncio.current_task()
        if task is None:
            return await wait
        loop = asyncio.get_running_loop()
        self._until[task] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_later(self.seconds / SWEEPS, self._sweep)
        try:
            return await wait
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            del self._until[task]
            self._late.discard(task)

    def _sweep(self) -> None:
        """Cancel what is late; go on while anything waits."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for task, until in self._until.items():
            if until <= now and task not in self._late:
                self._late.add(task)
                task.cancel()
        again = self._until and not loop.is_closed()
        self._timer = loop.call_later(self.seconds / SWEEPS, self._sweep) if again else None
