"""The inner loops of a compiled plan, in numba: columns from slots, then trees or weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# A number column is ``(value or fill - mean) / scale``; one with a table looks its slot up there.
COLUMN = np.dtype(
    [("slot", np.int32), ("table", np.int32), ("fill", "f8"), ("mean", "f8"), ("scale", "f8")]
)
# A leaf has no column (-1). A value goes left if it is at most the threshold.
NODE = np.dtype(
    [
        ("value", "f8"),
        ("column", np.int32),
        ("left", np.int32),
        ("right", np.int32),
        ("missing_left", np.int32),
    ]
)
TABLE_START = 2


class Arrays(NamedTuple):
    """What the kernel reads; a named tuple, which numba takes as one argument.

    Args:
        columns: how each column of the estimator's matrix is made from a slot.
        tables: what the columns look up for null, unseen, and each known category in turn.
        nodes: nodes of all trees, one tree after the other; empty for a linear estimator.
        roots: where each tree starts.
        weights: a weight for each column; empty for trees.
    """

    columns: NDArray[np.void]
    tables: NDArray[np.float64]
    nodes: NDArray[np.void]
    roots: NDArray[np.int64]
    weights: NDArray[np.float64]


def linear_arrays(
    columns: NDArray[np.void], tables: NDArray[np.float64], weights: NDArray[np.float64]
) -> Arrays:
    """Pack a linear estimator."""
    return Arrays(columns, tables, np.empty(0, NODE), np.empty(0, np.int64), weights)


def tree_arrays(
    columns: NDArray[np.void],
    tables: NDArray[np.float64],
    nodes: NDArray[np.void],
    roots: NDArray[np.int64],
) -> Arrays:
    """Pack a sum of trees."""
    return Arrays(columns, tables, nodes, roots, np.empty(0, np.float64))


@numba.njit(cache=True, nogil=True)
def _enter(inputs: Floats, arrays: Arrays, matrix: Floats) -> None:
    """Fill the estimator's row from the slots."""
    for at in range(arrays.columns.size):
        column = arrays.columns[at]
        value = inputs[column["slot"]]
        if column["table"] >= 0:
            matrix[at] = arrays.tables[column["table"] + TABLE_START + int(value)]
        else:
            known = column["fill"] if math.isnan(value) else value
            matrix[at] = (known - column["mean"]) / column["scale"]


@numba.njit(cache=True, nogil=True)
def _descend(matrix: Floats, nodes: NDArray[np.void], root: int) -> float:
    """Return the value of the leaf that a row falls into."""
    at = root
    while nodes[at]["column"] >= 0:
        value = matrix[nodes[at]["column"]]
        missing_left = nodes[at]["missing_left"] == 1
        go_left = missing_left if math.isnan(value) else value <= nodes[at]["value"]
        at = root + (nodes[at]["left"] if go_left else nodes[at]["right"])
    leaf: float = nodes[at]["value"]
    return leaf


@numba.njit(cache=True, nogil=True)
def _total(matrix: Floats, intercept: float, arrays: Arrays) -> float:
    """Return the probability: add up the trees, or the weighted columns, in order."""
    total = intercept
    for root in arrays.roots:
        total += _descend(matrix, arrays.nodes, root)
    if arrays.weights.size:
        total = 0.0
        for at in range(arrays.weights.size):
            total += matrix[at] * arrays.weights[at]
        total += intercept
    return 1.0 / (1.0 + math.exp(-total))


@numba.njit(cache=True, nogil=True)
def score(inputs: Floats, intercept: float, arrays: Arrays) -> float:
    """Return the probability of one row of slots."""
    matrix = np.empty(arrays.columns.size)
    _enter(inputs, arrays, matrix)
    return _total(matrix, intercept, arrays)


@numba.njit(cache=True, nogil=True)
def score_rows(inputs: Floats, intercept: float, arrays: Arrays) -> Floats:
    """Return the probability of each row of slots."""
    matrix = np.empty(arrays.columns.size)
    result = np.empty(inputs.shape[0])
    for row in range(inputs.shape[0]):
        _enter(inputs[row], arrays, matrix)
        result[row] = _total(matrix, intercept, arrays)
    return result
