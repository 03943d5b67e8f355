"""What is materialised grows by what came, and back by ranges, and equals what is made at once."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.features.sightings import (
    CAR,
    MINUTE,
    RIDE,
    START,
    WINDOWS,
    Sightings,
    ask,
    label_table,
    open_sightings,
    sighting,
)

from towpath.catalog import intervals
from towpath.core.errors import Invalid
from towpath.core.instant import from_micros
from towpath.core.interval import Interval
from towpath.features.backfill import backfill
from towpath.features.generation import read_meta
from towpath.features.lookup import Lookup
from towpath.features.materialize import materialize
from towpath.features.online.key import encode_key
from towpath.features.online.lmdb import LmdbStore
from towpath.features.online.memory import MemoryStore
from towpath.features.online.plan import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from towpath.features.materialize import MaterializeReport
    from towpath.features.online import OnlineStore

CARS = [*"abcdef"]
VIEWS = {view.name: view for view in (CAR, WINDOWS)}


def at(minutes: float) -> datetime:
    return from_micros(START + round(minutes * MINUTE))


def fill(
    world: Sightings, store: OnlineStore, until: float, history: float = 60
) -> list[MaterializeReport]:
    return [
        materialize(world.lake, store, view, until=at(until), history=timedelta(minutes=history))
        for view in VIEWS.values()
    ]


def online(world: Sightings, store: OnlineStore, minutes: float) -> list[list[object]]:
    lookup = Lookup(store, RIDE, VIEWS, world.lake.datasets)
    rows = [{"car": car} for car in [*CARS, "zz", None]]
    return lookup.by_rows(rows, START + round(minutes * MINUTE))


def offline(world: Sightings, minutes: float) -> list[list[object]]:
    labels = label_table([ask(car, minutes) for car in [*CARS, "zz", None]])
    table = world.answer(labels).drop_columns(["car", "at"])
    return [list(row.values()) for row in table.to_pylist()]


def some(dice: random.Random, count: int, last: int) -> list[dict[str, object]]:
    return [
        sighting(
            dice.choice(CARS),
            dice.randrange(last),
            dice.choice([None, *range(9)]),
            fare=dice.random(),
            kind=dice.choice([None, "x", "y"]),
        )
        for _ in range(count)
    ]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Sightings]:
    with open_sightings(tmp_path) as made:
        yield made


@pytest.mark.parametrize("seed", range(3))
def test_what_grew_equals_what_is_read_from_the_lake(
    world: Sightings, tmp_path: Path, seed: int
) -> None:
    dice, store = random.Random(seed), LmdbStore("lmdb:online", tmp_path)
    for turn in range(1, 6):
        world.come(*some(dice, 10, 30 * turn + 20), minutes=30 * turn)
        reports = fill(world, store, 30 * turn)
        assert not any(one.unchanged for one in reports)
        for minutes in (30 * turn - 60, 30 * turn - 7, 30 * turn):
            assert online(world, store, minutes) == offline(world, minutes)
    assert all(one.unchanged for one in fill(world, store, 150))
    store.close()


def test_only_keys_with_news_are_written(world: Sightings) -> None:
    world.come(*(sighting(car, 5, km=1) for car in CARS))
    store = MemoryStore()
    fill(world, store, 10)
    world.come(sighting("a", 12, km=2), sighting("g", 12, km=3), minutes=12)
    report, _ = fill(world, store, 20)
    assert (report.keys, report.events, report.newest) == (7, 8, at(12))
    assert report.since == at(10 - 60), "the history that was there stays"
    area = plan_of(CAR, world.lake.datasets["sightings"]).area
    news = MemoryStore()
    news.write(area, [], read_meta(store, area) or b"", replaces=None)
    world.come(sighting("b", 25, km=4), minutes=25)
    materialize(world.lake, news, CAR, until=at(30), history=timedelta(minutes=60))
    assert list(news.keys(area)) == [encode_key(["b"])]


def test_an_event_that_was_too_late_is_seen_once_its_time_has_come(world: Sightings) -> None:
    world.come(sighting("a", 5, km=1), sighting("a", 50, km=2))
    store = MemoryStore()
    for until in (10, 50):
        fill(world, store, until)
        assert online(world, store, until) == offline(world, until)


@pytest.mark.parametrize("at_once", [1_000_000, 7])
def test_a_source_whose_rows_were_replaced_is_written_anew(
    world: Sightings, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    world.come(*some(random.Random(at_once), 40, 20))
    store = MemoryStore()
    fill(world, store, 10)
    rows = world.lake["sightings"].scan(world.lake.datasets["sightings"].names)
    gone = pc.equal(rows["car"], pa.scalar("a"))
    world.lake.ingest("sightings", rows.filter(pc.invert(gone)).slice(1))
    monkeypatch.setattr("towpath.features.bring.ROWS_AT_ONCE", at_once)
    fill(world, store, 20)
    assert online(world, store, 20) == offline(world, 20)


def test_a_long_history_is_cut_once_it_is_twice_what_is_wanted(world: Sightings) -> None:
    world.come(sighting("a", 5, km=1))
    store = MemoryStore()
    since = [fill(world, store, until, history=60)[0].since for until in (60, 90, 120, 121)]
    assert since == [at(0), at(0), at(0), at(61)]


def test_a_range_is_filled_piece_by_piece_and_noted(world: Sightings) -> None:
    dice, store = random.Random(3), MemoryStore()
    world.come(*some(dice, 40, 600))
    fill(world, store, 600)
    span = Interval(at(100), at(300))
    found = list(backfill(world.lake, store, CAR, span, step=timedelta(hours=2)))
    assert [one.since for one in found] == [at(420), at(300), at(180), at(100)]
    assert {one.until for one in found} == {at(600)}
    noted = [one.interval for one in intervals.read(world.lake.db, "car")]
    assert [one.start for one in noted] == [at(100), at(180), at(300), at(420), at(540)]
    list(backfill(world.lake, store, WINDOWS, span))
    for minutes in (100, 250, 600):
        assert online(world, store, minutes) == offline(world, minutes)


@pytest.mark.parametrize(
    ("start", "end", "since", "until"),
    [(120, 240, 60, 300), (30, 100, 30, 300), (240, 400, 60, 400), (400, 500, 60, 500)],
)
def test_overlapping_ranges_add_only_what_is_missing(
    world: Sightings, start: int, end: int, since: int, until: int
) -> None:
    world.come(*some(random.Random(4), 40, 500))
    store = MemoryStore()
    (first,) = backfill(world.lake, store, CAR, Interval(at(60), at(300)))
    (again,) = backfill(world.lake, store, CAR, Interval(at(start), at(end)))
    assert (first.since, first.until) == (at(60), at(300))
    assert (again.since, again.until) == (at(since), at(until))
    assert again.unchanged == ((since, until) == (60, 300))
    (same,) = backfill(world.lake, store, CAR, Interval(at(start), at(end)))
    assert same.unchanged


def test_a_range_without_time_is_refused(world: Sightings) -> None:
    with pytest.raises(Invalid, match="holds no time"):
        list(backfill(world.lake, MemoryStore(), CAR, Interval(at(5), at(5))))


@pytest.mark.slow
def test_a_killed_backfill_goes_on_where_it_was(world: Sightings, tmp_path: Path) -> None:
    dice = random.Random(5)
    world.come(*some(dice, 400, 6_000))
    span = Interval(at(0), at(6_000))
    reached = []
    for _ in range(12):
        child = os.fork()
        if child == 0:
            store = LmdbStore("lmdb:online", tmp_path)
            list(backfill(world.lake, store, CAR, span, step=timedelta(minutes=60)))
            os._exit(0)
        time.sleep(dice.uniform(0.05, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        held = [one.interval.start for one in intervals.read(world.lake.db, "car")]
        reached.append(min(held, default=at(6_000)))
    assert reached == sorted(reached, reverse=True)
    store = LmdbStore("lmdb:online", tmp_path)
    list(backfill(world.lake, store, WINDOWS, span))
    pieces = len(list(backfill(world.lake, store, CAR, span, step=timedelta(hours=1))))
    left = (reached[-1] - at(0)) // timedelta(hours=1)
    assert pieces in (max(left, 1), left + 1, left - 1), "at most the piece that was cut short"
    for minutes in (0, 1_234, 6_000):
        assert online(world, store, minutes) == offline(world, minutes)
    store.close()
