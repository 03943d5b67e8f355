"""The condition of a view: which rows of its source are events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.core.errors import Invalid

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from towpath.features.view import FeatureView
    from towpath.lake.dataset import Dataset


def condition_columns(view: FeatureView, source: Dataset) -> tuple[str, ...]:
    """Return the columns of the source that a view's condition reads.

    Raises:
        Invalid: the condition is not one that may run.

    Example:
        >>> from towpath.features.view import FeatureView, Latest
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("car", "string"), Column("km", "int64")))
        >>> far = FeatureView("far", "trips", ("car",), (Latest("km"),), where="km > 100")
        >>> condition_columns(far, trips)
        ('km',)
    """
    if not view.where:
        return ()
    # The engine costs a tenth of a second to load, which few views need.
    from towpath.lake.predicate import checked_predicate

    columns = tuple((column.name, column.dtype) for column in source.columns)
    try:
        return checked_predicate(view.where, columns)
    except Invalid as error:
        message = f"The condition of view {view.name!r}: {error.message}"
        raise Invalid(message, hint=error.hint) from error


def satisfying(rows: pa.Table, view: FeatureView) -> npt.NDArray[np.bool_]:
    """Tell which rows of the source satisfy a view's condition; one that is NULL does not.

    Raises:
        Contract: the condition cannot be computed for a value.

    Example:
        >>> import pyarrow as pa
        >>> from towpath.features.view import FeatureView, Latest
        >>> far = FeatureView("far", "trips", ("car",), (Latest("km"),), where="km > 100")
        >>> satisfying(pa.table({"km": [50, 150, None]}), far).tolist()
        [False, True, False]
    """
    from towpath.lake.predicate import failing_rows

    kept = np.ones(rows.num_rows, dtype=bool)
    kept[failing_rows(rows, {"where": view.where})["where"]] = False
    return kept
