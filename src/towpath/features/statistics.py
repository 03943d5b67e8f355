"""What the features of a training set hold: how full they are, their range, mean and spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.record import Record
from towpath.lake.shown import Shown, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.features.arrays import Column


class FeatureStatistics(Record, frozen=True):
    """What one feature holds.

    Args:
        name: the feature.
        dtype: its type.
        rows: how many rows there are.
        nulls: rows in which it is missing.
        minimum: least value of a number or time; texts are not told.
        maximum: greatest value.
        mean: mean of numbers, and share of true among flags.
        std: standard deviation of all rows (not of a sample).
    """

    name: str
    dtype: str
    rows: int
    nulls: int
    minimum: Shown | None = None
    maximum: Shown | None = None
    mean: float | None = None
    std: float | None = None

    @property
    def filled(self) -> float:
        """The share of rows that have a value; 1 of no rows.

        Example:
            >>> FeatureStatistics("car__km", "int64", rows=4, nulls=1).filled
            0.75
        """
        return 1.0 - self.nulls / self.rows if self.rows else 1.0


def measure(table: pa.Table, features: Mapping[str, str]) -> tuple[FeatureStatistics, ...]:
    """Measure the features of a table.

    Args:
        table: the rows.
        features: dtype by feature.

    Example:
        >>> (km,) = measure(pa.table({"km": [1, 3, None]}), {"km": "int64"})
        >>> (km.nulls, km.minimum, km.maximum, km.mean, km.std)
        (1, 1, 3, 2.0, 1.0)
    """
    return tuple(_measured(name, dtype, table[name]) for name, dtype in features.items())


def _measured(name: str, dtype: str, values: Column) -> FeatureStatistics:
    """Measure one feature."""
    found = FeatureStatistics(name, dtype, rows=len(values), nulls=values.null_count)
    kind = values.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    flag = pa.types.is_boolean(kind)
    if found.nulls == found.rows or not (number or flag or pa.types.is_timestamp(kind)):
        return found
    if number or flag:
        numbers: Any = values.cast(pa.float64(), safe=False)
        mean, std = pc.mean(numbers).as_py(), pc.stddev(numbers).as_py()
        found = found.replace(mean=float(mean), std=float(std))
    if flag:
        return found
    ends = pc.min_max(values)
    least, most = ends["min"].as_py(), ends["max"].as_py()
    return found.replace(minimum=shown(least), maximum=shown(most))
