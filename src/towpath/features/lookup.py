"""Feature values at request time: from a key or a row to the values that the model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from towpath.core.errors import Conflict, Invalid, NotFound, did_you_mean
from towpath.features.cells import as_array, cells_of, spread, values_of, with_gaps
from towpath.features.columns import Columns, Known, Values
from towpath.features.derived import as_input, bind_sql, evaluate, evaluate_sql
from towpath.features.expression.vector import Vector, vector_from
from towpath.features.feature_set import (
    definition_version,
    feature_schema,
    nullable_inputs,
    spine_keys,
    validate,
)
from towpath.features.online import META_KEY, Item
from towpath.features.online.decode import TextMemory, decode
from towpath.features.online.key import coerce_all, encode_key, row_keys
from towpath.features.online.plain import PlainView
from towpath.features.online.plan import StatePlan, plan_of
from towpath.features.online.warm import warm
from towpath.features.plain_rows import PlainRows
from towpath.features.spine import spine_columns, spine_name
from towpath.features.view_reading import ViewReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.arrays import Array
    from towpath.features.feature_set import FeatureSet
    from towpath.features.online import OnlineStore
    from towpath.features.view import FeatureView
    from towpath.lake.dataset import Dataset

# Columns of the spine by name, a cell for each row.
Cells = dict[str, list[object]]


class Lookup:
    """Reads features from an online store, bit-equal to the training set's.

    Safe to use from several threads if the store is.

    Args:
        store: where views and the spine were materialised.
        feature_set: what to read.
        views: the views it names.
        datasets: the spine and the views' sources.

    Attributes:
        feature_set: as given.
        schema: dtype of each feature by name.
        definition: version of the definition.
        plain: reads a few rows by a shorter way; None where features take more.

    Raises:
        Invalid: the definition does not fit the views and datasets.
    """

    def __init__(
        self,
        store: OnlineStore,
        feature_set: FeatureSet,
        views: Mapping[str, FeatureView],
        datasets: Mapping[str, Dataset],
    ) -> None:
        validate(feature_set, views, datasets)
        self.feature_set = feature_set
        self.schema = feature_schema(feature_set, views, datasets)
        self.definition = definition_version(feature_set, views, datasets)
        self._store = store
        self._memory = TextMemory()
        self._spine = datasets[feature_set.spine]
        self._dtypes = {column.name: column.dtype for column in self._spine.columns}
        used = [(ref, views[ref.view]) for ref in feature_set.refs]
        self._plans = tuple(plan_of(view, datasets[view.source]) for _, view in used)
        keys = tuple(spine_keys(ref, view) for ref, view in used)
        self._keys = tuple(dict.fromkeys(keys))
        self._reader = ViewReader(store, self._plans, [self._keys.index(names) for names in keys])
        self._nullable = nullable_inputs(feature_set, views, datasets)
        self._kinds = {**self._dtypes, **self.schema}
        self._bound = {
            one.name: bind_sql(one, {name: self._kinds[name] for name in one.inputs})
            for one in feature_set.derived
            if one.sql
        }
        self._needed = self._needed_columns()
        self._places = {name: place for place, name in enumerate(self.schema)}
        self._chained = {name for one in feature_set.derived for name in one.inputs}
        self._decode = msgspec.msgpack.Decoder(list[object]).decode
        self._spine_columns = spine_columns(self._spine)
        self.plain = self._plain_rows()
        warm()

    @property
    def defaults(self) -> list[object]:
        """The declared values for unknown keys in the order of the schema, None where none is."""
        return [self.feature_set.defaults.get(name) for name in self.schema]

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns of the spine that a row must have."""
        return self._needed

    @property
    def views(self) -> tuple[StatePlan, ...]:
        """The views that are read, in the order of the feature set."""
        return self._plans

    def by_key(self, key: Mapping[str, object], at: int) -> dict[str, object] | None:
        """Return the features of the spine's row with that key at a time, None if unknown.

        Args:
            key: the spine's key columns.
            at: prediction time in microseconds UTC; it takes the place of the row's own.

        Raises:
            Invalid: the key lacks a column, or a value is of another type; or the time lies before
                what was materialised.
            NotFound: the spine or a view was never materialised.
            Conflict: a view was materialised by another release.
        """
        return self.by_keys([key], at)[0]

    def by_keys(
        self, keys: Sequence[Mapping[str, object]], at: int
    ) -> list[dict[str, object] | None]:
        """Return what ``by_key`` would for each key, read together."""
        columns = self.columns_by_keys(keys, at)
        rows: list[dict[str, object] | None] = [
            dict(zip(self.schema, values, strict=True)) for values in _rows(columns)
        ]
        for row in columns.missing:
            rows[row] = None
        return rows

    def by_rows(self, rows: Sequence[Mapping[str, object]], at: int) -> list[list[object]]:
        """Return the features of rows that the caller gives, each in the order of the schema.

        Args:
            rows: columns of the spine; those that no feature needs may be left out.
            at: prediction time in microseconds UTC; it takes the place of the row's own.

        Raises:
            Invalid: an unknown or missing column, a value of another type, or a time before what
                was materialised.
            NotFound: a view was never materialised.
            Conflict: a view was materialised by another release.
        """
        if self.plain is not None and len(rows) == 1:
            values = self.plain.values(rows[0], at)
            if values is not None:
                return [values]
        return _rows(self.columns_by_rows(rows, at))

    def columns_by_keys(self, keys: Sequence[Mapping[str, object]], at: int) -> Columns:
        """Return what ``by_keys`` does as columns; keys that the spine does not have are named."""
        spine = spine_name(self._spine.name)
        items = [Item(spine, META_KEY), *(Item(spine, self._encoded(key)) for key in keys)]
        meta, *packed = self._store.read(items)
        if meta is None:
            message = f"The rows of {self._spine.name!r} are not in the online store."
            raise NotFound(message, hint="Materialise them first: towpath feature materialize")
        known = [self._decode(value) for value in packed if value is not None]
        if any(len(row) != len(self._spine_columns) for row in known):
            message = f"The rows of {self._spine.name!r} online are of another contract."
            raise Conflict(message, hint="Materialise the spine again.")
        columns = zip(*known, strict=True) if known else [()] * len(self._spine_columns)
        cells = dict(zip(self._spine_columns, map(list, columns), strict=True))
        found = self._columns(cells, len(known), at)
        if len(known) == len(keys):
            return found
        places = np.array([place for place, one in enumerate(packed) if one is not None], int)
        missing = tuple(place for place, one in enumerate(packed) if one is None)
        return spread(found, places, missing)

    def columns_by_rows(self, rows: Sequence[Mapping[str, object]], at: int) -> Columns:
        """Return what ``by_rows`` does as columns."""
        names = dict.fromkeys(name for row in rows for name in row)
        given = {name: [row.get(name) for row in rows] for name in (*names, *self._needed)}
        return self.columns_of(given, len(rows), at)

    def columns_of(self, given: Mapping[str, Sequence[object]], rows: int, at: int) -> Columns:
        """Return the features of rows that the caller gives by column.

        Args:
            given: columns of the spine; those that no feature needs may be left out.
            rows: how many there are.
            at: prediction time in microseconds UTC.

        Raises:
            Invalid: as for ``by_rows``.
            NotFound: a view was never materialised.
            Conflict: a view was materialised by another release.
        """
        return self._columns(self._checked(given, rows), rows, at)

    def completed(self, given: Mapping[str, Sequence[object]], at: int, views: Columns) -> Columns:
        """Return what ``columns_of`` does where the caller knows the features of the views.

        Args:
            given: as for ``columns_of``.
            at: prediction time in microseconds UTC.
            views: the features of the views; the store is not asked.

        Raises:
            Invalid: as for ``by_rows``.
        """
        cells = self._checked(given, views.rows)
        cells[self.feature_set.at] = [at] * views.rows
        return self._complete(cells, views)

    def _plain_rows(self) -> PlainRows | None:
        """Return what reads a few rows by a shorter way; None where features take more."""
        if self.feature_set.derived or self.feature_set.columns or not self._plans:
            return None
        if not all(map(PlainView.fits, self._plans)):
            return None
        return PlainRows(self._reader, self._keys, self._dtypes)

    def freshness(self) -> dict[str, int]:
        """Return for each view the time, in microseconds, up to which its events are known.

        Raises:
            NotFound: a view was never materialised.
        """
        held = self._reader.generations()
        return {view: 0 if one is None else one.until for view, one in held.items()}

    def _needed_columns(self) -> tuple[str, ...]:
        """Return the spine columns that some feature reads, but for the prediction time."""
        inputs = (name for one in self.feature_set.derived for name in one.inputs)
        keys = (name for names in self._keys for name in names)
        used = dict.fromkeys((*keys, *self.feature_set.columns, *inputs))
        at = self.feature_set.at
        return tuple(name for name in used if name in self._dtypes and name != at)

    def _encoded(self, key: Mapping[str, object]) -> bytes:
        """Check a key and encode it as the spine's rows are."""
        wanted = self._spine.key
        if len(key) != len(wanted) or any(name not in key for name in wanted):
            message = f"The key has {', '.join(key) or 'no columns'}, not {', '.join(wanted)}."
            raise Invalid(message, hint="Give each column of the spine's key, and nothing else.")
        return encode_key([coerce_all([key[one]], self._dtypes[one], one)[0] for one in wanted])

    def _checked(self, given: Mapping[str, Sequence[object]], rows: int) -> Cells:
        """Return the columns of the spine that features need, checked."""
        for name in given:
            if name not in self._dtypes:
                message = f"The row has a column {name!r} that {self._spine.name!r} does not have."
                raise Invalid(message, hint=did_you_mean(name, self._dtypes))
        checked: Cells = {}
        for name in self._needed:
            cells = coerce_all(given.get(name) or [None] * rows, self._dtypes[name], name)
            if None in cells and not self._nullable[name]:
                message = (
                    f"The row has no {name!r}, which features of {self.feature_set.name!r} need."
                )
                raise Invalid(message, hint="Give it a value.")
            checked[name] = cells
        return checked

    def _columns(self, cells: Cells, rows: int, at: int) -> Columns:
        """Compute all features of rows."""
        cells[self.feature_set.at] = [at] * rows
        keys = [row_keys([cells[name] for name in names], rows) for names in self._keys]
        found: list[Values] = []
        known: list[Known] = []
        for one in self._reader.read(keys, at):
            found += decode(one.reading, self._memory, one.places)
            known.append(one.known)
        return self._complete(cells, Columns(rows, tuple(found), tuple(known)))

    def _complete(self, cells: Cells, views: Columns) -> Columns:
        """Add columns of the spine and derived features to those of the views."""
        found = list(views.features)
        found += [values_of(cells[one], self._dtypes[one]) for one in self.feature_set.columns]
        if self.feature_set.derived:
            self._derive(cells, found, views.rows)
        return Columns(views.rows, tuple(found), views.views)

    def _derive(self, cells: Cells, found: list[Values], rows: int) -> None:
        """Add the derived features, in order."""
        arrays: dict[str, Array] = {}
        vectors: dict[str, Vector] = {}
        for feature in self.feature_set.derived:
            given = {name: self._given(name, cells, found) for name in feature.inputs}
            if feature.sql:
                for name in given.keys() - vectors.keys():
                    vectors[name] = vector_from(cells_of(given[name]), self._kinds[name])
                computed, present = evaluate_sql(self._bound[feature.name], vectors, rows=rows)
            else:
                for name in given.keys() - arrays.keys():
                    kind, nullable = self._kinds[name], self._nullable[name]
                    arrays[name] = as_array(given[name], kind, nullable=nullable)
                computed, present = evaluate(feature, arrays, rows=rows)
            if feature.name in self._chained:
                arrays[feature.name] = as_input(computed, present)
            strings = feature.dtype == "string"
            values = computed.tolist() if strings else computed
            found.append(Values(values, with_gaps(present)))

    def _given(self, name: str, cells: Cells, found: Sequence[Values]) -> Values:
        """Return a spine column, or a feature that is already there."""
        if name in self._dtypes:
            return values_of(cells[name], self._kinds[name])
        return found[self._places[name]]


def _rows(columns: Columns) -> list[list[object]]:
    """Return the features row by row."""
    if not columns.features:
        return [[] for _ in range(columns.rows)]
    return [list(row) for row in zip(*map(cells_of, columns.features), strict=True)]
