from __future__ import annotations

import os
import random
import signal
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from towpath.catalog import intervals
from towpath.core.clock import SimulatedClock
from towpath.core.errors import Invalid, NotFound
from towpath.core.instant import parse_instant, to_micros
from towpath.features.generation import read_meta
from towpath.features.lookup import Lookup
from towpath.features.materialize import materialize, materialize_spine
from towpath.features.online import Item
from towpath.features.online.lmdb import LmdbStore
from towpath.features.online.memory import MemoryStore
from towpath.features.online.plan import plan_of
from towpath.features.online.state import key_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa
    from tests.features.conftest import World

    from towpath.features.online import OnlineStore
    from towpath.features.online.plan import StatePlan

UNTIL = parse_instant("2013-01-26")
HISTORY = timedelta(days=3)


def test_the_same_again_writes_nothing(world: World, tmp_path: Path) -> None:
    store = LmdbStore("lmdb:online", tmp_path)
    first = materialize(world.lake, store, world.views["carrier"], until=UNTIL, history=HISTORY)
    area = plan_of(world.views["carrier"], world.lake.datasets["arrivals"]).area
    before = read_meta(store, area)
    again = materialize(world.lake, store, world.views["carrier"], until=UNTIL, history=HISTORY)
    assert (first.unchanged, again.unchanged) == (False, True)
    assert (first.keys, first.events) == (again.keys, again.events)
    assert read_meta(store, area) == before
    assert again.since == UNTIL - HISTORY
    assert (
        len(
            [
                one
                for one in intervals.read(world.lake.db, "carrier")
                if one.interval.start == UNTIL - HISTORY
            ]
        )
        == 1
    )
    store.close()


def test_very_many_rows_are_brought_one_stretch_of_time_after_the_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, whole, pieces = world.views["tail"], MemoryStore(), MemoryStore()
    one = materialize(world.lake, whole, view, until=UNTIL, history=HISTORY)
    monkeypatch.setattr("towpath.features.bring.ROWS_AT_ONCE", 700)
    several = materialize(world.lake, pieces, view, until=UNTIL, history=HISTORY)
    assert (several.keys, several.until, several.newest) == (one.keys, one.until, one.newest)
    plan = plan_of(view, world.lake.datasets["arrivals"])
    for key in whole.keys(plan.area):
        assert reachable(pieces, plan, key) == reachable(whole, plan, key)
    assert materialize(world.lake, pieces, view, until=UNTIL, history=HISTORY).unchanged


def test_a_longer_history_is_brought_some_keys_after_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, whole, pieces = world.views["tail"], MemoryStore(), MemoryStore()
    one = materialize(world.lake, whole, view, until=UNTIL, history=HISTORY)
    short = HISTORY / 4
    materialize(world.lake, pieces, view, until=UNTIL, history=short)
    monkeypatch.setattr("towpath.features.bring.ROWS_AT_ONCE", 700)
    several = materialize(world.lake, pieces, view, until=UNTIL, history=HISTORY)
    assert several.replace(seconds=one.seconds) == one
    plan = plan_of(view, world.lake.datasets["arrivals"])
    assert set(pieces.keys(plan.area)) == set(whole.keys(plan.area))
    for key in whole.keys(plan.area):
        assert reachable(pieces, plan, key) == reachable(whole, plan, key)


def test_the_area_of_a_former_definition_goes_a_day_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, view = MemoryStore(), world.views["tail"]
    other = view.replace(ttl=timedelta(days=1))
    dataset = world.lake.datasets["arrivals"]
    former, present = plan_of(view, dataset).area, plan_of(other, dataset).area
    materialize(world.lake, store, view, until=UNTIL, history=HISTORY)
    for _ in range(2):
        materialize(world.lake, store, other, until=UNTIL, history=HISTORY)
        assert read_meta(store, former), "servers may still read it"
    later = SimulatedClock(world.lake.clock.now() + timedelta(days=1))
    monkeypatch.setattr(world.lake, "clock", later)
    for _ in range(2):
        materialize(world.lake, store, other, until=UNTIL, history=HISTORY)
        assert read_meta(store, former) is None
        assert read_meta(store, present)
        # A server that still runs with the former definition makes it again.
        store.change(former, (), lambda _key, _get: {}, meta=lambda _: b"{}")


def test_a_changed_view_is_written_again(world: World) -> None:
    store = MemoryStore()
    view = world.views["tail"]
    materialize(world.lake, store, view, until=UNTIL, history=HISTORY)
    other = view.replace(ttl=timedelta(days=1))
    assert not materialize(world.lake, store, other, until=UNTIL, history=HISTORY).unchanged


def test_events_after_until_are_left_out(world: World) -> None:
    view = world.views["carrier"]
    early = parse_instant("2013-01-03")
    few = materialize(world.lake, MemoryStore(), view, until=early, history=timedelta(days=60))
    all_of_them = materialize(
        world.lake, MemoryStore(), view, until=UNTIL, history=timedelta(days=60)
    )
    assert 0 < few.events < all_of_them.events == 3000


def test_a_spine_holds_one_row_a_key(world: World) -> None:
    store = MemoryStore()
    report = materialize_spine(world.lake, store, "schedule", until=UNTIL)
    assert (report.keys, report.view) == (3000, "spine.schedule")
    assert materialize_spine(world.lake, store, "schedule", until=UNTIL).unchanged


def test_of_a_spine_without_rows_no_key_is_known_until_there_are_some(
    make_world: Callable[[Path, dict[str, pa.Table]], World], world: World, tmp_path: Path
) -> None:
    schedule = world.lake["schedule"].scan(list(world.lake.datasets["schedule"].names))
    empty, store = make_world(tmp_path, {}), MemoryStore()
    report = materialize_spine(empty.lake, store, "schedule", until=UNTIL)
    assert (report.keys, report.events, report.unchanged) == (0, 0, False)
    assert materialize_spine(empty.lake, store, "schedule", until=UNTIL).unchanged
    none = world.delay.replace(views=(), derived=(), defaults={})
    lookup = Lookup(store, none, world.views, empty.lake.datasets)
    assert lookup.by_key({"flight": "f1"}, to_micros(UNTIL)) is None
    empty.lake.ingest("schedule", schedule.slice(0, 5))
    assert materialize_spine(empty.lake, store, "schedule", until=UNTIL).keys == 5
    empty.lake.db.close()


def test_a_spine_without_key_is_refused(world: World) -> None:
    with pytest.raises(Invalid, match="'weather' has no key"):
        materialize_spine(world.lake, MemoryStore(), "weather", until=UNTIL)


def test_a_naive_time_is_refused(world: World) -> None:
    naive = datetime(2013, 1, 1)  # noqa: DTZ001 - what is tested
    with pytest.raises(Invalid, match="no time zone"):
        materialize(world.lake, MemoryStore(), world.views["carrier"], until=naive, history=HISTORY)


def test_a_source_without_rows_is_named(
    make_world: Callable[[Path, dict[str, pa.Table]], World], tmp_path: Path
) -> None:
    empty = make_world(tmp_path, {})
    with pytest.raises(NotFound, match="'arrivals' has no rows"):
        materialize(empty.lake, MemoryStore(), empty.views["carrier"], until=UNTIL, history=HISTORY)
    empty.lake.db.close()


@pytest.mark.slow
def test_a_killed_materialisation_is_completed_by_the_next(world: World, tmp_path: Path) -> None:
    dice = random.Random(12)
    view, expected = world.views["tail"], MemoryStore()
    plan = plan_of(view, world.lake.datasets["arrivals"])
    ends = [UNTIL - timedelta(days=20 - 2 * step) for step in range(11)]
    for end in ends:
        child = os.fork()
        if child == 0:
            store = LmdbStore("lmdb:online", tmp_path)
            materialize(world.lake, store, view, until=end, history=HISTORY)
            os._exit(0)
        time.sleep(dice.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    store = LmdbStore("lmdb:online", tmp_path)
    report = materialize(world.lake, store, view, until=UNTIL, history=HISTORY)
    assert report.until == UNTIL
    materialize(world.lake, expected, view, until=UNTIL, history=HISTORY)
    assert set(store.keys(plan.area)) == set(expected.keys(plan.area))
    for key in expected.keys(plan.area):
        wanted = reachable(expected, plan, key)
        assert wanted
        assert reachable(store, plan, key) == wanted
    store.close()


def reachable(store: OnlineStore, plan: StatePlan, key: bytes) -> list[list[int]]:
    events = key_events(plan, lambda part: store.read([Item(plan.area, key, part)])[0])
    since = to_micros(UNTIL - HISTORY) - plan.compiled.reach
    rows: list[list[int]] = events.rows.tolist()
    first = next((place for place, row in enumerate(rows) if row[0] >= since), len(rows) - 1)
    return rows[first:]
