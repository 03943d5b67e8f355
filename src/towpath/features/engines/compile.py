"""A view in the form that the kernel reads: numbered columns and one row of numbers a feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from towpath.core.instant import MICROSECOND
from towpath.core.record import Record, fingerprint
from towpath.features.engines import kernel
from towpath.features.view import Aggregate, FeatureView, Latest

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYOUT_DIGITS = 14
FUNCTIONS = {
    "count": kernel.COUNT,
    "sum": kernel.SUM,
    "mean": kernel.MEAN,
    "min": kernel.MIN,
    "max": kernel.MAX,
}


class CompiledView(Record, frozen=True):
    """What the kernel needs to know of a view.

    Args:
        columns: value columns of the source, in the order in which the kernel numbers them.
        dtypes: their types.
        names: the features' names.
        results: the features' types.
        specs: int64 [features, 5], a row for each feature as ``kernel.sweep`` reads it.
        reach: how far back from its time a feature looks at most, in microseconds.
        unlimited: whether a latest value of any age counts.
        layout: identifies the view with its columns and their types, in 56 bits.
    """

    columns: tuple[str, ...]
    dtypes: tuple[str, ...]
    names: tuple[str, ...]
    results: tuple[str, ...]
    specs: npt.NDArray[np.int64]
    reach: int
    unlimited: bool
    layout: int


def compile_view(view: FeatureView, dtypes: Mapping[str, str]) -> CompiledView:
    """Number a view's columns and features; ``dtypes`` are those of the source's columns.

    Example:
        >>> from datetime import timedelta
        >>> view = FeatureView("c", "trips", ("car",), (Aggregate("sum", "km", timedelta(days=1)),))
        >>> compile_view(view, {"car": "string", "km": "int64"}).results
        ('int64',)
    """
    columns = tuple(dict.fromkeys(one.column for one in view.features if one.column))
    specs = np.array([_spec(one, view, columns, dtypes) for one in view.features], dtype=np.int64)
    types = tuple(dtypes[name] for name in columns)
    latest = any(isinstance(one, Latest) for one in view.features)
    return CompiledView(
        columns=columns,
        dtypes=types,
        names=tuple(one.name for one in view.features),
        results=tuple(_result(one, dtypes) for one in view.features),
        specs=specs,
        reach=max(0, int(specs[:, kernel.WIDTH].max())),
        unlimited=latest and view.ttl is None,
        layout=int(fingerprint([_undescribed(view), types])[:LAYOUT_DIGITS], 16),
    )


def _undescribed(view: FeatureView) -> FeatureView:
    """Return a view without what does not change its values."""
    return view.replace(description="", owner="")


def _spec(
    feature: Aggregate | Latest,
    view: FeatureView,
    columns: tuple[str, ...],
    dtypes: Mapping[str, str],
) -> list[int]:
    """Write one feature as numbers."""
    column = columns.index(feature.column) if feature.column else kernel.ALL_ROWS
    real = int(dtypes.get(feature.column) == "float64")
    if isinstance(feature, Latest):
        width = kernel.NO_LIMIT if view.ttl is None else view.ttl // MICROSECOND
        return [kernel.LATEST, column, width, 0, real]
    width = feature.window // MICROSECOND
    return [FUNCTIONS[feature.function], column, width, int(feature.exclude_current), real]


def _result(feature: Aggregate | Latest, dtypes: Mapping[str, str]) -> str:
    """Return the type of a feature."""
    if isinstance(feature, Latest):
        return dtypes[feature.column]
    if feature.function == "mean":
        return "float64"
    real = feature.function != "count" and dtypes[feature.column] == "float64"
    return "float64" if real else "int64"
