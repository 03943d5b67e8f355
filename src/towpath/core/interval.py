"""A half-open interval of time."""

from __future__ import annotations

from datetime import datetime, timedelta

from towpath.core.errors import Invalid
from towpath.core.instant import format_instant, to_micros
from towpath.core.record import Record


class Interval(Record, frozen=True):
    """The times ``start <= t < end``.

    Raises:
        Invalid: an end that is naive, or a start after the end.

    Example:
        >>> from towpath.core.instant import parse_instant
        >>> march = Interval(parse_instant("2013-03-01"), parse_instant("2013-04-01"))
        >>> parse_instant("2013-04-01") in march
        False
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Check order and zones once, at construction."""
        if to_micros(self.start) > to_micros(self.end):
            message = f"The interval {self} ends before it starts."
            raise Invalid(message, hint="Swap the two times.")

    def __contains__(self, instant: datetime) -> bool:
        """Tell whether the instant lies in the interval."""
        return self.start <= instant < self.end

    def __str__(self) -> str:
        """Write both ends."""
        return f"[{format_instant(self.start)}, {format_instant(self.end)})"

    def split(self, step: timedelta) -> tuple[Interval, ...]:
        """Cut the interval into consecutive pieces of at most ``step``.

        Example:
            >>> from towpath.core.instant import parse_instant
            >>> day = Interval(parse_instant("2013-03-01"), parse_instant("2013-03-02"))
            >>> len(day.split(timedelta(hours=7)))
            4
        """
        pieces: list[Interval] = []
        start = self.start
        while start < self.end:
            end = min(start + step, self.end)
            pieces.append(Interval(start, end))
            start = end
        return tuple(pieces)
