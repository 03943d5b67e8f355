"""Features of a few rows together: the usual questions, answered by the shortest way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.features.online import Item
from towpath.features.online.key import encode_key
from towpath.features.online.plain import PlainReader
from towpath.features.online.plan import FLOATS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.online import Buffer
    from towpath.features.online.plain import PlainKey
    from towpath.features.view_reading import ViewReader

Row = tuple["PlainKey", ...]


class PlainRows:
    """Reads the views of rows whose keys are all found, in small form.

    Any other row it leaves to ``Lookup``, which takes more time.

    Args:
        views: reads views.
        keys: columns of the row that are the key of each view.
    """

    def __init__(self, views: ViewReader, keys: Sequence[Sequence[str]]) -> None:
        """Prepare a reader for each view."""
        self._views = views
        self._readers = tuple(
            (PlainReader(plan), meta, names)
            for (plan, meta, _), names in zip(views.views, keys, strict=True)
        )
        self._key_columns = tuple(dict.fromkeys(name for names in keys for name in names))
        self._slots = tuple(
            [(kind == FLOATS, start) for kind, _, _, start, _ in plan.slots]
            for plan, _, _ in views.views
        )

    def values(self, row: Mapping[str, Sequence[object]], at: int) -> list[object] | None:
        """Return all features of a row in the order of the views; None if it is no usual one.

        Args:
            row: of each key column its one value, in the column's type.
            at: as for ``read``.

        Raises:
            NotFound: as for ``read``.
            Unavailable: likewise.
        """
        if any(row[name][0] is None for name in self._key_columns):
            return None
        found = self.read([row], at)[0]
        if found is None:
            return None
        values: list[object] = []
        for (reals, wholes, gaps), slots in zip(found, self._slots, strict=True):
            values += [
                None if gaps is not None and not gaps[slot] else (reals if real else wholes)[slot]
                for real, slot in slots
            ]
        return values

    def slot(self, view: int, feature: str) -> tuple[bool, int]:
        """Return whether a view's feature is a float, and its place in what is found of a key."""
        plan = self._readers[view][0].plan
        return self._slots[view][plan.compiled.names.index(feature)]

    def read(self, rows: Sequence[Mapping[str, Sequence[object]]], at: int) -> list[Row | None]:
        """Return what is found of each row by view, None for one that is no usual one.

        Args:
            rows: of each the one value of each key column, in the column's type, none of them null.
            at: prediction time in microseconds.

        Raises:
            NotFound: a view was never materialised.
            Unavailable: the store does not answer.
        """
        items: list[Item] = []
        for _, meta, names in self._readers:
            items.append(meta)
            items += [Item(meta.area, encode_key([row[name][0] for name in names])) for row in rows]
        found, step = self._views.store.read(items), len(rows) + 1
        columns = [
            self._column(number, found[step * number : step * (number + 1)], at)
            for number in range(len(self._readers))
        ]
        return [None if None in row else row for row in zip(*columns, strict=True)]

    def _column(
        self, number: int, found: Sequence[Buffer | None], at: int
    ) -> Sequence[PlainKey | None]:
        """Compute the features of one view from its meta text and the roots of all rows."""
        reader = self._readers[number][0]
        held = self._views.generation(reader.plan, found[0])
        if held is not None and held.since > at:
            return [None] * (len(found) - 1)
        return reader.read([b"" if root is None else root for root in found[1:]], at)
