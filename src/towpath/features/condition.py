"""The condition of a view: which rows of its source are events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.core.errors import Invalid
from towpath.lake.column_types import dtype_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from towpath.features.expression.tree import Expression
    from towpath.features.view import FeatureView
    from towpath.lake.dataset import Dataset


def condition_columns(view: FeatureView, source: Dataset) -> tuple[str, ...]:
    """Return the columns of the source that a view's condition reads.

    Raises:
        Invalid: the condition is no row expression, or neither true nor false.

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
    return _bound(view, tuple((column.name, column.dtype) for column in source.columns)).columns


def satisfying(rows: pa.Table, view: FeatureView) -> npt.NDArray[np.bool_]:
    """Tell which rows of the source satisfy a view's condition; one that is NULL does not.

    Example:
        >>> import pyarrow as pa
        >>> from towpath.features.view import FeatureView, Latest
        >>> far = FeatureView("far", "trips", ("car",), (Latest("km"),), where="km > 100")
        >>> satisfying(pa.table({"km": [50, 150, None]}), far).tolist()
        [False, True, False]
    """
    from towpath.features.expression.duckdb import duckdb_sql
    from towpath.lake.predicate import failing_rows

    types = ((field.name, dtype_of(field.type)) for field in rows.schema)
    expression = _bound(view, tuple((name, dtype) for name, dtype in types if dtype))
    read = rows.select(list(expression.columns))
    kept = np.ones(rows.num_rows, dtype=bool)
    kept[failing_rows(read, {"where": duckdb_sql(expression)})["where"]] = False
    return kept


def _bound(view: FeatureView, columns: tuple[tuple[str, str], ...]) -> Expression:
    """Hold a view's condition against the columns of its source."""
    # What reads SQL, like the engine above, costs a tenth of a second to load.
    from towpath.features.expression.bind import bind

    subject = f"The condition of view {view.name!r}"
    try:
        expression = bind(view.where, columns)
    except Invalid as error:
        raise Invalid(f"{subject}: {error.message}", hint=error.hint) from error
    if expression.dtype != "bool":
        message = f"{subject} is {expression.dtype}, not true or false: {view.where!r}."
        raise Invalid(message, hint="Compare it, such as km > 100.")
    if not expression.columns:
        message = f"{subject} reads no column: {view.where!r}."
        raise Invalid(message, hint="Leave it out, or compare a column.")
    return expression
