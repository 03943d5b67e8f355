"""A limit of time for many short waits, with one timer for all of them."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

SWEEPS = 4


class Deadline:
    """Gives up waits that take longer than allowed, at most a quarter longer.

    Args:
        seconds: how long a wait may take.

    Example:
        >>> async def wait(deadline: Deadline) -> str:
        ...     begun = deadline.begin()
        ...     try:
        ...         return await asyncio.sleep(60, "done")
        ...     except asyncio.CancelledError:
        ...         return "late" if deadline.is_late(begun) else "cancelled"
        ...     finally:
        ...         deadline.end(begun)
        >>> asyncio.run(wait(Deadline(0.01)))
        'late'
    """

    def __init__(self, seconds: float) -> None:
        """Start with nothing to wait for."""
        self.seconds = seconds
        self._until: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Task[Any]:
        """Limit from now on how long the present task waits; it is cancelled when that is over."""
        task = asyncio.current_task()
        if task is None:
            message = "only a task of asyncio can have a limit of time"
            raise RuntimeError(message)
        self._until[task] = monotonic() + self.seconds
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.seconds / SWEEPS, self._sweep)
        return task

    def is_late(self, task: asyncio.Task[Any]) -> bool:
        """Tell whether a task was cancelled because it is late; then it goes on."""
        late = task in self._late
        if late:
            task.uncancel()
        return late

    def end(self, task: asyncio.Task[Any]) -> None:
        """Let a task take its time again."""
        del self._until[task]
        self._late.discard(task)

    def _sweep(self) -> None:
        """Cancel what is late; go on while anything waits."""
        loop = asyncio.get_running_loop()
        now = monotonic()
        for task, until in self._until.items():
            if until <= now and task not in self._late:
                self._late.add(task)
                task.cancel()
        again = self._until and not loop.is_closed()
        self._timer = loop.call_later(self.seconds / SWEEPS, self._sweep) if again else None
