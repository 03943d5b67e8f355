"""Explain: which events made each feature of a key, and whether they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.types as kinds

from towpath.core.errors import NotFound, Unavailable, did_you_mean
from towpath.core.instant import from_micros
from towpath.features.arrays import to_values
from towpath.features.cells import cells_of
from towpath.features.describe import described
from towpath.features.engines import TIME
from towpath.features.explanation import (
    STATUS,
    ExplainedEvent,
    ExplainedFeature,
    ExplainedView,
    Explanation,
    Window,
    instant_or_none,
    key_text,
    reason_of,
    window_of,
)
from towpath.features.feature_set import spine_keys
from towpath.features.lookup import Lookup
from towpath.features.online import Item
from towpath.features.online.event_table import ORIGIN, event_table
from towpath.features.online.key import coerce, encode_key
from towpath.features.online.state import key_events
from towpath.features.spine import spine_columns, spine_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.columns import Columns, Known
    from towpath.features.engines import Engine
    from towpath.features.feature_set import FeatureSet
    from towpath.features.online import OnlineStore
    from towpath.features.online.plan import StatePlan
    from towpath.features.view import Aggregate, FeatureView, Latest, ViewRef
    from towpath.lake.dataset import Dataset

MOST_EVENTS = 20
# So often is a key looked at that another writer changes meanwhile.
ATTEMPTS = 20
NO_RESULT = "its events give no number: too few of them, or none that 64 bits hold"
Row = dict[str, object]


class _Use(NamedTuple):
    """A view in the feature set."""

    ref: ViewRef
    view: FeatureView
    plan: StatePlan
    columns: tuple[str, ...]


class _Seen(NamedTuple):
    """What a view has of the key."""

    use: _Use
    found: ExplainedView
    events: pa.Table


class Explainer:
    """Explains features of one feature set, as they are read from an online store.

    The value is read as serving reads it, and computed again, by an engine of training sets, from
    the very events that are shown.

    Args:
        store: where views and the spine were materialised.
        feature_set: what to explain.
        views: the views it names.
        datasets: the spine and the views' sources.
        engine: computes values again.

    Raises:
        Invalid: the definition does not fit the views and datasets.

    Example:
        >>> from towpath.features.engines.embedded import EmbeddedEngine
        >>> from towpath.features.feature_set import FeatureSet
        >>> from towpath.features.online.memory import MemoryStore
        >>> from towpath.lake.dataset import Column, Dataset
        >>> columns = (Column("trip", "int64"), Column("seats", "int64"), Column("at", "timestamp"))
        >>> datasets = {"trips": Dataset("trips", columns, key=("trip",))}
        >>> store, row = MemoryStore(), msgspec.msgpack.encode([1, 4, 0])
        >>> store.write("spine.trips", [(encode_key([1]), b"", row)], b"{}", replaces=None)
        >>> fare = FeatureSet("fare", "trips", "at", columns=("seats",))
        >>> explainer = Explainer(store, fare, {}, datasets, engine=EmbeddedEngine(1))
        >>> [(one.value, one.computed) for one in explainer.explain({"trip": 1}, 5).features]
        [(4, 'column of trips')]
    """

    def __init__(
        self,
        store: OnlineStore,
        feature_set: FeatureSet,
        views: Mapping[str, FeatureView],
        datasets: Mapping[str, Dataset],
        *,
        engine: Engine,
    ) -> None:
        """Open the look-up."""
        self._store = store
        self._engine = engine
        self._lookup = Lookup(store, feature_set, views, datasets)
        self._spine = datasets[feature_set.spine]
        self._uses = tuple(
            _Use(ref, views[ref.view], plan, spine_keys(ref, views[ref.view]))
            for ref, plan in zip(feature_set.refs, self._lookup.views, strict=True)
        )

    def explain(
        self, key: Mapping[str, object], at: int, *, feature: str = "", most: int = MOST_EVENTS
    ) -> Explanation:
        """Say what made the features of the spine's row with a key at a time.

        Args:
            key: the spine's key columns.
            at: time in microseconds UTC.
            feature: only this one; all unless given.
            most: how many events of each are listed at most.

        Raises:
            NotFound: no such feature or key, or nothing is materialised.
            Invalid: the key lacks a column, or a value is of another type; or the time lies before
                what was materialised.
            Unavailable: the key changes faster than it can be read.
        """
        schema = self._lookup.schema
        if feature and feature not in schema:
            name = self._lookup.feature_set.name
            message = f"Feature set {name!r} has no feature {feature!r}."
            raise NotFound(message, hint=did_you_mean(feature, schema))
        row, columns, seen = self._read(key, at)
        cells = (cells_of(one)[0] for one in columns.features)
        values = dict(zip(schema, cells, strict=True))
        explained = [
            one
            for each in seen
            for one in self._of_view(each, values, at, feature=feature, most=most)
        ]
        explained += self._others(values, {**row, self._lookup.feature_set.at: at}, feature)
        return Explanation(
            feature_set=self._lookup.feature_set.name,
            key=dict(key),
            at=from_micros(at),
            views=tuple(
                each.found
                for each in seen
                if not feature or any(one.view == each.found.name for one in explained)
            ),
            features=tuple(explained),
        )

    def _read(self, key: Mapping[str, object], at: int) -> tuple[Row, Columns, list[_Seen]]:
        """Read the spine's row, the features, and the events of the same states."""
        # Refuses a key that cannot be, and a time that is not there.
        self._lookup.columns_by_keys([key], at)
        for _ in range(ATTEMPTS):
            row = self._row(key)
            if row is None:
                message = f"No row of {self._spine.name!r} has the key {key_text(dict(key))}."
                hint = "Materialise newer rows: towpath feature materialize"
                raise NotFound(message, hint=hint)
            roots = self._roots(row)
            try:
                events = [self._events(use, row) for use in self._uses]
            except LookupError:
                # A chunk went while its root was read.
                continue
            columns = self._lookup.columns_by_keys([key], at)
            if (self._row(key), self._roots(row)) == (row, roots):
                return (
                    row,
                    columns,
                    [
                        _Seen(use, _found(use, row, known, table.num_rows), table)
                        for use, known, table in zip(self._uses, columns.views, events, strict=True)
                    ],
                )
        message = f"The key {key_text(dict(key))} changes faster than it can be read."
        raise Unavailable(message, hint="Retry.")

    def _row(self, key: Mapping[str, object]) -> Row | None:
        """Read the spine's row of a key, None if there is none."""
        values = [coerce(key[one], self._spine.column(one).dtype, one) for one in self._spine.key]
        (data,) = self._store.read([Item(spine_name(self._spine.name), encode_key(values))])
        if data is None:
            return None
        cells = msgspec.msgpack.decode(data, type=list[object])
        return dict(zip(spine_columns(self._spine), cells, strict=True))

    def _roots(self, row: Row) -> list[bytes | None]:
        """Read the root of each view's key; it names all else of the key by its content."""
        items = [
            Item(use.plan.area, key) for use in self._uses if (key := _key(use, row)) is not None
        ]
        return [None if one is None else bytes(one) for one in self._store.read(items)]

    def _events(self, use: _Use, row: Row) -> pa.Table:
        """Read the events of a view's key; a missing part matches none."""
        key = _key(use, row)

        def get(part: bytes) -> bytes | None:
            if key is None:
                return None
            (data,) = self._store.read([Item(use.plan.area, key, part)])
            return None if data is None else bytes(data)

        return event_table(use.plan, key_events(use.plan, get))

    def _of_view(
        self, seen: _Seen, values: Row, at: int, *, feature: str, most: int
    ) -> list[ExplainedFeature]:
        """Explain the features of one view."""
        wanted = {
            name: one
            for one in seen.use.view.features
            if (name := f"{seen.use.ref.name}__{one.name}") == feature or not feature
        }
        windows: dict[Window, list[Aggregate | Latest]] = {}
        for one in wanted.values():
            windows.setdefault(window_of(one, seen.use.view, at), []).append(one)
        found: dict[str, ExplainedFeature] = {}
        times = seen.events[TIME].to_numpy()
        for window, features in windows.items():
            counted = seen.events.filter(pa.array(window.mask(times)))
            again = self._recomputed(seen.use.view, features, counted, at)
            for one in features:
                name = f"{seen.use.ref.name}__{one.name}"
                told = _explained(one, seen, window, counted, most=most)
                value, computed = values[name], again[one.name]
                reason = told.reason or (NO_RESULT if value is None else "")
                found[name] = told.replace(
                    name=name,
                    value=value,
                    reason=reason,
                    recomputed=computed,
                    agrees=repr(value) == repr(computed),
                )
        return [found[name] for name in wanted]

    def _recomputed(
        self, view: FeatureView, features: Sequence[Aggregate | Latest], events: pa.Table, at: int
    ) -> Row:
        """Compute features from events as a training set would."""
        # All events are of one key already: without keys, each is that of the label.
        only = view.replace(features=tuple(features), keys=(), where="", columns={})
        table = self._engine.compute(only, events, pa.table({TIME: pa.array([at], pa.int64())}))
        return {name: _plain(table[name]) for name in table.column_names}

    def _others(self, values: Row, row: Row, feature: str) -> list[ExplainedFeature]:
        """Explain columns of the spine and derived features."""
        chosen = self._lookup.feature_set
        found = [
            ExplainedFeature(name, values[name], f"column of {chosen.spine}")
            for name in chosen.columns
        ]
        for one in chosen.derived:
            how = one.sql or f"function {getattr(one.function, '__name__', one.name)}"
            inputs = {name: values[name] if name in values else row[name] for name in one.inputs}
            told = ExplainedFeature(one.name, values[one.name], how, inputs=inputs)
            if told.value is None:
                missing = [name for name, value in inputs.items() if value is None]
                told = told.replace(reason=f"{missing[0]} is missing" if missing else "")
            found.append(told)
        return [one for one in found if feature in ("", one.name)]


def _key(use: _Use, row: Row) -> bytes | None:
    """Return the key by which a view is asked for a row, None where a part of it is missing."""
    values = [row[name] for name in use.columns]
    return None if None in values else encode_key(values)


def _found(use: _Use, row: Row, known: Known, events: int) -> ExplainedView:
    """Say what a view knows of the key."""
    status = STATUS[0 if known.status is None else int(known.status[0])]
    newest = int(known.newest[0]) if status != "NOT_FOUND" else None
    keys = {name: row[column] for name, column in zip(use.view.keys, use.columns, strict=True)}
    return ExplainedView(use.ref.name, keys, status, instant_or_none(newest), events)


def _explained(
    feature: Aggregate | Latest, seen: _Seen, window: Window, counted: pa.Table, *, most: int
) -> ExplainedFeature:
    """Say what a feature was made of, but for its value."""
    column = feature.column
    last = counted.slice(max(counted.num_rows - most, 0)) if most else counted.slice(0, 0)
    cells = to_values(last[column]) if column else [None] * last.num_rows
    times = last[TIME].to_numpy().tolist()
    events = zip(times, cells, last[ORIGIN].to_pylist(), strict=True)
    newest = [
        ExplainedEvent(from_micros(time), value, "pushed" if pushed else "lake")
        for time, value, pushed in events
    ]
    missing = counted[column].null_count if column else 0
    return ExplainedFeature(
        name=feature.name,
        value=None,
        computed=described(feature, seen.use.view),
        reason=reason_of(feature, seen.use.view, seen.found, seen=(counted.num_rows, missing)),
        view=seen.use.ref.name,
        since=instant_or_none(window.since),
        includes_since=window.includes_since,
        until=from_micros(window.until),
        includes_until=window.includes_until,
        events=counted.num_rows,
        missing=missing,
        newest=tuple(newest[::-1]),
    )


def _plain(column: pa.ChunkedArray[Any]) -> object:
    """Return the only value of a column, as serving has it."""
    if kinds.is_list(column.type) and kinds.is_timestamp(column.type.value_type):
        column = column.cast(pa.list_(pa.int64()))
    return to_values(column)[0]
