"""What is said of a value is what made it."""

from __future__ import annotations

import random
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.features.keyed_state import (
    ENGINE,
    EVERYTHING,
    SECOND,
    SHORT,
    Row,
    answer,
    events_of,
    make,
)

from towpath.core.errors import Invalid, NotFound
from towpath.core.instant import to_micros
from towpath.core.record import to_json
from towpath.features.derived import derived_sql
from towpath.features.engines.kernel.block import PUSHED, SEQUENCE
from towpath.features.engines.kernel.tile import FACTS, KNOWN
from towpath.features.explain import Explainer
from towpath.features.feature_set import FeatureSet
from towpath.features.generation import Generation
from towpath.features.online import Item
from towpath.features.online.block import unpack
from towpath.features.online.key import encode_key
from towpath.features.online.memory import MemoryStore
from towpath.features.online.plan import plan_of
from towpath.features.online.state import NEVER, ROOT, add_events
from towpath.features.online.tiled import pack_root, read_root
from towpath.features.view import Aggregate, FeatureView, Latest
from towpath.lake.dataset import Column, Dataset

if TYPE_CHECKING:
    from towpath.features.explanation import ExplainedFeature
    from towpath.features.online import Get, Parts

EVENTS = Dataset(
    "events",
    (
        Column("key", "int64"),
        Column("real", "float64", nullable=True),
        Column("whole", "int64", nullable=True),
        Column("money", "decimal(9,2)", nullable=True),
        Column("text", "string", nullable=True),
        Column("at", "timestamp"),
    ),
    event_time="at",
)
ASKS = Dataset(
    "asks",
    (
        Column("ask", "int64"),
        Column("key", "int64", nullable=True),
        Column("seats", "int64", nullable=True),
        Column("at", "timestamp"),
    ),
    key=("ask",),
)
DATASETS = {"events": EVENTS, "asks": ASKS}
VIEWS = {one.name: one for one in (EVERYTHING, SHORT)}
SET = FeatureSet(
    "all",
    "asks",
    "at",
    ("everything", "short"),
    columns=("seats",),
    derived=(derived_sql("twice", "seats * 2"), derived_sql("late", 'epoch_us("at") + seats')),
)
KEY = encode_key([7])
META = to_json(Generation("v", 0, since=-(10**15), until=10**15))
# Asks for the key of events, for one without events, and for none.
ROWS = {1: (7, 4), 2: (8, None), 3: (None, 0)}


def add(store: MemoryStore, view: FeatureView, rows: list[Row], *, pushed_from: int) -> None:
    """Add events to a view; those from a number on as pushed ones."""
    plan = plan_of(view, EVENTS)
    events = events_of(plan, rows)
    later = events.rows[:, SEQUENCE] >= pushed_from
    events.rows[later, SEQUENCE] |= PUSHED

    def edit(key: bytes, get: Get) -> Parts:
        del key
        return add_events(plan, get, events, since=NEVER).parts

    store.change(plan.area, [KEY], edit, meta=lambda _: META)


def stored(rows: list[Row], *, pushed_from: int = 10**6) -> MemoryStore:
    """Return a store of the views and the spine."""
    store = MemoryStore()
    for view in VIEWS.values():
        add(store, view, rows, pushed_from=pushed_from)
    spine = [
        (encode_key([ask]), ROOT, msgspec.msgpack.encode([ask, key, seats, 0]))
        for ask, (key, seats) in ROWS.items()
    ]
    store.write("spine.asks", spine, META, replaces=None)
    return store


def explainer(store: MemoryStore, chosen: FeatureSet = SET) -> Explainer:
    return Explainer(store, chosen, VIEWS, DATASETS, engine=ENGINE)


def told(store: MemoryStore, name: str, at: int, *, ask: int = 1) -> ExplainedFeature:
    """Explain one feature at so many seconds."""
    found = explainer(store).explain({"ask": ask}, at * SECOND, feature=name)
    assert [one.name for one in found.features] == [name]
    return found.features[0]


def seen_by(feature: Aggregate | Latest, rows: list[Row], at: int, ttl: int) -> list[Row]:
    """Return the events that a feature sees, by its definition, the newest first."""
    ordered = sorted(rows, key=lambda row: (row["_t"], row["_seq"]), reverse=True)
    if isinstance(feature, Latest):
        return [row for row in ordered if at - ttl <= row["_t"] <= at][:1]
    width = 10**15 if feature.window is None else feature.window // timedelta(microseconds=1)
    if feature.exclude_current:
        return [row for row in ordered if at - width <= row["_t"] < at]
    return [row for row in ordered if at - width < row["_t"] <= at]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [1, 40, 2_000])
def test_the_events_of_a_value_are_those_that_it_sees_and_give_it(seed: int, count: int) -> None:
    dice = random.Random(seed * 100 + count)
    rows = make(dice, count, span=300, wild=seed % 2 == 0)
    explain = explainer(stored(rows, pushed_from=count // 2))
    for at in (dice.randrange(300) * SECOND, dice.choice(rows)["_t"], 310 * SECOND):
        found = explain.explain({"ask": 1}, at)
        assert found.contradicted == ()
        by_name = {one.name: one for one in found.features}
        for view, ttl in ((EVERYTHING, 10**15), (SHORT, 10 * SECOND)):
            for feature, value in zip(view.features, answer(view, rows, at), strict=True):
                one = by_name[f"{view.name}__{feature.name}"]
                seen = seen_by(feature, rows, at, ttl)
                assert repr(one.value) == repr(value)
                assert one.events == len(seen)
                shown = [(to_micros(event.at), event.source == "pushed") for event in one.newest]
                assert shown == [(row["_t"], row["_seq"] >= count // 2) for row in seen[:20]]


def test_at_most_so_many_events_are_listed_and_all_are_counted() -> None:
    store = stored(make(random.Random(1), 900, span=50, wild=False))
    one = told(store, "everything__count_lifetime", 60)
    assert (one.value, one.events, len(one.newest)) == (900, 900, 20)
    few = explainer(store).explain({"ask": 1}, 60 * SECOND, most=3).features[0]
    assert len(few.newest) == min(3, few.events or 0)


def test_a_tile_that_is_not_that_of_its_events_is_found() -> None:
    store = stored(make(random.Random(2), 3_000, span=3_000, wild=False))
    plan = plan_of(EVERYTHING, EVENTS)
    (data,) = store.read([Item(plan.area, KEY)])
    assert data is not None
    root = read_root(unpack(data, plan.compiled.layout, plan.view))
    tiles = root.tiles.copy()
    tiles[plan.compiled.columns.index("real") * FACTS + KNOWN] += 1
    wrong = pack_root(plan, root._replace(tiles=tiles))
    store.change(plan.area, [KEY], lambda _, __: {ROOT: wrong})
    found = explainer(store).explain({"ask": 1}, 3_000 * SECOND)
    assert "everything__real_count_lifetime" in found.contradicted
    assert "everything__real_count_20s" not in found.contradicted


def event(seconds: int, number: int, **values: object) -> Row:
    return {"_t": seconds * SECOND, "_seq": number, "real": None, "whole": None, "money": None,
            "text": None, **values}  # fmt: skip


def test_why_there_is_no_value_is_said_in_words() -> None:
    store = stored([event(100, 0, text="a"), event(101, 1, whole=5, real=1.0)])
    assert told(store, "short__text", 105).reason == "the newest event has no text"
    old = told(store, "short__text", 112)
    assert old.reason == "the newest event, of 1970-01-01T00:01:41Z, is older than 10s"
    assert (old.value, old.events) == (None, 0)
    assert told(store, "everything__real_mean_3s", 200).reason == "no event is in its window"
    without = told(store, "everything__money_mean_20s", 105)
    assert without.reason == "none of its events has a money"
    assert (without.events, without.missing) == (2, 2)
    alone = told(store, "everything__whole_std_20s", 105)
    assert alone.reason.startswith("its events give no number")
    assert told(store, "everything__whole_std_20s", 99).reason == (
        "no event of key 7 is known up to then"
    )
    assert told(store, "short__text", 105, ask=2).reason == "no event of key 8 is known up to then"
    assert told(store, "short__text", 105, ask=3).reason == (
        "the row has no key, which matches no event"
    )
    assert told(store, "everything__count_20s", 105).reason == ""


def test_bounds_are_those_of_the_definition() -> None:
    store = stored([event(100, 0, real=1.0)])
    plain = told(store, "everything__count_20s", 100)
    before = told(store, "everything__before_20", 100)
    latest = told(store, "short__text", 100)
    ever = told(store, "everything__text", 100)
    assert [(one.includes_since, one.includes_until) for one in (plain, before, latest, ever)] == [
        (False, True),
        (True, False),
        (True, True),
        (True, True),
    ]
    assert [one.since and to_micros(one.since) // SECOND for one in (plain, latest, ever)] == [
        80,
        90,
        None,
    ]
    assert (plain.events, before.events) == (1, 0)


def test_columns_and_derived_features_show_what_they_are_made_of() -> None:
    store = stored([event(100, 0)])
    seats, twice = told(store, "seats", 100), told(store, "twice", 100)
    assert (seats.value, seats.computed) == (4, "column of asks")
    assert (twice.value, twice.computed, twice.inputs) == (8, "seats * 2", {"seats": 4})
    assert told(store, "twice", 100, ask=2).reason == "seats is missing"
    assert told(store, "late", 100).inputs == {"at": 100 * SECOND, "seats": 4}


def test_what_a_view_knows_of_the_key_is_told() -> None:
    store = stored([event(100, 0), event(140, 1)])
    found = explainer(store).explain({"ask": 1}, 120 * SECOND)
    everything, short = found.views
    assert (everything.keys, everything.status, everything.events) == ({"key": 7}, "FOUND", 2)
    assert everything.newest is not None
    assert to_micros(everything.newest) == 100 * SECOND
    assert short.status == "OUTSIDE_MAX_AGE"
    one = explainer(store).explain({"ask": 1}, 120 * SECOND, feature="short__text")
    assert [view.name for view in one.views] == ["short"]


def test_a_key_that_changes_meanwhile_is_explained_in_one_state() -> None:
    store, done = stored([event(0, 0, real=1.0)]), threading.Event()

    def write() -> None:
        dice = random.Random(5)
        for number in range(1, 100):
            rows = [{**row, "_seq": number} for row in make(dice, 1, span=300, wild=False)]
            add(store, EVERYTHING, rows, pushed_from=0)
            time.sleep(0.01)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    explain = explainer(store, SET.replace(views=("everything",)))
    while not done.is_set():
        found = explain.explain({"ask": 1}, 310 * SECOND, feature="everything__real_sum_lifetime")
        assert found.contradicted == ()
    writer.join()


def test_what_is_not_there_is_named() -> None:
    store = stored([event(100, 0)])
    with pytest.raises(NotFound, match="has no feature 'short__texts'"):
        told(store, "short__texts", 100)
    with pytest.raises(NotFound, match="No row of 'asks' has the key ask 9"):
        told(store, "seats", 100, ask=9)
    with pytest.raises(Invalid, match="ask"):
        explainer(store).explain({"asks": 1}, 100 * SECOND)
