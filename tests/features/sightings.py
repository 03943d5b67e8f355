"""A small lake of sightings of cars, and answers held against the oracle, row by row."""

from __future__ import annotations

import math
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tests.features import oracle

from towpath.catalog.database import Database
from towpath.core.clock import SimulatedClock
from towpath.core.instant import from_micros, to_micros
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.feature_set import FeatureSet, spine_keys
from towpath.features.snapshot import Snapshot
from towpath.features.training import add_features
from towpath.features.view import Aggregate, FeatureView, Latest
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Row = dict[str, Any]

START = 1_356_998_400_000_000
MINUTE = 60_000_000
HOUR = 60 * MINUTE
TTL = timedelta(hours=1)
UTC_MICROS = pa.timestamp("us", "UTC")

SIGHTINGS = Dataset(
    "sightings",
    (
        Column("car", "string", nullable=True),
        Column("lot", "int64", nullable=True),
        Column("km", "int64", nullable=True),
        Column("fare", "float64", nullable=True),
        Column("kind", "string", nullable=True),
        Column("seen", "timestamp", nullable=True),
    ),
    event_time="seen",
)
ASKS = Dataset(
    "asks",
    (
        Column("ask", "int64"),
        Column("car", "string", nullable=True),
        Column("other", "string", nullable=True),
        Column("lot", "int64", nullable=True),
        Column("speed", "float64", nullable=True),
        Column("at", "timestamp"),
    ),
    key=("ask",),
)
EVENTS: dict[str, pa.DataType] = {
    "car": pa.string(),
    "kind": pa.string(),
    "lot": pa.int64(),
    "km": pa.int64(),
    "fare": pa.float64(),
    "seen": UTC_MICROS,
}
LABELS: dict[str, pa.DataType] = {
    "car": pa.string(),
    "other": pa.string(),
    "lot": pa.int64(),
    "speed": pa.float64(),
    "at": UTC_MICROS,
}
LATEST = (Latest("km"), Latest("fare"), Latest("kind"))
CAR = FeatureView("car", "sightings", ("car",), LATEST, ttl=TTL)
WINDOWS = FeatureView(
    "recent",
    "sightings",
    ("car",),
    tuple(
        Aggregate(function, column, TTL)
        for column in ("km", "fare")
        for function in ("count", "sum", "mean", "min", "max")
    ),
)
RIDE = FeatureSet("ride", "asks", "at", ("car", "recent"))


def moment(minutes: float | None) -> int | None:
    """Return a time of the lake, in minutes from its start."""
    return None if minutes is None else START + round(minutes * MINUTE)


def sighting(car: str | None, minutes: float | None, km: int | None = 1, **more: object) -> Row:
    """Return an event at so many minutes from the start."""
    return {"car": car, "seen": moment(minutes), "km": km, **more}


def ask(car: str | None, minutes: float | None, **more: object) -> Row:
    """Return a label at so many minutes from the start."""
    return {"car": car, "at": moment(minutes), **more}


def label_table(rows: Sequence[Row]) -> pa.Table:
    """Return labels as a table."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names or ("car", "at")}
    return pa.table({name: _column(values, LABELS.get(name)) for name, values in columns.items()})


def _column(values: list[Any], kind: pa.DataType | None) -> pa.Array[Any]:
    """Return values as a column; times are given in microseconds."""
    if kind == UTC_MICROS:
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values) if kind is None else pa.array(values, kind)


class Sightings:
    """A lake into which batches of sightings come, one after the other."""

    def __init__(self, root: Path, db: Database) -> None:
        self.clock = SimulatedClock(from_micros(START))
        store = DeltaTableStore("file:lake", root, db)
        datasets = {"sightings": SIGHTINGS, "asks": ASKS}
        self.lake = Lake(store, db, datasets, clock=self.clock)
        self.events: list[Row] = []

    def come(self, *rows: Row, minutes: float = 0) -> None:
        """Ingest a batch, at so many minutes from the start."""
        came = moment(minutes)
        assert came is not None
        self.clock.move_to(from_micros(came))
        table = {
            name: _column([row.get(name) for row in rows], kind) for name, kind in EVENTS.items()
        }
        self.lake.ingest("sightings", pa.table(table), mode="append")
        for row in rows:
            order = {oracle.TIME: row["seen"], oracle.SEQUENCE: len(self.events), oracle.CAME: came}
            self.events.append({**dict.fromkeys(EVENTS), **row, **order})

    def answer(
        self,
        labels: object,
        *views: FeatureView,
        feature_set: FeatureSet = RIDE,
        visible_after: timedelta | None = None,
    ) -> pa.Table:
        """Compute a training set."""
        known = {view.name: view for view in (views or (CAR, WINDOWS))}
        if feature_set is RIDE and views:
            feature_set = RIDE.replace(views=tuple(known))
        snapshot = Snapshot(self.lake, visible_after=visible_after)
        return add_features(snapshot, feature_set, known, labels=labels, engine=EmbeddedEngine(2))

    def checked(
        self, labels: Sequence[Row], *views: FeatureView, visible_after: timedelta | None = None
    ) -> list[Row]:
        """Compute a training set, hold every cell against the oracle, and return its rows."""
        table = self.answer(label_table(labels), *views, visible_after=visible_after)
        found = table.to_pylist()
        assert len(found) == len(labels)
        after = None if visible_after is None else visible_after // timedelta(microseconds=1)
        for row, label in zip(found, labels, strict=True):
            for view in views or (CAR, WINDOWS):
                key = {name: label.get(column) for name, column in _keys(view)}
                wanted = oracle.features(view, self.events, key, label["at"], visible_after=after)
                for one in view.features:
                    inexact = isinstance(one, Aggregate) and one.function == "std"
                    compare = assert_close if inexact else assert_same
                    compare(row[f"{view.name}__{one.name}"], wanted[one.name])
        return found


def assert_same(found: object, wanted: object) -> None:
    """Hold a value against the oracle's."""
    assert found == wanted, f"{found!r} is not {wanted!r}"


def assert_close(found: object, wanted: object) -> None:
    """Hold a deviation against the oracle's, but for its last bits."""
    if wanted is None:
        assert found is None
    else:
        assert isinstance(wanted, float)
        assert isinstance(found, float)
        assert math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-300)


def _keys(view: FeatureView) -> list[tuple[str, str]]:
    return list(zip(view.keys, spine_keys(view.on(), view), strict=True))


@contextmanager
def open_sightings(root: Path) -> Iterator[Sightings]:
    """Open an empty lake in a folder."""
    with Database.open("sqlite:catalog.db", root) as db:
        yield Sightings(root, db)


def micros(table: pa.Table, column: str) -> list[int | None]:
    """Return a column of times in microseconds."""
    return [None if one is None else to_micros(one) for one in table[column].to_pylist()]
