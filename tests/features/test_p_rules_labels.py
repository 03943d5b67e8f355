"""Rules P16 to P35 of a point-in-time join: what the label rows may be and what comes back."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.features.sightings import (
    CAR,
    MINUTE,
    RIDE,
    START,
    TTL,
    UTC_MICROS,
    WINDOWS,
    Sightings,
    ask,
    label_table,
    micros,
    moment,
    open_sightings,
    sighting,
)

from towpath.core.errors import Contract, Invalid
from towpath.features.derived import Derived
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.view import Aggregate, FeatureView, Latest, ViewRef

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Unit = Literal["s", "ms", "us", "ns"]
UNITS = get_args(Unit)
DAY = timedelta(days=1)
HALF = FeatureView("half", "sightings", ("car",), (Latest("km"),), ttl=timedelta(minutes=30))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Sightings]:
    with open_sightings(tmp_path) as made:
        made.come(
            sighting("a", 5, km=1, lot=1, fare=0.5, kind="x"),
            sighting("a", 10, km=2, lot=2, fare=1.5, kind="y"),
            sighting("b", 7, km=None, lot=1),
            sighting("b", 90, km=4, lot=2),
        )
        yield made


def test_p16_a_label_time_without_zone_is_utc(world: Sightings) -> None:
    naive = pa.array([moment(10)], pa.int64()).cast(pa.timestamp("us"))
    found = world.answer(pa.table({"car": ["a"], "at": naive}))
    assert found.schema.field("at").type == UTC_MICROS
    assert (micros(found, "at"), found["car__km"].to_pylist()) == ([moment(10)], [2])


def test_p16_an_event_time_without_zone_is_refused_at_the_door(world: Sightings) -> None:
    rows = world.lake["sightings"].scan(world.lake.datasets["sightings"].names)
    place = rows.column_names.index("seen")
    naive = rows.set_column(place, "seen", rows["seen"].cast(pa.timestamp("us")))
    with pytest.raises(Invalid, match=r"'seen'.*without a time zone"):
        world.lake.ingest("sightings", naive, mode="append")


def test_p17_times_of_several_zones_in_one_column_are_the_same_instants(world: Sightings) -> None:
    at = datetime(2013, 1, 1, 0, 10, tzinfo=UTC)
    zoned = [at, at.astimezone(ZoneInfo("Europe/Paris")), at.astimezone(ZoneInfo("US/Pacific"))]
    mixed = [pd.Timestamp(one) for one in (*zoned, at.replace(tzinfo=None))]
    frame = pd.DataFrame({"car": "a", "at": pd.Series(mixed, dtype=object)})
    texts = pa.table({"car": ["a"] * 4, "at": [one.isoformat() for one in mixed]})
    for labels in (frame, texts):
        found = world.answer(labels)
        assert micros(found, "at") == [moment(10)] * 4
        assert found["car__km"].to_pylist() == [2] * 4


@pytest.mark.parametrize("unit", UNITS)
def test_p18_event_times_of_any_zone_and_unit_are_the_same_instants(
    world: Sightings, unit: Unit
) -> None:
    rows = world.lake["sightings"].scan(world.lake.datasets["sightings"].names)
    place = rows.column_names.index("seen")
    tokyo = rows.set_column(place, "seen", rows["seen"].cast(pa.timestamp(unit, "Asia/Tokyo")))
    world.lake.ingest("sightings", tokyo)
    world.checked([ask("a", 4), ask("a", 5), ask("b", 90)])


@pytest.mark.parametrize("unit", UNITS)
def test_p18_label_times_of_any_zone_and_unit_are_the_same_instants(
    world: Sightings, unit: Unit
) -> None:
    plain = label_table([ask("a", 4), ask("a", 5), ask("b", 90)])
    moved = plain.set_column(1, "at", plain["at"].cast(pa.timestamp(unit, "Asia/Tokyo")))
    assert world.answer(moved).equals(world.answer(plain))


def test_p19_a_label_without_key_or_time_stays_and_is_empty(world: Sightings) -> None:
    rows = world.checked([ask(None, 10, n=1), ask("a", None, n=2), ask("a", 10, n=3)])
    assert [row["n"] for row in rows] == [1, 2, 3]
    assert [row["car__km"] for row in rows] == [None, None, 2]
    assert [row["recent__km_count_1h"] for row in rows] == [0, None, 2]


def test_p20_no_labels_give_no_rows_but_every_column(world: Sightings) -> None:
    none = world.answer(label_table([]))
    some = world.answer(label_table([ask("a", 10)]))
    assert (none.num_rows, none.schema) == (0, some.schema)


def test_p21_a_composite_key_matches_as_a_whole(world: Sightings) -> None:
    view = FeatureView("both", "sightings", ("car", "lot"), (Latest("km"), *WINDOWS.features))
    rows = world.checked(
        [ask("a", 20, lot=lot) for lot in (1, 2, 3, None)] + [ask("b", 20, lot=1)], view
    )
    assert [row["both__km"] for row in rows] == [1, 2, None, None, None]
    assert [row["both__km_count_1h"] for row in rows] == [1, 1, 0, 0, 0]


def test_p22_a_view_without_key_is_joined_by_time_alone(world: Sightings) -> None:
    view = FeatureView("all", "sightings", (), (Latest("km"), Aggregate("count", "", DAY)))
    rows = world.checked([ask("a", 4), ask(None, 10), ask("zz", 100)], view)
    assert [row["all__km"] for row in rows] == [None, 2, 4]
    assert [row["all__count_1d"] for row in rows] == [0, 3, 4]


def test_p23_a_view_is_used_twice_under_two_names(world: Sightings) -> None:
    both = RIDE.replace(views=("car", ViewRef("car", {"car": "other"}, "there")))
    labels = label_table([ask("a", 10, other="b"), ask("b", 95, other="a")])
    found = world.answer(labels, CAR, feature_set=both)
    assert found["car__km"].to_pylist() == [2, 4]
    assert found["there__km"].to_pylist() == [None, None]
    with pytest.raises(Invalid, match="the feature 'car__km' twice"):
        world.answer(labels, CAR, feature_set=RIDE.replace(views=("car", CAR.on(car="other"))))


def test_p24_features_have_the_name_of_their_view_and_label_columns_keep_theirs(
    world: Sightings,
) -> None:
    found = world.answer(label_table([ask("a", 10, late=True)]), CAR)
    assert found.column_names == ["car", "at", "late", "car__km", "car__fare", "car__kind"]


def test_p25_one_short_name_of_two_views_is_two_features(world: Sightings) -> None:
    (row,) = world.checked([ask("a", 60)], CAR, HALF)
    assert (row["car__km"], row["half__km"]) == (2, None)


def test_p25_a_view_that_is_listed_twice_is_refused_before_data_is_read(tmp_path: Path) -> None:
    twice = RIDE.replace(views=("car", "car"))
    with (
        open_sightings(tmp_path) as without_data,
        pytest.raises(Invalid, match="the feature 'car__km' twice"),
    ):
        without_data.answer(label_table([]), CAR, feature_set=twice)


def test_p26_a_label_column_with_the_name_of_a_feature_is_refused(world: Sightings) -> None:
    with pytest.raises(Invalid, match="column 'car__km' has the name of a feature"):
        world.answer(label_table([ask("a", 10, car__km=3)]))


def test_p27_columns_of_the_source_have_other_names_in_a_view(world: Sightings) -> None:
    mapped = FeatureView(
        "mapped",
        "sightings",
        ("plate",),
        (Latest("miles"), Aggregate("sum", "miles", TTL)),
        columns={"car": "plate", "km": "miles"},
    )
    chosen = RIDE.replace(views=(mapped.on(plate="car"),))
    found = world.answer(label_table([ask("a", 10)]), mapped, feature_set=chosen)
    assert found["mapped__miles"].to_pylist() == [2]
    assert found["mapped__miles_sum_1h"].to_pylist() == [3]


def test_p28_an_input_that_only_the_request_has_is_named_where_it_is_missing(
    world: Sightings,
) -> None:
    derived = Derived("fast", ("speed",), "bool", lambda speed: speed > 50)
    chosen = RIDE.replace(views=("car",), derived=(derived,))
    with pytest.raises(Contract, match="no column 'speed', which 'ride' needs"):
        world.answer(label_table([ask("a", 10)]), CAR, feature_set=chosen)
    given = world.answer(label_table([ask("a", 10, speed=60.0)]), CAR, feature_set=chosen)
    assert given["fast"].to_pylist() == [True]


def test_p29_only_the_derived_features_that_are_asked_for_come_back(world: Sightings) -> None:
    double, triple = (
        Derived(name, ("car__km",), "float64", lambda km, by=factor: km * by)
        for name, factor in (("double", 2.0), ("triple", 3.0))
    )
    labels = label_table([ask("a", 10)])
    one = world.answer(labels, CAR, feature_set=RIDE.replace(views=("car",), derived=(triple,)))
    both = RIDE.replace(views=("car",), derived=(double, triple))
    assert one["triple"].to_pylist() == [6.0]
    assert "double" not in one.column_names
    assert world.answer(labels, CAR, feature_set=both).drop_columns(["double"]).equals(one)


def test_p30_an_integer_with_misses_stays_an_integer(world: Sightings) -> None:
    found = world.answer(label_table([ask("a", 10), ask("zz", 10)]))
    assert found.schema.field("car__km").type == pa.int64()
    assert found["car__km"].to_pylist() == [2, None]
    assert found.schema.field("recent__km_max_1h").type == pa.int64()


@pytest.mark.parametrize(
    ("lots", "fits"),
    [
        (pa.array(["1"]), False),
        (pa.array([1.5]), False),
        (pa.array([1], pa.int8()), True),
        (pa.array([1.0, None]), True),
        (pa.array([1], pa.uint64()), True),
    ],
)
def test_p31_a_key_of_another_type_is_refused_unless_no_value_changes(
    world: Sightings, lots: pa.Array[pa.Scalar[pa.DataType]], *, fits: bool
) -> None:
    view = FeatureView("lot", "sightings", ("lot",), (Latest("car"),))
    at = pa.array([moment(10)] * len(lots), pa.int64()).cast(UTC_MICROS)
    labels = pa.table({"lot": lots, "at": at})
    if fits:
        assert world.answer(labels, view)["lot__car"].to_pylist()[0] == "b"
        return
    with pytest.raises(Contract, match="Column 'lot' of the labels"):
        world.answer(labels, view)


def test_p32_labels_of_any_frame_give_the_same_values(world: Sightings) -> None:
    plain = label_table([ask("a", 10, late=True), ask("b", 95, late=False), ask(None, 10)])
    wanted = world.answer(plain)
    frame = pl.DataFrame(plain)
    with duckdb.connect() as connection:
        connection.register("plain", plain)
        frames = [
            frame,
            frame.lazy(),
            plain.to_pandas(),
            connection.sql("SELECT * FROM plain"),
            plain.to_batches()[0],
            pa.RecordBatchReader.from_batches(plain.schema, plain.to_batches()),
        ]
        for labels in frames:
            assert world.answer(labels).equals(wanted)


def test_p32_views_of_one_source_or_another_ttl_do_not_mix(world: Sightings) -> None:
    labels = label_table([ask("a", minutes) for minutes in (5, 20, 50, 71)])
    together = world.answer(labels, CAR, HALF, WINDOWS)
    for view in (CAR, HALF, WINDOWS):
        alone = world.answer(labels, view)
        names = [name for name in alone.column_names if name.startswith(f"{view.name}__")]
        assert together.select(names).equals(alone.select(names))


def test_p34_shuffled_and_cut_input_gives_the_same_rows() -> None:
    dice, size = random.Random(34), 400
    columns = {
        "car": pa.array([dice.choice("abcdef") for _ in range(size)]),
        "km": pa.array([dice.choice([None, 1, 2, 3]) for _ in range(size)], pa.int64()),
        "fare": pa.array([dice.choice([None, 0.1, 0.7, 1e16]) for _ in range(size)]),
        "kind": pa.array([dice.choice([None, "x", "y"]) for _ in range(size)]),
        TIME: pa.array([START + dice.randrange(90) * MINUTE for _ in range(size)]),
        SEQUENCE: pa.array(range(size)),
    }
    events, labels = pa.table(columns), pa.table(columns).select(["car", TIME])
    wanted = EmbeddedEngine(1).compute(CAR, events, labels)
    wanted_windows = EmbeddedEngine(1).compute(WINDOWS, events, labels)
    for workers in (1, 2, 7):
        order = np.array(dice.sample(range(size), size))
        cut = pa.concat_tables(events.take(part) for part in np.array_split(order, workers))
        engine = EmbeddedEngine(workers)
        assert engine.compute(CAR, cut, labels).equals(wanted)
        assert engine.compute(WINDOWS, cut, labels).equals(wanted_windows)
