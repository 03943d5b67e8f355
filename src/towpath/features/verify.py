"""Verify: recompute the features of logged predictions from the lake, and compare."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.record import Record
from towpath.features.arrays import ARROW_TYPES, micros_of, to_values
from towpath.features.as_read import SLACK, Reads, was_pushed
from towpath.features.engines import SEQUENCE
from towpath.features.engines.order import key_codes
from towpath.features.feature_set import definition_version, feature_schema
from towpath.features.online.key import coerce
from towpath.features.snapshot import Snapshot
from towpath.features.spine import latest_rows, spine_columns
from towpath.features.training import add_features
from towpath.lake.system import FROM_DEFAULTS, FROM_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.features.arrays import Column
    from towpath.features.engines import Engine
    from towpath.features.feature_set import FeatureSet
    from towpath.features.view import FeatureView
    from towpath.lake.dataset import Dataset
    from towpath.lake.lake import Lake

# Derived floats may differ in the last bits, as NumPy's vectorised functions round otherwise on
# one row than on many. Everything else is compared bit for bit.
DERIVED_TOLERANCE = 1e-12
ASKED_BY_ROW, DEFAULTS, UNKNOWN_KEY = "asked by row", "answered by defaults", "unknown key"
OTHER_DEFINITION = "another definition"
SHOWN = 20


class Mismatch(Record, frozen=True):
    """One value that differs.

    Args:
        key: the prediction's key, as logged.
        feature: the feature's name.
        logged: the value that the model read.
        recomputed: the value in the lake.
    """

    key: str
    feature: str
    logged: str
    recomputed: str


class VerifyReport(Record, frozen=True):
    """What the comparison found.

    Args:
        checked: predictions that were compared.
        values: values that were compared.
        mismatches: values that differ.
        stale: predictions asked for a time after the one up to which events were materialised
            that differ, where no rows were pushed through the log of pushes: they are not counted,
            as they may have read events that the lake does not know.
        skipped: further predictions that were not compared, by reason.
        by_feature: mismatches by feature, of those that have any.
        first: the first of them.
    """

    checked: int
    values: int
    mismatches: int
    stale: int = 0
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    by_feature: dict[str, int] = msgspec.field(default_factory=dict)
    first: tuple[Mismatch, ...] = ()


def verify(
    lake: Lake,
    feature_set: FeatureSet,
    views: Mapping[str, FeatureView],
    engine: Engine,
    *,
    predictions: pa.Table,
) -> VerifyReport:
    """Recompute logged features at their prediction times and compare every value.

    A value is right if it is that of all events that the lake has, or that of those which could
    be read online when it was logged: from the arrival on for what was pushed to both, and from a
    materialisation on for the rest. What was pushed online alone is not in the lake, and differs.

    Args:
        lake: holds the spine and the views' sources.
        feature_set: what the model read.
        views: the views it names.
        engine: computes the training side.
        predictions: ``key``, ``at``, ``logged_at``, ``features``, ``features_from`` and
            ``features_until`` as in the dataset ``predictions``; and ``definition``, the version
            of the features' definition that the model was trained on.

    Raises:
        Invalid: a logged key does not fit the spine's.
    """
    dataset = lake.datasets[feature_set.spine]
    definition = definition_version(feature_set, views, lake.datasets)
    predictions, left = _comparable(predictions, definition)
    known, rows = _spine_rows(lake, dataset, predictions)
    left[UNKNOWN_KEY] = known.size - rows.num_rows
    rows = _at(rows, feature_set.at, predictions["at"].filter(pa.array(known)))
    logged = predictions.filter(pa.array(known))
    asked = _Asked(lake, feature_set, views, engine)
    found = asked.differing(logged, rows)
    pushed = any(was_pushed(lake, views[ref.view].source) for ref in feature_set.refs)
    stale = set() if pushed else {place for place, _ in found} & _stale(logged)
    mismatches = [one for place, one in found if place not in stale]
    names = [one.feature for one in mismatches]
    checked = rows.num_rows - len(stale)
    return VerifyReport(
        checked=checked,
        values=checked * len(asked.schema),
        mismatches=len(mismatches),
        stale=len(stale),
        skipped={reason: count for reason, count in left.items() if count},
        by_feature={name: names.count(name) for name in dict.fromkeys(names)},
        first=tuple(mismatches[:SHOWN]),
    )


class _Asked:
    """What was read, as the lake has it."""

    def __init__(
        self,
        lake: Lake,
        feature_set: FeatureSet,
        views: Mapping[str, FeatureView],
        engine: Engine,
    ) -> None:
        self.schema = list(feature_schema(feature_set, views, lake.datasets))
        self._lake = lake
        self._set = feature_set
        self._views = views
        self._engine = engine
        self._derived = {one.name for one in feature_set.derived if one.dtype == "float64"}

    def differing(self, logged: pa.Table, rows: pa.Table) -> list[tuple[int, Mismatch]]:
        """Return the values that are neither those of all events nor of those that were there."""
        found = self._differing(logged, rows, None)
        read = {place for place, _ in found} & _read_online(logged)
        if not read:
            return found
        places = sorted(read)
        logged, rows = logged.take(places), rows.take(places)
        at = micros_of(logged["logged_at"]).to_numpy()
        wrong = {(place, one.feature) for place, one in found}
        # What was on its way at the time of a read may or may not have been there.
        for reads in (Reads(at, early=False), Reads(at + SLACK, early=True)):
            again = self._differing(logged, rows, reads)
            differ = {(places[place], one.feature) for place, one in again}
            wrong -= {one for one in wrong if one[0] in read and one not in differ}
        return [(place, one) for place, one in found if (place, one.feature) in wrong]

    def _differing(
        self, logged: pa.Table, rows: pa.Table, reads: Reads | None
    ) -> list[tuple[int, Mismatch]]:
        """Compute the features of rows and compare them."""
        snapshot = Snapshot(self._lake, reads=reads)
        table = add_features(snapshot, self._set, self._views, labels=rows, engine=self._engine)
        return _compare(logged, table.select(self.schema), self._derived)


def _read_online(logged: pa.Table) -> set[int]:
    """Return the places of predictions whose features were read online, and when is known."""
    if "logged_at" not in logged.column_names:
        return set()
    return set(np.flatnonzero(logged["features_until"].is_valid().to_numpy()).tolist())


def _stale(logged: pa.Table) -> set[int]:
    """Return the places of predictions for a time after what was materialised."""
    asked, known = (to_values(logged[name]) for name in ("at", "features_until"))
    pairs = zip(asked, known, strict=True)
    return {
        place
        for place, (at, until) in enumerate(pairs)
        if until is not None and cast("int", at) > cast("int", until)
    }


def _comparable(predictions: pa.Table, definition: str) -> tuple[pa.Table, dict[str, int]]:
    """Return the predictions that the lake can tell the values of, and why how many are not.

    What a caller gave in a row, or what a default stood for, is not in the lake.
    """
    left: dict[str, int] = {}
    for reason, condition in (
        (ASKED_BY_ROW, pc.field("features_from") == FROM_ROW),
        (DEFAULTS, pc.field("features_from") == FROM_DEFAULTS),
        (OTHER_DEFINITION, pc.field("definition") != definition),
    ):
        kept = predictions.filter(~condition)
        left[reason] = predictions.num_rows - kept.num_rows
        predictions = kept
    return predictions, left


def _compare(logged: pa.Table, table: pa.Table, derived: set[str]) -> list[tuple[int, Mismatch]]:
    """Compare each value, feature by feature; return the place of each that differs with it.

    ``derived`` are those with a tolerance.
    """
    features = _objects(logged["features"])
    keys = [str(key) for key in logged["key"].to_pylist()]
    found: list[tuple[int, Mismatch]] = []
    for name in table.column_names:
        tolerance = DERIVED_TOLERANCE if name in derived else 0.0
        for place, wanted in enumerate(to_values(table[name])):
            given = features[place].get(name)
            if not _same(given, wanted, tolerance):
                found.append((place, Mismatch(keys[place], name, repr(given), repr(wanted))))
    return found


def _spine_rows(
    lake: Lake, dataset: Dataset, predictions: pa.Table
) -> tuple[npt.NDArray[np.bool_], pa.Table]:
    """Return which predictions have a row in the spine, and those rows in their order."""
    stored = lake[dataset.name].scan([*spine_columns(dataset), SEQUENCE])
    stored = latest_rows(stored, dataset)
    keys = _objects(predictions["key"])
    given = pa.table({name: _key_part(keys, dataset, name) for name in dataset.key})
    codes, wanted = key_codes(stored, given, dataset.key)
    order = np.argsort(codes, kind="stable")
    places = np.searchsorted(codes[order], wanted)
    inside = places < codes.size
    known = inside.copy()
    known[inside] = (codes[order][places[inside]] == wanted[inside]) & (wanted[inside] >= 0)
    return known, stored.take(order[places[known]])


def _objects(texts: Column) -> list[dict[str, object]]:
    """Read a column of JSON objects."""
    return [json.loads(str(text)) for text in texts.to_pylist()]


def _key_part(
    keys: list[dict[str, object]], dataset: Dataset, name: str
) -> pa.Array[pa.Scalar[pa.DataType]]:
    """Read one part of the logged keys as its column's type; one that was not given is null."""
    dtype = dataset.column(name).dtype
    values = [coerce(key.get(name), dtype, name) for key in keys]
    if dtype == "date":
        return pa.array(values, pa.string()).cast(pa.date32())
    kind = ARROW_TYPES[dtype]
    return (
        pa.array(values, pa.int64()).cast(kind) if dtype == "timestamp" else pa.array(values, kind)
    )


def _at(rows: pa.Table, name: str, at: Column) -> pa.Table:
    """Give rows the times at which they were predicted."""
    times = micros_of(at).cast(ARROW_TYPES["timestamp"])
    return rows.set_column(rows.column_names.index(name), name, times)


def _same(logged: object, recomputed: object, tolerance: float) -> bool:
    """Compare two values; with a tolerance, relative to the greater of two floats."""
    if isinstance(logged, str) and isinstance(recomputed, float):
        logged = float(logged)  # JSON has no infinity, so the log writes it as text.
    if logged == recomputed:
        return True
    both = (logged, recomputed)
    if not tolerance or not all(isinstance(one, int | float) for one in both):
        return False
    return math.isclose(float(logged), float(recomputed), rel_tol=tolerance)  # type: ignore[arg-type]
