"""Whether engines give the same values."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from towpath.features.expression.numpy import evaluate
from towpath.features.expression.vector import vector_of

if TYPE_CHECKING:
    import pyarrow as pa

    from towpath.features.expression.tree import Expression

# Each engine has its own library for these; IEEE 754 does not say their last bit.
LIBRARY = re.compile(r"\b(exp|ln|log2|log10|sin|cos|power)\(")
LAST_PLACES = 2


def by_numpy(expression: Expression, rows: pa.Table) -> list[object]:
    """Compute an expression in this process, missing values as None."""
    columns = {name: vector_of(rows[name]) for name in expression.columns}
    found = evaluate(expression, columns, rows=rows.num_rows)
    pairs = zip(found.values.tolist(), found.present.tolist(), strict=True)
    return [value if here else None for value, here in pairs]


def differing(
    text: str, one: list[object], other: list[object]
) -> list[tuple[int, object, object]]:
    """Return the rows in which two engines do not give the same."""
    places = LAST_PLACES if LIBRARY.search(text) else 0
    pairs = enumerate(zip(one, other, strict=True))
    return [(row, a, b) for row, (a, b) in pairs if not alike(a, b, places)]


def alike(one: object, other: object, places: int) -> bool:
    """Tell whether values are of one type and equal, or differ in so many last places."""
    if type(one) is not type(other):
        return False
    finite = isinstance(one, float) and isinstance(other, float)
    if places and finite and math.isfinite(one) and math.isfinite(other):  # type: ignore[arg-type]
        return bool(abs(one - other) <= places * np.spacing(max(abs(one), abs(other))))  # type: ignore[operator,arg-type]
    return one == other
