"""The events of a key as a table, from the numbers that the online store holds."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from towpath.features.arrays import arrow_type
from towpath.features.engines import SEQUENCE as SEQUENCE_NAME
from towpath.features.engines import TIME as TIME_NAME
from towpath.features.engines.kernel.block import MARKS, MARKS_A_WORD, PUSHED, SEQUENCE, TIME
from towpath.features.feature_dtype import scale_of

if TYPE_CHECKING:
    from towpath.features.online.events import Events
    from towpath.features.online.plan import StatePlan

# The column that tells whether an event was pushed and is not yet known from the lake.
ORIGIN = "_pushed"


def event_table(plan: StatePlan, events: Events) -> pa.Table:
    """Return a key's events as an engine reads them, in order, and whether each was pushed.

    Args:
        plan: the view.
        events: of one key, sorted.

    Returns:
        value columns by the view's names, ``_t``, ``_seq`` (the place in the order) and
        ``_pushed``.

    Example:
        >>> from towpath.features.online.events import Events
        >>> from towpath.features.online.plan import state_plan
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> plan = state_plan(view, {"km": "int64"})
        >>> event_table(plan, Events(np.array([[5, 1, 0, 1, 7]]))).to_pylist()
        [{'km': 7, '_t': 5, '_seq': 0, '_pushed': False}]
    """
    named: dict[str, pa.Array[Any]] = {
        name: _column(plan, events, number) for number, name in enumerate(plan.compiled.columns)
    }
    named[TIME_NAME] = pa.array(np.ascontiguousarray(events.rows[:, TIME]))
    named[SEQUENCE_NAME] = pa.array(np.arange(len(events.rows)))
    named[ORIGIN] = pa.array(events.rows[:, SEQUENCE] & PUSHED != 0)
    return pa.table(named)


def _column(plan: StatePlan, events: Events, number: int) -> pa.Array[Any]:
    """Return one value column, null where there is no value."""
    rows, dtype = events.rows, plan.compiled.dtypes[number]
    words = np.ascontiguousarray(rows[:, plan.width - plan.columns + number])
    marks = rows[:, MARKS + number // MARKS_A_WORD] >> (number % MARKS_A_WORD) & 1
    absent, kind, scale = marks == 0, arrow_type(dtype), scale_of(dtype)
    if dtype == "float64":
        return pa.array(words.view(np.float64), kind, mask=absent)
    if dtype == "bool":
        return pa.array(words.astype(np.bool_), kind, mask=absent)
    if dtype != "string" and scale is None:
        return pa.array(words, pa.int64(), mask=absent).cast(kind)
    cells = [
        None if gone else events.texts[word] if scale is None else Decimal(word).scaleb(-scale)
        for word, gone in zip(words.tolist(), absent.tolist(), strict=True)
    ]
    return pa.array(cells, kind)
