"""What the server asks for features: a source for each feature set, and for each list of views."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.columns import Columns
    from towpath.features.plain_rows import PlainRows
    from towpath.lake.dataset import Column

Given = dict[str, list[object]]


class ColumnSource(Protocol):
    """Features of many rows at one time, from the online store.

    Times are int64 microseconds. Answers are in the order of what was asked. Methods return
    within a millisecond or so, those of a remote store within its time-out, and are safe to call
    from several threads.
    """

    def columns_by_keys(self, keys: Sequence[Mapping[str, object]], at: int) -> Columns:
        """Return the features of the spine's rows with these keys.

        Raises:
            Invalid: a value of another type, or a time before what was materialised.
            NotFound: a view was never materialised.
        """
        ...

    def columns_of(self, given: Mapping[str, Sequence[object]], rows: int, at: int) -> Columns:
        """Return the features of so many rows that the caller gives by column; raises likewise."""
        ...

    def freshness(self) -> Mapping[str, int]:
        """Return up to which event time each view was materialised."""
        ...


class Feature(NamedTuple):
    """One feature of a source.

    Args:
        name: its name in the schema.
        dtype: its type.
        view: number of the view that it is of; None for a column of the spine or a derived one.
        short: its name without the view's.
    """

    name: str
    dtype: str
    view: int | None
    short: str


class Asked(NamedTuple):
    """Something to ask features of, and what it takes.

    Args:
        name: of the feature set, or of the views.
        source: answers.
        features: in the order of the answer's columns.
        views: names of the views, in the order of the answer's.
        key: columns by which the spine's rows are found; none where there is no spine.
        row: columns that are needed to compute the features without a stored row.
        version: of the feature set's definition.
        plain: reads a few rows by a shorter way, where that is all that it takes.
    """

    name: str
    source: ColumnSource
    features: tuple[Feature, ...]
    views: tuple[str, ...]
    key: tuple[Column, ...]
    row: tuple[Column, ...]
    version: str = ""
    plain: PlainRows | None = None

    def read(self, given: Given, at: int, *, rows: int, by_key: bool) -> Columns:
        """Return the features of so many rows by their keys, or of rows that the caller gives."""
        if by_key:
            keys = zip(*given.values(), strict=True)
            return self.source.columns_by_keys(
                [dict(zip(given, key, strict=True)) for key in keys], at
            )
        return self.source.columns_of(given, rows, at)
