"""Functions of times with NumPy: microseconds since 1970 UTC on the Gregorian calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.features.expression.vector import DAY, MOST_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.features.expression.vector import Array, Mask

    Checked = tuple[Array, Mask]

HOUR, MINUTE, SECOND = DAY // 24, 60_000_000, 1_000_000
# 1970-01-01 was a Thursday.
THURSDAY = 3
LEAST = -(2**63)


def _whole(moments: Array) -> Array:
    """Return what counts units since 1970 as whole numbers."""
    whole: Array = moments.astype(np.int64)
    return whole


def _days(times: Array) -> Array:
    """Return the day of each time, counted from 1970."""
    return times // DAY


def _start(days: Array, unit: str) -> Array:
    """Return the first day of the month or year that each day is in."""
    return _whole(days.astype("M8[D]").astype(f"M8[{unit}]").astype("M8[D]"))


def _year(times: Array) -> Array:
    """Return the year."""
    return _whole(_days(times).astype("M8[D]").astype("M8[Y]")) + 1970


def _month(times: Array) -> Array:
    """Return the month."""
    return _whole(_days(times).astype("M8[D]").astype("M8[M]")) % 12 + 1


def _week(times: Array) -> Array:
    """Return the week by ISO 8601: that of the year in which its Thursday lies."""
    days = _days(times)
    thursday = days - (days + THURSDAY) % 7 + THURSDAY
    week: Array = (thursday - _start(thursday, "Y")) // 7 + 1
    return week


def _isodow(times: Array) -> Array:
    """Return the day of the week, Monday as 1."""
    return (_days(times) + THURSDAY) % 7 + 1


def _quarter_start(days: Array) -> Array:
    """Return the first day of the quarter."""
    months = _whole(days.astype("M8[D]").astype("M8[M]"))
    return _whole((months - months % 3).astype("M8[M]").astype("M8[D]"))


def _start_of(start: Callable[[Array], Array]) -> Callable[[Array], Checked]:
    """Make a function that gives the start of the time's day, week and so on, if it fits."""

    def truncate(times: Array) -> Checked:
        days = start(_days(times))
        return days * DAY, days >= -MOST_DAYS

    return truncate


def _hour_start(times: Array) -> Checked:
    """Return the start of the hour, if it fits."""
    rest = times % HOUR
    return times - rest, times >= LEAST + rest


FUNCTIONS: dict[str, Callable[..., Array | Checked]] = {
    "year": _year,
    "quarter": lambda times: (_month(times) + 2) // 3,
    "month": _month,
    "day": lambda times: _days(times) - _start(_days(times), "M") + 1,
    "hour": lambda times: times % DAY // HOUR,
    "minute": lambda times: times % HOUR // MINUTE,
    "second": lambda times: times % MINUTE // SECOND,
    "isodow": _isodow,
    "dayofyear": lambda times: _days(times) - _start(_days(times), "Y") + 1,
    "week": _week,
    "epoch_us": lambda times: times,
    "date_trunc hour": _hour_start,
    "date_trunc day": _start_of(lambda days: days),
    "date_trunc week": _start_of(lambda days: days - (days + THURSDAY) % 7),
    "date_trunc month": _start_of(lambda days: _start(days, "M")),
    "date_trunc quarter": _start_of(_quarter_start),
    "date_trunc year": _start_of(lambda days: _start(days, "Y")),
}
