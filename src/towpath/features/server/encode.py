"""From columns to JSON: values by column, statuses and times once for each view."""

from __future__ import annotations

from functools import lru_cache
from math import inf, isfinite
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np

from towpath.features.columns import FOUND, NOT_FOUND, OUTSIDE_MAX_AGE
from towpath.features.server.instant_text import instants_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from towpath.features.columns import Columns, Known, Values
    from towpath.features.server.source import Feature

PRESENT, NULL_VALUE = 0, 3
# By the numbers of FOUND, NOT_FOUND, OUTSIDE_MAX_AGE and NULL_VALUE.
STATUS = (b'"PRESENT"', b'"NOT_FOUND"', b'"OUTSIDE_MAX_AGE"', b'"NULL_VALUE"')
SECOND_MICROS = 1_000_000
PLAIN = frozenset({"float64", "int64", "bool"})
# So many numbers of rows have what is the same for all answers of that size written once.
CACHED = 64
Raw = msgspec.Raw


class Statuses:
    """The statuses of an answer's cells as JSON; what is the same is written once.

    Args:
        columns: the answer.
    """

    def __init__(self, columns: Columns) -> None:
        """Write that all are present, which most are."""
        self._rows = columns.rows
        self._missing = list(columns.missing)
        self._views = columns.views
        self._all = _all_present(columns.rows)
        self._known: dict[bytes, msgspec.Raw] = {}

    @property
    def everywhere(self) -> msgspec.Raw:
        """Of a column that is present in all rows."""
        return self._all

    def of(self, values: Values, view: int | None) -> msgspec.Raw:
        """Return those of one feature: present, or why not."""
        status = None if view is None else self._views[view].status
        if values.present is None and status is None and not self._missing:
            return self._all
        found = np.zeros(self._rows, np.uint8) if status is None else status.copy()
        # A value that is there is present, also beside a latest one that is too old.
        if values.present is None:
            found[found == OUTSIDE_MAX_AGE] = FOUND
        else:
            found[values.present & (found == OUTSIDE_MAX_AGE)] = FOUND
            found[~values.present & (found == FOUND)] = NULL_VALUE
        found[self._missing] = NOT_FOUND
        written = found.tobytes()
        if written not in self._known:
            self._known[written] = Raw(b"[" + b",".join([STATUS[one] for one in written]) + b"]")
        return self._known[written]


class Times:
    """The times of the newest events as JSON, each written when it is first asked for.

    Args:
        columns: the answer.
    """

    def __init__(self, columns: Columns) -> None:
        """Write nothing yet."""
        self._columns = columns
        self._known: dict[int | None, msgspec.Raw] = {}

    def of(self, view: int | None) -> msgspec.Raw:
        """Return those of a view, of all of them together without its number."""
        found = self._known.get(view)
        if found is None:
            views = self._columns.views
            if view is not None:
                newest = views[view].newest
            elif views:
                newest = np.max([one.newest for one in views], axis=0)
            else:
                newest = np.zeros(self._columns.rows, np.int64)
            found = self._known[view] = Raw(instants_json(newest))
        return found


@lru_cache(maxsize=CACHED)
def never(rows: int) -> msgspec.Raw:
    """Return the time that stands for none, for so many rows."""
    return Raw(instants_json(np.zeros(rows, np.int64)))


@lru_cache(maxsize=CACHED)
def _all_present(rows: int) -> msgspec.Raw:
    """Return the statuses of so many rows that are all there."""
    return Raw(b"[" + b",".join([STATUS[PRESENT]] * rows) + b"]")


def cells(values: Values, feature: Feature, *, seconds: bool = False) -> list[object] | msgspec.Raw:
    """Return a column for the JSON encoder, None where nothing is present.

    Infinity, which JSON has no number for, is written as protobuf's JSON does: "Infinity".

    Args:
        values: the column.
        feature: what it is of.
        seconds: whether times are whole seconds since 1970, not RFC 3339.
    """
    given = values.values
    if values.present is None and feature.dtype in PLAIN and isinstance(given, np.ndarray):
        numbers = cast("list[object]", given.tolist())
        return _numbers(numbers) if feature.dtype == "float64" else numbers
    if feature.dtype == "timestamp" and not isinstance(given, list | tuple):
        return _instants(cast("NDArray[np.int64]", given), values.present, seconds=seconds)
    plain = cast("list[object]", given.tolist() if isinstance(given, np.ndarray) else list(given))
    if feature.dtype == "float64":
        plain = _numbers(plain)
    elif feature.dtype == "list<float64>":
        plain = [None if one is None else _numbers(cast("list[object]", one)) for one in plain]
    if values.present is not None:
        for row in np.flatnonzero(~values.present).tolist():
            plain[row] = None
    return plain


def _instants(
    micros: NDArray[np.int64], present: NDArray[np.bool_] | None, *, seconds: bool
) -> list[object] | msgspec.Raw:
    """Return a column of times."""
    if seconds:
        plain = cast("list[object]", (micros // SECOND_MICROS).tolist())
    elif present is None:
        return Raw(instants_json(micros))
    else:
        plain = cast("list[object]", msgspec.json.decode(instants_json(micros)))
    if present is not None:
        for row in np.flatnonzero(~present).tolist():
            plain[row] = None
    return plain


def _numbers(values: list[object]) -> list[object]:
    """Return numbers, with the names of those that are none."""
    if isfinite(sum(cast("list[float]", values))):
        return values
    names = {inf: "Infinity", -inf: "-Infinity"}
    return [names.get(cast("float", one), one) for one in values]


def view_status(known: Known) -> list[str] | None:
    """Return the statuses of a view's rows, None where all are found.

    Example:
        >>> from towpath.features.columns import Known
        >>> view_status(Known(np.zeros(2, np.int64), np.array([0, 1], np.uint8)))
        ['FOUND', 'NOT_FOUND']
    """
    if known.status is None or not known.status.any():
        return None
    names = {FOUND: "FOUND", NOT_FOUND: "NOT_FOUND", OUTSIDE_MAX_AGE: "OUTSIDE_MAX_AGE"}
    return [names[one] for one in known.status.tolist()]
