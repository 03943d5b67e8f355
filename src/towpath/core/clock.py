"""The clock is passed in: the system's, or a simulated one that only moves when told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from towpath.core.errors import Invalid
from towpath.core.instant import format_instant, to_micros


class Clock(Protocol):
    """Tells the time. ``now`` is aware UTC and never goes back within one process."""

    def now(self) -> datetime:
        """Return the present time in UTC."""
        ...


class SystemClock:
    """The machine's clock.

    Example:
        >>> SystemClock().now().tzinfo == UTC
        True
    """

    def now(self) -> datetime:
        """Return the present time in UTC."""
        return datetime.now(UTC)


class SimulatedClock:
    """A clock that stands still until it is moved forward.

    Example:
        >>> from towpath.core.instant import parse_instant
        >>> clock = SimulatedClock(parse_instant("2013-10-01"))
        >>> clock.move_to(parse_instant("2013-10-02"))
        >>> clock.now().day
        2
    """

    def __init__(self, start: datetime) -> None:
        """Set the clock to ``start``."""
        to_micros(start)
        self._now = start

    def now(self) -> datetime:
        """Return the simulated time in UTC."""
        return self._now

    def move_to(self, instant: datetime) -> None:
        """Move the clock forward to ``instant``.

        Raises:
            Invalid: the instant is naive or lies before the present.
        """
        if to_micros(instant) < to_micros(self._now):
            message = f"A clock at {format_instant(self._now)} cannot go back."
            raise Invalid(message, hint="Start a new clock instead.")
        self._now = instant
