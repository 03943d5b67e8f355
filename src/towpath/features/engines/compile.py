"""A view in the form that the kernel reads: numbered columns and one row of numbers a feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from towpath.core.instant import MICROSECOND
from towpath.core.record import Record, fingerprint
from towpath.features.engines.kernel import form
from towpath.features.feature_dtype import feature_dtype, scale_of, whole_value
from towpath.features.view import Aggregate, FeatureView, Latest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

LAYOUT_DIGITS = 14
# The number of no string, for a share of one that does not occur.
NO_STRING = -1
FUNCTIONS = {
    "count": form.COUNT,
    "sum": form.SUM,
    "mean": form.MEAN,
    "min": form.MIN,
    "max": form.MAX,
    "std": form.STD,
    "first": form.FIRST,
    "last": form.LAST,
    "last_k": form.LAST,
    "distinct": form.DISTINCT,
    "share": form.SHARE,
}


class CompiledView(Record, frozen=True):
    """What the kernel needs to know of a view.

    Args:
        columns: value columns of the source, in the order in which the kernel numbers them.
        dtypes: their types.
        names: the features' names.
        results: the features' types.
        scales: for each feature the power of ten that its result is yet to be divided by.
        specs: int64 [features, facts], a row for each feature as ``kernel.form`` says.
        windows: int64 [windows, 2], likewise.
        slots: how many results there are for each label: one a feature, ``k`` for a last_k.
        reach: how far back from its time a feature looks at most, in microseconds; ``NO_LIMIT``
            if some aggregate is over the lifetime.
        unlimited: whether a latest value of any age counts.
        layout: identifies the view with its columns and their types, in 56 bits.
    """

    columns: tuple[str, ...]
    dtypes: tuple[str, ...]
    names: tuple[str, ...]
    results: tuple[str, ...]
    scales: tuple[int, ...]
    specs: npt.NDArray[np.int64]
    windows: npt.NDArray[np.int64]
    slots: int
    reach: int
    unlimited: bool
    layout: int


def compile_view(view: FeatureView, dtypes: Mapping[str, str]) -> CompiledView:
    """Number a view's columns and features; ``dtypes`` are those of the columns as it names them.

    Raises:
        Invalid: a function cannot be computed of a column of that type.

    Example:
        >>> from datetime import timedelta
        >>> view = FeatureView("c", "trips", ("car",), (Aggregate("sum", "km", timedelta(days=1)),))
        >>> compile_view(view, {"car": "string", "km": "int64"}).results
        ('int64',)
    """
    columns = view.used
    wanted = [_window(feature, view) for feature in view.features]
    # Windows that end alike stand together: the kernel finds their ends once.
    windows = sorted(set(wanted), key=lambda window: window[::-1])
    results = tuple(
        feature_dtype(one, dtypes.get(one.column, ""), f"View {view.name!r}")
        for one in view.features
    )
    sizes = [getattr(one, "k", 0) or 1 for one in view.features]
    slots = np.cumsum([0, *sizes])
    specs = [
        [*_function(one, columns), windows.index(window), *_facts(one, dtypes), slot]
        for one, window, slot in zip(view.features, wanted, slots[:-1].tolist(), strict=True)
    ]
    types = tuple(dtypes[name] for name in columns)
    lifetime = any(isinstance(one, Aggregate) and one.window is None for one in view.features)
    widths = [window[form.WIDTH] for window in windows]
    return CompiledView(
        columns=columns,
        dtypes=types,
        names=tuple(one.name for one in view.features),
        results=results,
        scales=tuple(_scale(one, dtypes) for one in view.features),
        specs=np.array(specs, dtype=np.int64),
        windows=np.array(windows, dtype=np.int64),
        slots=int(slots[-1]),
        reach=form.NO_LIMIT if lifetime else max(0, *widths),
        unlimited=any(isinstance(one, Latest) for one in view.features) and view.ttl is None,
        layout=int(fingerprint([view.meant, types])[:LAYOUT_DIGITS], 16),
    )


def _window(feature: Aggregate | Latest, view: FeatureView) -> tuple[int, int]:
    """Return width and whether the end is excluded; a latest value's window holds t - ttl."""
    if isinstance(feature, Latest):
        return (_width(view.ttl) + (view.ttl is not None), 0)
    return (_width(feature.window), int(feature.exclude_current))


def _width(span: timedelta | None) -> int:
    """Return a span in microseconds."""
    return form.NO_LIMIT if span is None else span // MICROSECOND


def _function(feature: Aggregate | Latest, columns: tuple[str, ...]) -> tuple[int, int]:
    """Return the numbers of a feature's function and column."""
    column = columns.index(feature.column) if feature.column else form.ALL_ROWS
    kind = form.LATEST if isinstance(feature, Latest) else FUNCTIONS[feature.function]
    return kind, column


def _facts(feature: Aggregate | Latest, dtypes: Mapping[str, str]) -> tuple[int, int]:
    """Return whether the column is float64, and a function's parameter."""
    dtype = dtypes.get(feature.column, "")
    real = int(dtype == "float64")
    if isinstance(feature, Aggregate) and feature.value is not None:
        value = whole_value(feature.value, dtype)
        if isinstance(value, float):
            return real, int(np.float64(value).view(np.int64))
        return real, value if isinstance(value, int) else NO_STRING
    return real, (feature.k or 1) if isinstance(feature, Aggregate) else 1


def _scale(feature: Aggregate | Latest, dtypes: Mapping[str, str]) -> int:
    """Return the power of ten that a mean or deviation of decimals is divided by."""
    divided = isinstance(feature, Aggregate) and feature.function in {"mean", "std"}
    return (scale_of(dtypes.get(feature.column, "")) or 0) if divided else 0
