"""What a data file holds, in the words of Delta: lets readers skip files that cannot matter."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData, Statistics

Bound = int | float | str | None

# A double holds a decimal of so many digits exactly, and readers of JSON go through one.
EXACT_DIGITS = 15
LONGEST_TEXT = 64


def file_statistics(rows: pa.Table, written: FileMetaData) -> str:
    """Describe a file for its entry in the log.

    Columns that may hold NaN, which has no place in an order, get no bounds, nor do long texts.

    Args:
        rows: what was written.
        written: what the Parquet writer noted of it.

    Example:
        >>> import io
        >>> import pyarrow.parquet as pq
        >>> rows, notes = pa.table({"a": [3, None, 1]}), []
        >>> pq.write_table(rows, io.BytesIO(), metadata_collector=notes)
        >>> file_statistics(rows, notes[0])
        '{"numRecords": 3, "minValues": {"a": 1}, "maxValues": {"a": 3}, "nullCount": {"a": 1}}'
    """
    lows: dict[str, Bound] = {}
    highs: dict[str, Bound] = {}
    for name, parts in _noted(written).items():
        if name not in rows.column_names or not _ordered(rows[name]):
            continue
        low, high = _bounds(parts)
        if low is not None and high is not None:
            lows[name], highs[name] = low, high
    nulls = {name: rows[name].null_count for name in rows.column_names}
    return json.dumps(
        {"numRecords": rows.num_rows, "minValues": lows, "maxValues": highs, "nullCount": nulls}
    )


def _noted(written: FileMetaData) -> dict[str, list[Statistics]]:
    """Collect the statistics of each plain column that has them in all its row groups."""
    found: dict[str, list[Statistics]] = {}
    gaps = set()
    for number in range(written.num_row_groups):
        group = written.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            noted = column.statistics
            if noted is not None and noted.has_min_max:
                found.setdefault(column.path_in_schema, []).append(noted)
            elif noted is None or noted.null_count != column.num_values:
                gaps.add(column.path_in_schema)
    return {name: parts for name, parts in found.items() if name not in gaps}


def _ordered(column: pa.ChunkedArray[Any]) -> bool:
    """Tell whether bounds mean the same to every reader."""
    if pa.types.is_decimal(column.type):
        return bool(column.type.precision <= EXACT_DIGITS)
    if pa.types.is_floating(column.type):
        return not pc.any(pc.is_nan(column)).as_py()
    return bool(
        pa.types.is_integer(column.type)
        or pa.types.is_string(column.type)
        or pa.types.is_timestamp(column.type)
        or pa.types.is_date32(column.type)
    )


def _bounds(parts: list[Statistics]) -> tuple[Bound, Bound]:
    """Return the least and the greatest value; none for times that no datetime holds."""
    try:
        lows: list[Any] = [part.min for part in parts]
        highs: list[Any] = [part.max for part in parts]
        return _bound(min(lows)), _bound(max(highs))
    except (OverflowError, ValueError):
        return None, None


def _bound(value: object) -> Bound:
    """Write a bound as Delta does, or None where it cannot."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        return text + ("Z" if value.tzinfo else "")
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, int) else None
