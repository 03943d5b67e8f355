"""Features of one row after the other: the usual question, answered by the shortest way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.features.online.key import encode_key
from towpath.features.online.plan import FLOATS
from towpath.features.online.single import KeyReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.online import Item
    from towpath.features.view_reading import ViewReader


class SingleReader:
    """Reads the views of a row whose keys are all found, in small form.

    Any other row it leaves to ``Lookup``, which takes more time. One thread at a time may use it.

    Args:
        views: reads views.
        keys: columns of the row that are the key of each view.
    """

    def __init__(self, views: ViewReader, keys: Sequence[Sequence[str]]) -> None:
        self._views = views
        self._readers = tuple(
            (KeyReader(plan), meta, names)
            for (plan, meta, _), names in zip(views.views, keys, strict=True)
        )
        self._found = tuple(reader for reader, _, _ in self._readers)

    def slot(self, view: int, feature: str) -> tuple[bool, int]:
        """Return whether a view's feature is a float, and its place in what the reader found."""
        plan = self._found[view].plan
        kind, _, _, start, _ = plan.slots[plan.compiled.names.index(feature)]
        return kind == FLOATS, start

    def read(self, row: Mapping[str, Sequence[object]], at: int) -> tuple[KeyReader, ...] | None:
        """Return the readers with what they found, None if the row is not a usual one.

        Args:
            row: its one value of each key column, in the column's type.
            at: prediction time in microseconds.
        """
        items: list[Item] = []
        for _, meta, names in self._readers:
            key = [row[name][0] for name in names]
            if None in key:
                return None
            items += (meta, meta._replace(key=encode_key(key)))
        found = iter(self._views.store.read(items))
        for reader, _, _ in self._readers:
            held = self._views.generation(reader.plan, next(found))
            root = next(found)
            if root is None or (held is not None and held.since > at) or not reader.read(root, at):
                return None
        return self._found
