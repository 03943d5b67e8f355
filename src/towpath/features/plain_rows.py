"""Features of a few rows together: the usual questions, answered by the shortest way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.features.online.key import PYTHON_TYPES, encode_key
from towpath.features.online.plain import PlainView
from towpath.features.view_reading import Distinct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.online.plain import PlainKey
    from towpath.features.view_reading import ViewReader

Row = tuple["PlainKey", ...]


class PlainRows:
    """Reads the views of rows whose keys are all found.

    Any other row it leaves to ``Lookup``, which takes more time.

    Args:
        views: reads views, all of which are plain.
        keys: columns of the row that are the keys of each kind.
        dtypes: of all columns that a row may have.
    """

    def __init__(
        self, views: ViewReader, keys: Sequence[Sequence[str]], dtypes: Mapping[str, str]
    ) -> None:
        """Prepare what is known of the views."""
        self._reader = views
        self._views = tuple((PlainView(plan), plan.compiled.names) for plan, _, _ in views.views)
        self._keys = tuple(keys)
        self._dtypes = dtypes
        self._typed = [[(name, PYTHON_TYPES.get(dtypes[name])) for name in names] for names in keys]

    def slot(self, view: int, feature: str) -> tuple[bool, int]:
        """Return whether a view's feature is a float, and its place in what is found of a key."""
        plain, names = self._views[view]
        return plain.slots[names.index(feature)]

    def read(self, rows: Sequence[Mapping[str, Sequence[object]]], at: int) -> list[Row | None]:
        """Return what is found of each row by view, None for one that is no usual one.

        Args:
            rows: of each the one value of each key column, in the column's type, none of them null.
            at: prediction time in microseconds.

        Raises:
            NotFound: a view was never materialised.
            Conflict: its state is of another release.
            Invalid: the time is before what is kept.
            Unavailable: the store does not answer.
        """
        keys = [
            [encode_key([row[name][0] for name in names]) for row in rows] for names in self._keys
        ]
        return [None if None in row else row for row in zip(*self._columns(keys, at), strict=True)]

    def values(self, row: Mapping[str, object], at: int) -> list[object] | None:
        """Return all features of a row in the order of the views; None if it is no usual one.

        Args:
            row: columns of the spine, not checked yet.
            at: as for ``read``, which raises likewise.
        """
        if not self._dtypes.keys() >= row.keys():
            return None
        keys: list[list[bytes]] = []
        for columns in self._typed:
            key: list[object] = []
            for name, kind in columns:
                value = row.get(name)
                if type(value) is not kind:
                    return None
                key.append(value)
            keys.append([encode_key(key)])
        values: list[object] = []
        for (plain, _), (found,) in zip(self._views, self._columns(keys, at), strict=True):
            if found is None:
                return None
            values += plain.values(found)
        return values

    def _columns(self, keys: Sequence[Sequence[bytes]], at: int) -> list[list[PlainKey | None]]:
        """Return what is found in each view of the keys of its kind."""
        readings = self._reader.readings([Distinct(one, one, None) for one in keys], at)
        return [
            plain.keys(reading) for (plain, _), reading in zip(self._views, readings, strict=True)
        ]
