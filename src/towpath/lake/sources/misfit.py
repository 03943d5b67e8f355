"""Says that a value is of another type than its column."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from towpath.core.errors import Contract, Invalid, TowpathError

if TYPE_CHECKING:
    from towpath.lake.dataset import Column

WHOLE = re.compile(r"\s*[+-]?\d+\s*")
SHOWN = 80
MEND = "Mend the data or the contract."


def misfit(column: Column, text: str, *, where: str, line: int, hint: str = "") -> TowpathError:
    """Make the error for a value that does not fit.

    Args:
        column: the contract's column.
        text: the value as it is written.
        where: file and line, or the row of a table.
        line: number of the line or row.
        hint: what to do, where the caller knows.

    Example:
        >>> from towpath.lake.dataset import Column
        >>> str(misfit(Column("id", "int64"), "x", where="trips.csv:2", line=2))
        "trips.csv:2: Column 'id' holds 'x', which is not int64. Mend the data or the contract."
    """
    shown = repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
    if column.dtype == "timestamp" and lacks_zone(text):
        message = f"Column {column.name!r} holds the time {shown}, which has no time zone."
        hint = "Write it as 2013-10-01T08:30:00Z."
        return Invalid(message, where=where, hint=hint, line=line, column=column.name)
    if column.dtype == "int64" and WHOLE.fullmatch(text):
        hint = hint or "It is too large for 64 bits; a decimal(38,0) or a string would hold it."
    message = f"Column {column.name!r} holds {shown}, which is not {column.dtype}."
    return Contract(
        message,
        where=where,
        hint=hint or MEND,
        line=line,
        column=column.name,
        value=text[:SHOWN],
    )


def lacks_zone(text: str) -> bool:
    """Tell whether a text is a time without a zone.

    Example:
        >>> lacks_zone("2013-10-01 08:30:00"), lacks_zone("2013-10-01 08:30:00Z")
        (True, False)
    """
    try:
        return datetime.fromisoformat(text.strip()).tzinfo is None
    except ValueError:
        return False
