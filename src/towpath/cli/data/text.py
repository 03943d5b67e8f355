"""What people type for versions and names, and how sizes and shares are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.core.errors import Invalid

if TYPE_CHECKING:
    from datetime import datetime

STEP = 1000
UNITS = ("B", "kB", "MB", "GB", "TB")
SHORT = 10
COUNT = click.IntRange(0, 1_000_000)
VERSION_DIGITS = 18
VERSION = click.IntRange(0, 10**VERSION_DIGITS - 1)
SHOWN_TEXT = 16


def moment(text: str) -> datetime | None:
    """Read a time that may be left out."""
    from towpath.core.instant import parse_instant

    return parse_instant(text) if text else None


def version_or_time(text: str) -> int | datetime | None:
    """Read a version's number, or a time, either of which may be left out.

    Example:
        >>> version_or_time("3")
        3
    """
    if not text.isdecimal():
        return moment(text)
    if len(text) > VERSION_DIGITS:
        raise Invalid("There is no version of so many digits.", hint="Run: towpath data history")
    return int(text)


def names(text: str) -> tuple[str, ...]:
    """Split names at commas.

    Example:
        >>> names("carrier, origin")
        ('carrier', 'origin')
    """
    return tuple(one.strip() for one in text.split(",") if one.strip())


def share(part: int, whole: int) -> str:
    """Write a part of a whole in per cent; one that is small but there is not nothing.

    Example:
        >>> share(0, 10), share(1, 3), share(1, 10_000)
        ('', '33%', '<1%')
    """
    if not part:
        return ""
    per_cent = 100 * part / whole
    return "<1%" if per_cent < 1 else f"{per_cent:.0f}%"


def size(number: int | None) -> str:
    """Write a number of bytes.

    Example:
        >>> size(900), size(1_536_000), size(None)
        ('900 B', '1.5 MB', '')
    """
    if number is None:
        return ""
    value, place = float(number), 0
    while value >= STEP and place + 1 < len(UNITS):
        value, place = value / STEP, place + 1
    digits = 1 if place and value < SHORT else 0
    return f"{value:.{digits}f} {UNITS[place]}"


def short(text: str, length: int) -> str:
    """Cut a text in its middle, where it tells least.

    Example:
        >>> short("data/2013/flights-october.csv", 20)
        'data/2013/…ctober.csv'
    """
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]}…{text[-half:]}"


def cell(value: object, *, length: int = SHOWN_TEXT) -> str:
    """Write a value briefly.

    Example:
        >>> cell(1234567), cell(0.123456789), cell(None), cell(True)
        ('1,234,567', '0.12346', '', 'true')
    """
    from datetime import datetime

    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return short(str(value), max(length, SHOWN_TEXT))
