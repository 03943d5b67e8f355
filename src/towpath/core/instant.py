"""Times and spans: aware UTC datetimes at the edges, int64 microseconds inside engines."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from towpath.core.errors import Invalid, cut

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LONGEST = timedelta(weeks=52_000)
# More digits than the longest span has seconds.
DIGITS = 12
SPAN_PART = re.compile(r"(\d+)(w|d|h|m|s)")
SPAN_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


def to_micros(instant: datetime) -> int:
    """Count microseconds since 1970-01-01 UTC.

    Raises:
        Invalid: the datetime is naive.

    Example:
        >>> to_micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
        1000000
    """
    if instant.tzinfo is None:
        message = f"The time {instant.isoformat()} has no time zone."
        raise Invalid(message, hint="Give it one, such as 2013-10-01T00:00:00Z.")
    return (instant - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Turn microseconds since 1970-01-01 UTC into an aware datetime.

    Example:
        >>> from_micros(1_000_000).isoformat()
        '1970-01-01T00:00:01+00:00'
    """
    return EPOCH + timedelta(microseconds=micros)


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 time with its zone; a bare date is midnight UTC.

    Raises:
        Invalid: not a time, or a time of day without a zone.

    Example:
        >>> parse_instant("2013-10-01").isoformat()
        '2013-10-01T00:00:00+00:00'
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is not a time."
        raise Invalid(message, hint="Write it as 2013-10-01 or 2013-10-01T08:30:00Z.") from None
    if instant.tzinfo is None and len(text) == len("2013-10-01"):
        return instant.replace(tzinfo=UTC)
    to_micros(instant)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        message = f"{text!r} is no time between the years 1 and 9999 of UTC."
        raise Invalid(message, hint="Give another.") from None


def format_instant(instant: datetime) -> str:
    """Write a time as ISO 8601 in UTC with a trailing Z.

    Example:
        >>> format_instant(EPOCH)
        '1970-01-01T00:00:00Z'
    """
    to_micros(instant)
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_span(text: str) -> timedelta:
    """Read a span such as ``3h``, ``30d`` or ``1d12h``.

    Raises:
        Invalid: the text is not a span, or the span is zero or longer than 52 000 weeks.

    Example:
        >>> parse_span("1d12h")
        datetime.timedelta(days=1, seconds=43200)
    """
    parts = SPAN_PART.findall(text)
    if "".join(count + unit for count, unit in parts) != text or not text:
        message = f"{cut(text)!r} is not a span of time."
        raise Invalid(message, hint="Write it as 45s, 30m, 3h, 7d, 2w or 1d12h.")
    seconds = sum(
        int(count.lstrip("0")[:DIGITS] or 0) * int(SPAN_UNITS[unit].total_seconds())
        for count, unit in parts
    )
    if not 0 < seconds <= LONGEST.total_seconds():
        message = f"{cut(text)!r} is too long or too short for a span of time."
        raise Invalid(message, hint=f"Write one of 1s to {LONGEST.days}d.")
    return timedelta(seconds=seconds)


def format_span(span: timedelta) -> str:
    """Write a span in the form that ``parse_span`` reads, largest unit first.

    Weeks are written as days, so that ``7d`` stays ``7d``.

    Example:
        >>> format_span(timedelta(hours=36))
        '1d12h'
    """
    rest, text = span, ""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, SPAN_UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text
