"""Feature values at request time: from a key or a row to the values that the model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from towpath.core.errors import Conflict, Invalid, NotFound, did_you_mean
from towpath.core.instant import format_instant, from_micros
from towpath.core.record import from_json
from towpath.features.derived import as_input, bind_sql, evaluate, evaluate_sql
from towpath.features.engines.compile import CompiledView, compile_view
from towpath.features.engines.kernel.form import FACTS
from towpath.features.expression.vector import Vector, vector_from
from towpath.features.feature_set import (
    definition_version,
    feature_schema,
    nullable_inputs,
    spine_keys,
    validate,
)
from towpath.features.generation import Generation
from towpath.features.online.codec import (
    FOREIGN,
    NOTHING,
    OK,
    check_held,
    coerce,
    encode_key,
    read_string,
    sweep_block,
)
from towpath.features.spine import spine_columns, spine_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.arrays import Array
    from towpath.features.feature_set import FeatureSet
    from towpath.features.online import Buffer, OnlineStore
    from towpath.features.view import FeatureView
    from towpath.lake.dataset import Dataset

Row = dict[str, object]


class Source(NamedTuple):
    """A view as a feature set uses it: its plan, its spine columns and its features' full names."""

    view: str
    plan: CompiledView
    columns: tuple[str, ...]
    names: tuple[str, ...]


class Lookup:
    """Reads features from an online store, bit-equal to the training set's.

    Safe to use from several threads if the store is.

    Args:
        store: where views and the spine were materialised.
        feature_set: what to read.
        views: the views it names.
        datasets: the spine and the views' sources.

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
        self._spine = datasets[feature_set.spine]
        self._dtypes = {column.name: column.dtype for column in self._spine.columns}
        self._sources = tuple(_sources(feature_set, views, datasets))
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
        _compile_kernel()

    @property
    def defaults(self) -> list[object]:
        """The declared values for unknown keys in the order of the schema, None where none is."""
        return [self.feature_set.defaults.get(name) for name in self.schema]

    def by_key(self, key: Mapping[str, object], at: int) -> dict[str, object] | None:
        """Return the features of the spine's row with that key at a time, None if unknown.

        Args:
            key: the spine's key columns.
            at: prediction time in microseconds UTC; it takes the place of the row's own.

        Raises:
            Invalid: the key lacks a column, or a value is of another type; or the time lies before
                what was materialised.
            NotFound: the spine or a view was never materialised.
            Conflict: a view was materialised by another definition.
        """
        return self.by_keys([key], at)[0]

    def by_keys(
        self, keys: Sequence[Mapping[str, object]], at: int
    ) -> list[dict[str, object] | None]:
        """Return what ``by_key`` would for each key, read together."""
        spine = spine_name(self._spine.name)
        packed = self._store.read(spine, [self._encoded(key) for key in keys])
        places = [place for place, value in enumerate(packed) if value is not None]
        rows = [self._stored(value, at) for value in packed if value is not None]
        found: list[dict[str, object] | None] = [None] * len(keys)
        if rows:
            for place, values in zip(places, self._features(rows, at), strict=True):
                found[place] = dict(zip(self.schema, values, strict=True))
        return found

    def by_rows(self, rows: Sequence[Mapping[str, object]], at: int) -> list[list[object]]:
        """Return the features of rows that the caller gives, each in the order of the schema.

        Args:
            rows: columns of the spine; those that no feature needs may be left out.
            at: prediction time in microseconds UTC; it takes the place of the row's own.

        Raises:
            Invalid: an unknown or missing column, a value of another type, or a time before what
                was materialised.
            NotFound: a view was never materialised.
            Conflict: a view was materialised by another definition.
        """
        return self._features([self._checked(row, at) for row in rows], at) if rows else []

    def freshness(self) -> dict[str, int]:
        """Return for each view the time, in microseconds, up to which its events are known.

        Raises:
            NotFound: a view was never materialised.
        """
        found: dict[str, int] = {}
        for source in self._sources:
            meta = self._store.meta(source.view)
            if meta is None:
                message = f"View {source.view!r} is not in the online store."
                raise NotFound(message, hint="Materialise it first: towpath run")
            found[source.view] = from_json(meta, Generation).until
        return found

    def _needed_columns(self) -> tuple[str, ...]:
        """Return the spine columns that some feature reads, but for the prediction time."""
        inputs = (name for one in self.feature_set.derived for name in one.inputs)
        keys = (name for source in self._sources for name in source.columns)
        used = dict.fromkeys((*keys, *self.feature_set.columns, *inputs))
        at = self.feature_set.at
        return tuple(name for name in used if name in self._dtypes and name != at)

    def _encoded(self, key: Mapping[str, object]) -> bytes:
        """Check a key and encode it as the spine's rows are."""
        wanted = self._spine.key
        if len(key) != len(wanted) or any(name not in key for name in wanted):
            message = f"The key has {', '.join(key) or 'no columns'}, not {', '.join(wanted)}."
            raise Invalid(message, hint="Give each column of the spine's key, and nothing else.")
        return encode_key([coerce(key[name], self._dtypes[name], name) for name in wanted])

    def _stored(self, value: Buffer, at: int) -> Row:
        """Decode a row of the spine and set its prediction time."""
        values = self._decode(value)
        if len(values) != len(self._spine_columns):
            message = f"The rows of {self._spine.name!r} online are of another contract."
            raise Conflict(message, hint="Materialise the spine again.")
        row = dict(zip(self._spine_columns, values, strict=True))
        row[self.feature_set.at] = at
        return row

    def _checked(self, row: Mapping[str, object], at: int) -> Row:
        """Check a caller's row against the spine's contract and set its prediction time."""
        for name in row:
            if name not in self._dtypes:
                message = f"The row has a column {name!r} that {self._spine.name!r} does not have."
                raise Invalid(message, hint=did_you_mean(name, self._dtypes))
        checked: Row = {self.feature_set.at: at}
        for name in self._needed:
            value = coerce(row.get(name), self._dtypes[name], name)
            if value is None and not self._nullable[name]:
                message = (
                    f"The row has no {name!r}, which features of {self.feature_set.name!r} need."
                )
                raise Invalid(message, hint="Give it a value.")
            checked[name] = value
        return checked

    def _features(self, rows: Sequence[Row], at: int) -> list[list[object]]:
        """Compute all features of rows, one list a row, in the order of the schema."""
        found: list[list[object]] = [[] for _ in rows]
        for source in self._sources:
            self._read(source, rows, at, found)
        for row, values in zip(rows, found, strict=True):
            values += [row[name] for name in self.feature_set.columns]
        self._derive(rows, found)
        return found

    def _read(
        self, source: Source, rows: Sequence[Row], at: int, found: Sequence[list[object]]
    ) -> None:
        """Add one view's features to each row; keys without events share one empty block."""
        parts = [[row[name] for name in source.columns] for row in rows]
        keys = [NOTHING if None in part else encode_key(part) for part in parts]
        keys.append(NOTHING)
        blocks = self._store.read(source.view, keys)
        none = blocks.pop()
        for values, block in zip(found, blocks, strict=True):
            values.extend(_sweep(source, none if block is None else block, at))

    def _derive(self, rows: Sequence[Row], found: Sequence[list[object]]) -> None:
        """Add the derived features, in order."""
        arrays: dict[str, Array] = {}
        vectors: dict[str, Vector] = {}
        for feature in self.feature_set.derived:
            given = {name: self._given(name, rows, found) for name in feature.inputs}
            if feature.sql:
                for name in given.keys() - vectors.keys():
                    vectors[name] = vector_from(given[name], self._kinds[name])
                bound = self._bound[feature.name]
                computed, present = evaluate_sql(bound, vectors, rows=len(rows))
            else:
                for name in given.keys() - arrays.keys():
                    nullable = self._nullable[name]
                    arrays[name] = _array(given[name], self._kinds[name], nullable=nullable)
                computed, present = evaluate(feature, arrays, rows=len(rows))
            if feature.name in self._chained:
                arrays[feature.name] = as_input(computed, present)
            columns = zip(found, computed.tolist(), present.tolist(), strict=True)
            for values, value, here in columns:
                values.append(value if here else None)

    def _given(self, name: str, rows: Sequence[Row], found: Sequence[list[object]]) -> list[object]:
        """Return the values of a spine column or of a feature that is already there."""
        if name in self._dtypes:
            return [row[name] for row in rows]
        place = self._places[name]
        return [values[place] for values in found]


def _sweep(source: Source, block: Buffer | None, at: int) -> list[object]:
    """Compute one view's features from a block."""
    plan = source.plan
    results = np.zeros((2, len(source.names)), dtype=np.int64)
    data = NOTHING if block is None else block
    outcome = sweep_block(
        np.frombuffer(data, np.uint8), (plan.specs, plan.windows), plan.layout, at, results
    )
    if outcome != OK:
        raise _refused(source.view, outcome, at)
    numbers, here = results.tolist()
    reals = results[0].view(np.float64).tolist()
    return [
        (real if kind == "float64" else _value(kind, number, data)) if there else None
        for kind, number, real, there in zip(plan.results, numbers, reals, here, strict=True)
    ]


def _sources(
    feature_set: FeatureSet, views: Mapping[str, FeatureView], datasets: Mapping[str, Dataset]
) -> list[Source]:
    """Compile the views that a feature set uses."""
    sources = []
    for ref in feature_set.refs:
        view = views[ref.view]
        source = datasets[view.source]
        dtypes = {name: source.column(view.source_column(name)).dtype for name in view.used}
        names = tuple(f"{ref.name}__{feature.name}" for feature in view.features)
        plan = compile_view(view, dtypes)
        check_held(view.name, plan)
        sources.append(Source(view.name, plan, spine_keys(ref, view), names))
    return sources


def _compile_kernel() -> None:
    """Load the compiled kernel now, so that no request waits for it."""
    nothing = np.frombuffer(NOTHING, np.uint8)
    plan = (np.empty((0, FACTS), np.int64), np.empty((0, 2), np.int64))
    sweep_block(nothing, plan, 0, 0, np.empty((2, 0), np.int64))


def _value(kind: str, number: int, data: Buffer) -> object:
    """Turn a result that is no float into a Python value."""
    if kind == "string":
        return read_string(data, number)
    return bool(number) if kind == "bool" else number


def _array(values: list[object], kind: str, *, nullable: bool) -> Array:
    """Return values in the form in which derived functions receive them."""
    if kind == "string":
        return np.array(values, dtype=object)
    if nullable or kind == "float64":
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=np.bool_ if kind == "bool" else np.int64)


def _refused(view: str, outcome: int, at: int) -> Conflict | Invalid:
    """Say why a block was not read."""
    if outcome == FOREIGN:
        message = f"View {view!r} was materialised by another definition or release."
        return Conflict(message, hint="Materialise it again.")
    message = (
        f"View {view!r} was not materialised as far back as {format_instant(from_micros(at))}."
    )
    return Invalid(message, hint="Materialise it with a longer history, or ask for a later time.")
