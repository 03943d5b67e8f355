"""A lake, an online store and a plain set of events, to which the same is done."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tests.features import oracle
from tests.features.sightings import HOUR, MINUTE, START, UTC_MICROS, assert_close, assert_same

from towpath.core.clock import SimulatedClock
from towpath.core.errors import Invalid, NotFound
from towpath.core.instant import from_micros
from towpath.features.engines.kernel.block import PUSHED
from towpath.features.feature_set import FeatureSet
from towpath.features.generation import read_generation, read_meta
from towpath.features.lookup import Lookup
from towpath.features.materialize import materialize
from towpath.features.online.plan import plan_of
from towpath.features.push import push
from towpath.features.view import Aggregate, FeatureView, Latest, aggregates
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from towpath.catalog.database import Database
    from towpath.features.online import OnlineStore

Row = dict[str, Any]

RIDES = Dataset(
    "rides",
    (
        Column("ride", "int64"),
        Column("car", "string"),
        Column("km", "int64", nullable=True),
        Column("fare", "float64", nullable=True),
        Column("kind", "string", nullable=True),
        Column("ended", "timestamp"),
    ),
    key=("ride",),
    event_time="ended",
)
ASKS = Dataset("asks", (Column("car", "string"), Column("at", "timestamp")))
TYPES = {
    "ride": pa.int64(),
    "car": pa.string(),
    "km": pa.int64(),
    "fare": pa.float64(),
    "kind": pa.string(),
    "ended": UTC_MICROS,
}
NUMBERS = ("count", "sum", "mean", "min", "max", "std", "first", "last", "distinct")
SHORT = FeatureView(
    "short",
    "rides",
    ("car",),
    (
        *(
            one
            for function in NUMBERS
            for column in ("km", "fare")
            for one in aggregates(function, column, windows=["1h", "6h"])  # type: ignore[arg-type]
        ),
        Aggregate("count", window=timedelta(hours=6), exclude_current=True),
        Aggregate("sum", "fare", timedelta(hours=6), name="before", exclude_current=True),
        Aggregate("share", "kind", timedelta(hours=6), value="b"),
        Aggregate("distinct", "kind", timedelta(hours=6)),
        Aggregate("last_k", "kind", timedelta(hours=6), k=3),
        Latest("fare"),
        Latest("kind"),
    ),
    ttl=timedelta(hours=2),
)
LONG = FeatureView(
    "long",
    "rides",
    ("car",),
    (
        *aggregates("sum", "fare", windows=["lifetime"]),
        *aggregates("std", "fare", windows=["lifetime"]),
        Aggregate("last_k", "km", None, k=2),
        Latest("kind"),
    ),
)
EVER = FeatureView(
    "ever", "rides", ("car",), (Latest("km"), Aggregate("max", "fare", timedelta(hours=3)))
)
VIEWS = {one.name: one for one in (SHORT, LONG, EVER)}
RIDE = FeatureSet("ride", "asks", "at", ("short", "long", "ever"))
CARS = ("a", "b", "zz")


class Replay:
    """Does the same to a lake with an online store, and to a dictionary of events.

    Args:
        root: an empty folder.
        db: the catalog.
        stores: writers of one online store, which take turns; the last one reads.
        seed: of what the events hold.
    """

    def __init__(
        self, root: Path, db: Database, stores: Sequence[OnlineStore], *, seed: int
    ) -> None:
        datasets = {"rides": RIDES, "asks": ASKS}
        self.clock = SimulatedClock(from_micros(START))
        self.lake = Lake(DeltaTableStore("file:lake", root, db), db, datasets, clock=self.clock)
        self.stores = list(stores)
        self.dice = random.Random(seed)
        self.now = START
        self.arrived = 0
        self.made: dict[int, Row] = {}
        self.kept: set[int] = set()
        self.known: dict[tuple[int, int], Row] = {}
        self.lookup = Lookup(self.stores[-1], RIDE, VIEWS, datasets)

    def push(self, count: int) -> None:
        """Push new events, some late, at equal times or ahead of time."""
        self._push([self._event() for _ in range(count)])

    def again(self, count: int) -> None:
        """Push some events once more, some with other values."""
        some = self.dice.sample(sorted(self.made), min(count, len(self.made)))
        changed = [{**self.made[one], "km": self.dice.choice([None, 77])} for one in some]
        self._push([*changed, *changed[:1]])

    def ingest(self, count: int) -> None:
        """Take events into the lake: half of those that were pushed, and new ones."""
        waiting = [one for one in self.made if one not in self.kept and self.dice.random() < 0.5]
        fresh = [self._event()["ride"] for _ in range(count)]
        rows = [self.made[one] for one in dict.fromkeys((*waiting, *fresh))]
        if rows:
            self.clock.move_to(from_micros(self.now))
            self.lake.ingest("rides", table_of(rows), mode="append")
            self.kept.update(row["ride"] for row in rows)

    def replace(self, count: int) -> None:
        """Put a part of the lake's rows in the place of all."""
        if len(self.kept) <= count:
            return
        kept = self.dice.sample(sorted(self.kept), len(self.kept) - min(count, len(self.kept) // 2))
        self.lake.ingest("rides", table_of([self.made[one] for one in kept]), mode="overwrite")
        self.kept = set(kept)

    def materialize(self, hours: int) -> None:
        """Bring what the lake has into the store."""
        if not self.kept:
            return
        until, history = from_micros(self.now), timedelta(hours=hours)
        for view in VIEWS.values():
            materialize(self.lake, self._store(), view, until=until, history=history)
        rows = self.lake["rides"].scan(["ride", "_seq"])
        order = {row["ride"]: row["_seq"] for row in rows.to_pylist()}
        pushed = {one: row for one, row in self.known.items() if row[oracle.SEQUENCE] >= PUSHED}
        brought = [self.made[one] for one in self.kept if self.made[one]["ended"] <= self.now]
        self.known = pushed | {
            (row["ended"], row["ride"]): _known(row, order[row["ride"]]) for row in brought
        }

    def wait(self, minutes: int) -> None:
        """Let time pass."""
        self.now += minutes * MINUTE

    def read(self, minutes: int) -> None:
        """Hold the features of every car against the oracle's, at a time shortly before now."""
        at = self.now - minutes * MINUTE
        try:
            found = self.lookup.by_rows([{"car": car} for car in CARS], at)
        except (NotFound, Invalid):
            assert not all(self._readable(view, at) for view in VIEWS.values())
            return
        events = list(self.known.values())
        for car, values in zip(CARS, found, strict=True):
            row = dict(zip(self.lookup.schema, values, strict=True))
            for view in VIEWS.values():
                wanted = oracle.features(view, events, {"car": car}, at)
                for one in view.features:
                    inexact = isinstance(one, Aggregate) and one.function == "std"
                    compare = assert_close if inexact else assert_same
                    compare(row[f"{view.name}__{one.name}"], wanted[one.name])

    def _readable(self, view: FeatureView, at: int) -> bool:
        """Tell whether a view says that it can be read at a time."""
        held = read_generation(read_meta(self.stores[-1], plan_of(view, RIDES).area))
        return held is not None and held.since <= at

    def _store(self) -> OnlineStore:
        """Return the writer whose turn it is."""
        self.stores.insert(0, self.stores.pop())
        return self.stores[0]

    def _event(self) -> Row:
        """Make an event."""
        dice, ride = self.dice, len(self.made)
        late = dice.choice([0, 0, dice.randrange(HOUR), dice.randrange(8 * HOUR), -5 * MINUTE])
        row = {
            "ride": ride,
            "car": dice.choice("aaab"),
            "km": dice.choice([None, *range(5)]),
            "fare": dice.choice([None, -0.0, 1e300, -1e300, dice.random(), dice.gauss(0, 9)]),
            "kind": dice.choice([None, *"abc", str(dice.randrange(99))]),
            "ended": (self.now - late) // MINUTE * MINUTE,
        }
        self.made[ride] = row
        return row

    def _push(self, rows: list[Row]) -> None:
        """Push events."""
        if not rows:
            return
        report = push(
            self._store(), RIDES, VIEWS.values(), table_of(rows), now=from_micros(self.now)
        )
        assert report.accepted + report.repeated + report.expired == len(rows) * len(VIEWS)
        for row in rows:
            self.arrived += 1
            identity = (row["ended"], row["ride"])
            self.known.setdefault(identity, _known(row, PUSHED + self.arrived))


def table_of(rows: list[Row]) -> pa.Table:
    """Return events as a table."""
    return pa.table(
        {
            name: pa.array([row[name] for row in rows], pa.int64()).cast(kind)
            if kind == UTC_MICROS
            else pa.array([row[name] for row in rows], kind)
            for name, kind in TYPES.items()
        }
    )


def _known(row: Row, sequence: int) -> Row:
    """Return an event as the oracle knows it; zeros of both signs are one."""
    fare = row["fare"]
    plain = fare if fare is None else fare + 0.0
    return {**row, "fare": plain, oracle.TIME: row["ended"], oracle.SEQUENCE: sequence}
