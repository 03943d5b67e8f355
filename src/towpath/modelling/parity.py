"""The proof that a compiled plan answers as the original does, on real rows and on edges."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from towpath.core.errors import Invalid
from towpath.core.record import Record
from towpath.modelling.columns import CATEGORICAL
from towpath.modelling.frame import spread, to_matrix, to_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from towpath.modelling.columns import FeatureColumns
    from towpath.modelling.model import Estimator
    from towpath.modelling.plan import Plan

    Row = list[object]

LIMIT = 1e-6
PROOF_ROWS = 10_000
SINGLE_ROWS = 1_000
THRESHOLDS = 3_000
NUMBERS = (None, math.inf, -math.inf, 0.0, -0.0, 2.0**53 + 1, 1e308, -1e308, 5e-324)
TEXTS = (None, "", " ", "\x00unseen", "unseen \N{GREEK SMALL LETTER PI}")


class Parity(Record, frozen=True):
    """How close a plan is to the original.

    Args:
        rows: real rows compared.
        edges: made rows compared: each threshold and its neighbours, nulls, unseen categories,
            infinities.
        refused: edges that the original refuses; there is nothing to compare with.
        max_difference: greatest difference of two probabilities.
        flips: rows on which the decision differs.
        holds: whether the difference is at most 1e-6 and no decision flips.

    Example:
        >>> Parity(rows=10_000, edges=300, refused=0, max_difference=0.0, flips=0, holds=True).holds
        True
    """

    rows: int
    edges: int
    refused: int
    max_difference: float
    flips: int
    holds: bool


def prove(
    fitted: Estimator,
    plan: Plan,
    table: pa.Table,
    *,
    columns: FeatureColumns,
    threshold: float,
) -> Parity:
    """Compare a plan with its original on up to 10 000 rows of a table and on generated edges."""
    sample = table.select(columns.names).take(spread(table.num_rows, PROOF_ROWS))
    real = _original(fitted, sample, columns)
    rows = to_rows(sample.slice(0, SINGLE_ROWS))
    edges = list(_edges(plan, rows, columns))
    wanted = _original(fitted, _table(edges, columns), columns)
    ours = np.concatenate([_batch(plan, sample), _single(plan, rows), _single(plan, edges)])
    theirs = np.concatenate([real, real[: len(rows)], wanted])
    compared = ~np.isnan(theirs)
    gap = np.abs(ours - theirs)[compared]
    # A plan without an answer where the original has one is as wrong as can be.
    difference = float(np.where(np.isnan(gap), 1.0, gap).max(initial=0.0))
    flips = int(((ours >= threshold) != (theirs >= threshold))[compared].sum())
    return Parity(
        rows=sample.num_rows,
        edges=len(edges),
        refused=int((~compared).sum()),
        max_difference=difference,
        flips=flips,
        holds=bool(compared.any()) and difference <= LIMIT and flips == 0,
    )


def _original(fitted: Estimator, table: pa.Table, columns: FeatureColumns) -> NDArray[np.float64]:
    """Ask the original; NaN where it refuses a row."""
    matrix = to_matrix(table, columns)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return np.asarray(fitted.predict_proba(matrix), np.float64)[:, 1]
    except ValueError:
        if len(matrix) == 1:
            return np.array([np.nan])
    half = table.num_rows // 2
    parts = (table.slice(0, half), table.slice(half))
    return np.concatenate([_original(fitted, part, columns) for part in parts])


def _batch(plan: Plan, table: pa.Table) -> NDArray[np.float64]:
    """Ask the plan for all rows at once; all NaN if it refuses one."""
    try:
        return plan.predict(table)
    except Invalid:
        return np.full(table.num_rows, np.nan)


def _single(plan: Plan, rows: list[Row]) -> NDArray[np.float64]:
    """Ask the plan row by row; NaN where it refuses one."""
    result = np.full(len(rows), np.nan)
    for at, row in enumerate(rows):
        try:
            result[at] = plan.predict_one(row)
        except Invalid:
            continue
    return result


def _table(rows: list[Row], columns: FeatureColumns) -> pa.Table:
    """Turn rows back into a table of float64 and text."""
    arrays = {}
    for at, (name, dtype) in enumerate(columns.schema.items()):
        text = dtype == CATEGORICAL
        values = [row[at] for row in rows]
        made = (
            values
            if text
            else [None if one is None else float(cast("float", one)) for one in values]
        )
        arrays[name] = pa.array(made, pa.string() if text else pa.float64())
    return pa.table(arrays)


def _edges(plan: Plan, rows: list[Row], columns: FeatureColumns) -> Iterator[Row]:
    """Yield real rows with one value moved to where answers change or break."""
    moved = itertools.chain(_thresholds(plan), _specials(plan, columns))
    for (name, value), row in zip(moved, itertools.cycle(rows), strict=False):
        edge = list(row)
        edge[plan.names.index(name)] = value
        yield edge


def _thresholds(plan: Plan) -> Iterator[tuple[str, float]]:
    """Yield each split of the trees with the floats just below and above it."""
    nodes = plan.arrays.nodes
    splits = nodes[nodes["column"] >= 0]
    pairs = np.unique(np.column_stack([splits["column"], splits["value"]]), axis=0)
    for at, value in pairs[spread(len(pairs), THRESHOLDS)].tolist():
        column = plan.arrays.columns[int(at)]
        if column["table"] < 0:
            name = plan.layout.slots[column["slot"]].feature
            split = float(value * column["scale"] + column["mean"])
            yield name, split
            yield name, math.nextafter(split, -math.inf)
            yield name, math.nextafter(split, math.inf)


def _specials(plan: Plan, columns: FeatureColumns) -> Iterator[tuple[str, object]]:
    """Yield nulls, infinities, unseen and known categories of each feature."""
    for name, dtype in columns.schema.items():
        for value in TEXTS if dtype == CATEGORICAL else NUMBERS:
            yield name, value
    for slot in plan.layout.slots:
        for known in slot.values:
            yield slot.feature, known
