"""Features of many rows as columns: what a server encodes without a look at each cell."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

# What is known of a row in one view, or in the spine.
FOUND, NOT_FOUND, OUTSIDE_MAX_AGE, DEFAULT = range(4)


class Values(NamedTuple):
    """One feature of all rows.

    Args:
        values: Python's, timestamps as whole microseconds; or an array of float64, int64 or bool.
            What stands where nothing is present means nothing.
        present: bool [rows], where there is a value; None if everywhere.
    """

    values: NDArray[np.generic] | Sequence[object]
    present: NDArray[np.bool_] | None = None


# As quick as a plain tuple; there is one for each feature of each answer.
new_values: Callable[
    [tuple[NDArray[np.generic] | Sequence[object], NDArray[np.bool_] | None]], Values
]
new_values = partial(tuple.__new__, Values)


class Known(NamedTuple):
    """What one view knows of all rows.

    Args:
        newest: int64 [rows], time in microseconds of the newest event up to the asked time; 0
            where there is none.
        status: uint8 [rows], ``FOUND``, ``NOT_FOUND`` (no event of that key),
            ``OUTSIDE_MAX_AGE`` (the newest is older than the view's ttl) or ``DEFAULT`` (the store
            does not answer, and the view declares what counts then); None if found everywhere.
    """

    newest: NDArray[np.int64]
    status: NDArray[np.uint8] | None = None


class Columns(NamedTuple):
    """The answer to one question.

    Args:
        rows: how many rows were asked for.
        features: one for each feature, in the order of the schema.
        views: one for each view of the feature set, in its order.
        missing: numbers of the rows whose key the spine does not have; their features are absent.
    """

    rows: int
    features: tuple[Values, ...]
    views: tuple[Known, ...]
    missing: tuple[int, ...] = ()
