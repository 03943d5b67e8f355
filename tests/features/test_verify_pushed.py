"""Verify knows what a read could see: pushed events from their arrival on, others as brought."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from tests.features.sightings import UTC_MICROS

from towpath.core.clock import SimulatedClock
from towpath.core.instant import from_micros, parse_instant, to_micros
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.lookup import Lookup
from towpath.features.push import Pusher, push
from towpath.features.push_log import PushLog, entry_of, flush, since_of
from towpath.features.verify import VerifyReport, verify
from towpath.project.plan import plan_project
from towpath.steps.feature import materialize
from towpath.steps.project import apply
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = parse_instant("2026-03-01T12:00:00Z")
MINUTE = timedelta(minutes=1)
RIDES = """
name: rides
key: [ride]
event_time: ended
columns:
  - {name: ride, dtype: int64}
  - {name: car, dtype: string}
  - {name: km, dtype: int64}
  - {name: ended, dtype: timestamp}
"""
ASKS = """
name: asks
key: [ask]
columns:
  - {name: ask, dtype: int64}
  - {name: car, dtype: string}
  - {name: at, dtype: timestamp}
"""
FEATURES = """
from datetime import timedelta

from towpath.features.derived import derived_sql
from towpath.features.feature_set import FeatureSet
from towpath.features.view import Aggregate, FeatureView, Latest, aggregates

car = FeatureView(
    "car", "rides", ("car",),
    (
        Latest("km"),
        *aggregates("sum", "km", windows=["2h", "lifetime"]),
        *aggregates("count", windows=["2h"]),
    ),
    ttl=timedelta(hours=1),
)
every = FeatureView("every", "rides", (), aggregates("count", windows=["1d"]))
twice = derived_sql("twice", "car__km_sum_2h * 2")
ride = FeatureSet("ride", "asks", "at", ("car", "every"), derived=(twice,))
"""


class Shop:
    """A project in one process: rides are pushed, ingested, materialised and read."""

    def __init__(self, root: Path) -> None:
        for folder, name, text in (
            ("datasets", "rides.yaml", RIDES),
            ("datasets", "asks.yaml", ASKS),
            ("features", "ride.py", FEATURES),
        ):
            (root / folder).mkdir(exist_ok=True)
            (root / folder / name).write_text(text.lstrip())
        (root / "towpath.toml").write_text('name = "shop"\n')
        self.clock = SimulatedClock(NOON)
        self.workspace = Workspace(root, clock=self.clock)
        apply(self.workspace, plan_project(self.workspace.project, self.workspace.catalog))
        self.lake, self.project = self.workspace.lake, self.workspace.project
        asks = {"ask": [1, 2], "car": ["a", "b"], "at": pa.array([NOON, NOON], UTC_MICROS)}
        self.lake.ingest("asks", pa.table(asks))
        self.ingest(1, "a", 10, ago=30)
        self.ingest(2, "b", 20, ago=20)
        self.wait(1)
        self.materialize()
        self.logged: list[dict[str, Any]] = []

    def wait(self, minutes: float) -> None:
        self.clock.move_to(self.clock.now() + minutes * MINUTE)

    def rows(self, ride: int, car: str, km: int, *, ago: float) -> pa.Table:
        ended = self.clock.now() - ago * MINUTE
        times = pa.array([ended], UTC_MICROS)
        return pa.table({"ride": [ride], "car": [car], "km": [km], "ended": times})

    def ingest(self, ride: int, car: str, km: int, *, ago: float) -> None:
        self.lake.ingest("rides", self.rows(ride, car, km, ago=ago), mode="append")

    def push(self, ride: int, car: str, km: int, *, ago: float = 1, delay: float = 0) -> None:
        """Push a ride to the log and, minutes later, to the online store, as the server does."""
        dataset, now = self.project.datasets["rides"], self.clock.now()
        pusher = Pusher(self.workspace.online, dataset, self.project.views.values())
        rows = pusher.checked(self.rows(ride, car, km, ago=ago))
        entry = entry_of("rides", rows, arrived=to_micros(now), online=True)
        with PushLog(self.workspace.state / "pushed") as log:
            log.append(entry)
            self.wait(delay)
            if delay:
                self.read()
            now = self.clock.now()
            push(self.workspace.online, dataset, self.project.views.values(), rows, now=now)
            log.note(since_of(entry, rows, dataset, now=to_micros(now)))

    def flush(self) -> None:
        flush(self.workspace.state / "pushed", self.lake)

    def materialize(self) -> None:
        materialize(self.workspace, lambda *_: None)

    def read(self) -> None:
        """Read all keys, and log it as an endpoint does."""
        views, datasets = self.project.views, self.project.datasets
        chosen, now = self.project.feature_sets["ride"], self.clock.now()
        lookup = Lookup(self.workspace.online, chosen, views, datasets)
        until = min(lookup.freshness().values())
        for ask in (1, 2):
            found = lookup.by_key({"ask": ask}, to_micros(now))
            row = {"key": json.dumps({"ask": ask}), "at": now, "logged_at": now}
            row |= {"features": json.dumps(found), "features_from": "key"}
            row |= {"features_until": from_micros(until), "definition": lookup.definition}
            self.logged.append(row)

    def verify(self) -> VerifyReport:
        table = pa.Table.from_pylist(self.logged)
        for name in ("at", "logged_at", "features_until"):
            place = table.column_names.index(name)
            table = table.set_column(place, name, table[name].cast(UTC_MICROS))
        chosen, views = self.project.feature_sets["ride"], self.project.views
        return verify(self.lake, chosen, views, EmbeddedEngine(1), predictions=table)

    def counts(self) -> tuple[int, int, int]:
        found = self.verify()
        return found.checked, found.mismatches, found.stale


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path)
    yield opened
    opened.workspace.close()


def test_an_event_that_was_pushed_and_read_and_then_flushed_is_expected(shop: Shop) -> None:
    shop.wait(5)
    shop.push(3, "a", 7)
    shop.wait(5)
    shop.read()
    shop.flush()
    assert shop.counts() == (2, 0, 0)
    shop.wait(5)
    shop.materialize()
    assert shop.counts() == (2, 0, 0)


def test_reads_before_and_between_pushes_saw_what_had_arrived(shop: Shop) -> None:
    for number in range(3, 9):
        shop.wait(3)
        shop.read()
        shop.wait(3)
        shop.push(number, "ab"[number % 2], number, ago=5)
        if number == 5:
            shop.flush()
        if number == 6:
            shop.materialize()
    shop.flush()
    shop.wait(1)
    shop.read()
    assert shop.counts() == (14, 0, 0)


def test_reads_while_the_store_was_down_saw_no_row_of_the_log(shop: Shop) -> None:
    shop.wait(5)
    shop.push(3, "a", 7, delay=10)
    shop.push(4, "a", 9, ago=30)
    shop.wait(5)
    shop.read()
    # With this the value of all events is not that of any read.
    shop.ingest(5, "a", 100, ago=40)
    shop.flush()
    assert shop.counts() == (4, 0, 0)


def test_an_event_that_came_into_the_lake_after_the_read_is_not_expected(shop: Shop) -> None:
    shop.wait(5)
    shop.push(3, "a", 7)
    shop.wait(5)
    shop.read()
    shop.wait(5)
    shop.ingest(4, "a", 100, ago=8)
    shop.flush()
    assert shop.counts() == (2, 0, 0)
    shop.materialize()
    shop.wait(1)
    shop.read()
    assert shop.counts() == (4, 0, 0)


def test_an_event_that_was_ingested_but_not_brought_yet_is_not_expected(shop: Shop) -> None:
    shop.wait(5)
    shop.ingest(3, "a", 100, ago=2)
    shop.wait(5)
    shop.read()
    assert shop.counts() == (2, 0, 0)


def test_a_pushed_event_that_a_read_missed_is_a_mismatch(shop: Shop) -> None:
    """Nothing is excused that a read should have seen."""
    shop.wait(5)
    shop.read()
    stale = shop.logged[-2:]
    shop.push(3, "a", 7)
    shop.wait(5)
    later = shop.clock.now()
    shop.logged = [{**row, "at": later, "logged_at": later} for row in stale]
    shop.flush()
    found = shop.verify()
    assert found.by_feature == {
        "car__km": 1,
        "car__km_sum_2h": 1,
        "car__km_sum_lifetime": 1,
        "car__count_2h": 1,
        "every__count_1d": 2,
        "twice": 1,
    }


def test_a_value_that_no_events_give_is_a_mismatch(shop: Shop) -> None:
    shop.wait(5)
    shop.push(3, "a", 7)
    shop.wait(5)
    shop.read()
    shop.flush()
    features = json.loads(shop.logged[0]["features"])
    shop.logged[0]["features"] = json.dumps({**features, "car__km_sum_2h": 18})
    found = shop.verify()
    assert found.by_feature == {"car__km_sum_2h": 1}


def test_where_no_pushes_pass_the_log_a_late_read_that_differs_is_stale(shop: Shop) -> None:
    shop.wait(5)
    dataset, now = shop.project.datasets["rides"], shop.clock.now()
    rows = shop.rows(3, "a", 7, ago=1)
    push(shop.workspace.online, dataset, shop.project.views.values(), rows, now=now)
    shop.wait(1)
    shop.read()
    assert shop.counts() == (0, 0, 2)
