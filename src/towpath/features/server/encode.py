"""From columns to JSON: values by column, statuses and times once for each view."""

from __future__ import annotations

from functools import lru_cache
from math import inf, isfinite
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np

from towpath.features.columns import DEFAULT, FOUND, NOT_FOUND, OUTSIDE_MAX_AGE
from towpath.features.server.instant_text import instants_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from towpath.features.columns import Columns, Known, Values
    from towpath.features.server.source import Feature

PRESENT, NULL_VALUE = 0, 3
# What is shown of a view's status, for a value that is missing and for one that is present; one
# that is there counts also beside a latest one that is too old. A default is no value of the key.
SHOWN = (
    *(NULL_VALUE, PRESENT),
    *(NOT_FOUND, NOT_FOUND),
    *(OUTSIDE_MAX_AGE, PRESENT),
    *(NULL_VALUE, NULL_VALUE),
)
PRESENT_BIT = np.uint8(1)
# By the numbers of FOUND, NOT_FOUND, OUTSIDE_MAX_AGE and NULL_VALUE.
STATUS = (b'"PRESENT"', b'"NOT_FOUND"', b'"OUTSIDE_MAX_AGE"', b'"NULL_VALUE"')
AS_THEY_ARE = frozenset({"bool", "int64", "float64", "string"})
SECOND_MICROS = 1_000_000
# So many numbers of rows have what is the same for all answers of that size written once.
CACHED = 64
Raw = msgspec.Raw
# Of a single row.
SINGLE = tuple(Raw(b"[" + STATUS[one] + b"]") for one in SHOWN)


class Statuses:
    """The statuses of an answer's cells as JSON.

    Args:
        columns: the answer.
    """

    def __init__(self, columns: Columns) -> None:
        """Write that all are present, which most are."""
        self._columns = columns
        self._doubled: dict[int | None, NDArray[np.uint8] | None] = {}
        self.everywhere = _all_present(columns.rows)

    def whole(self, view: int | None) -> msgspec.Raw | None:
        """Return those of a view's features without gaps, if all of its rows are found."""
        doubled = self._doubled[view] = self._twice(view)
        return self.everywhere if doubled is None else None

    def of(self, values: Values, view: int | None) -> msgspec.Raw:
        """Return those of one feature of a view that was looked at: present, or why not."""
        doubled = self._doubled[view]
        if values.present is None:
            if doubled is None:
                return self.everywhere
            return _statuses((doubled + PRESENT_BIT).tobytes())
        if self._columns.rows == 1:
            return SINGLE[int(values.present[0]) + (0 if doubled is None else int(doubled[0]))]
        present = values.present.view(np.uint8)
        return _statuses((present if doubled is None else doubled + present).tobytes())

    def _twice(self, view: int | None) -> NDArray[np.uint8] | None:
        """Return twice the statuses of a view's rows, None where all are found."""
        if view is not None:
            status = self._columns.views[view].status
            return None if status is None else status << PRESENT_BIT
        if not self._columns.missing:
            return None
        found = np.zeros(self._columns.rows, np.uint8)
        found[list(self._columns.missing)] = NOT_FOUND << PRESENT_BIT
        return found


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
def _statuses(marks: bytes) -> msgspec.Raw:
    """Write the statuses of rows; of each, twice the view's plus whether the value is present."""
    return Raw(b"[" + b",".join([STATUS[SHOWN[one]] for one in marks]) + b"]")


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
    (given, present), dtype = values, feature.dtype
    if present is None and type(given) is list and dtype in AS_THEY_ARE:
        # Most columns are of this kind.
        return given if dtype != "float64" or isfinite(sum(given)) else _numbers(given)
    if dtype == "timestamp":
        return _instants(np.asarray(given, np.int64), present, seconds=seconds)
    plain = cast("list[object]", given.tolist() if isinstance(given, np.ndarray) else given)
    if dtype == "float64":
        plain = _numbers(plain)
    elif dtype == "list<float64>":
        plain = [_numbers(one) if isinstance(one, list) else None for one in plain]
    if present is None:
        return plain
    return [value if here else None for value, here in zip(plain, present.tolist(), strict=True)]


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
    names = {
        FOUND: "FOUND",
        NOT_FOUND: "NOT_FOUND",
        OUTSIDE_MAX_AGE: "OUTSIDE_MAX_AGE",
        DEFAULT: "DEFAULT",
    }
    return [names[one] for one in known.status.tolist()]
