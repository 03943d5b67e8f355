"""Values of a table as JSON knows them, short enough to be looked at."""

from __future__ import annotations

import math
from datetime import date, datetime

from towpath.core.instant import format_instant

Shown = str | int | float | bool

LENGTH = 120


def shown(value: object) -> Shown:
    """Return a value for a report.

    Times and dates become ISO text, decimals text, bytes hexadecimal digits, and numbers that are
    infinite text; a long text is cut.

    Example:
        >>> shown(date(2013, 10, 1)), shown(b"ab"), shown(float("inf")), shown(7)
        ('2013-10-01', '6162', 'inf', 7)
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        return format_instant(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, bytes):
        text = value[:LENGTH].hex()
    else:
        text = value.isoformat() if isinstance(value, date) else str(value)
    return text if len(text) <= LENGTH else f"{text[:LENGTH]}…"
