"""Rules P1 to P15 of a point-in-time join: which event a label sees. Every cell is the oracle's."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.features.sightings import (
    CAR,
    WINDOWS,
    Sightings,
    ask,
    label_table,
    open_sightings,
    sighting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MICRO = 1 / 60_000_000
NOW = timedelta()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Sightings]:
    with open_sightings(tmp_path) as made:
        yield made


def test_p01_an_event_at_the_label_time_is_seen(world: Sightings) -> None:
    world.come(sighting("a", 5, km=7))
    (row,) = world.checked([ask("a", 5)])
    assert (row["car__km"], row["recent__km_count_1h"]) == (7, 1)


def test_p02_an_event_one_microsecond_later_is_not_and_the_row_stays(world: Sightings) -> None:
    world.come(sighting("a", 5 + MICRO, km=7))
    (row,) = world.checked([ask("a", 5)])
    assert (row["car__km"], row["recent__km_count_1h"]) == (None, 0)


def test_p03_an_event_of_exactly_the_ttl_counts_and_one_older_does_not(world: Sightings) -> None:
    world.come(sighting("a", 0, km=7))
    at_ttl, older = world.checked([ask("a", 60), ask("a", 60 + MICRO)])
    assert (at_ttl["car__km"], older["car__km"]) == (7, None)
    assert at_ttl["recent__km_count_1h"] == 0, "a window is open at its far end"


def test_p04_without_a_ttl_any_age_counts(world: Sightings) -> None:
    world.come(sighting("a", 0, km=7))
    (row,) = world.checked([ask("a", 60 * 24 * 3650)], CAR.replace(ttl=None))
    assert row["car__km"] == 7


def test_p05_no_row_is_lost_whatever_its_key_has(world: Sightings) -> None:
    world.come(sighting("future", 90), sighting("expired", 0))
    rows = world.checked([ask("never", 80), ask("future", 80), ask("expired", 80)])
    assert [row["car"] for row in rows] == ["never", "future", "expired"]
    assert [row["car__km"] for row in rows] == [None, None, None]


def test_p06_duplicate_label_rows_are_all_kept(world: Sightings) -> None:
    world.come(sighting("a", 0, km=7))
    labels = [ask("a", 5, late=late) for late in (True, False, None)]
    rows = world.checked(labels)
    assert [row["late"] for row in rows] == [True, False, None]
    assert [row["car__km"] for row in rows] == [7, 7, 7]


def test_p07_of_many_versions_of_one_event_the_last_to_come_counts(world: Sightings) -> None:
    dice = random.Random(7)
    cars = [f"c{number}" for number in range(1000)]
    for version in range(5):
        shuffled = dice.sample(cars, len(cars))
        world.come(*(sighting(car, 5, km=version) for car in shuffled), minutes=version)
    every = world.answer(label_table([ask(car, 6) for car in cars]))
    assert set(every["car__km"].to_pylist()) == {4}
    world.checked([ask(car, 6) for car in cars[::100]], CAR)


def test_p08_a_newer_event_counts_although_it_came_first(world: Sightings) -> None:
    world.come(sighting("a", 10, km=2), minutes=20)
    world.come(sighting("a", 5, km=1), minutes=30)
    (row,) = world.checked([ask("a", 40)])
    assert row["car__km"] == 2


def test_p09_every_event_has_its_place_in_the_order_of_arrival(world: Sightings) -> None:
    world.come(sighting("a", 5, km=1), minutes=20)
    world.come(sighting("a", 5, km=2), minutes=30)
    stored = world.lake["sightings"].scan(["_seq", "_ingested_at"])
    assert [column.null_count for column in stored.columns] == [0, 0]
    (row,) = world.checked([ask("a", 40)])
    assert row["car__km"] == 2


def test_p10_a_version_that_came_after_the_label_counts_unless_as_served(world: Sightings) -> None:
    world.come(sighting("a", 5, km=1), minutes=6)
    world.come(sighting("a", 5, km=2), minutes=30)
    label = [ask("a", 10)]
    (default,), (served,) = world.checked(label), world.checked(label, visible_after=NOW)
    assert (default["car__km"], served["car__km"]) == (2, 1)
    (patient,) = world.checked(label, visible_after=timedelta(minutes=20))
    (hurried,) = world.checked(label, visible_after=timedelta(minutes=20, microseconds=-1))
    assert (patient["car__km"], hurried["car__km"]) == (2, 1)


def test_p11_where_all_versions_came_later_the_row_stays_and_is_empty(world: Sightings) -> None:
    world.come(sighting("b", 4, km=3), minutes=4)
    world.come(sighting("a", 5, km=1), minutes=30)
    world.come(sighting("a", 5, km=2), minutes=31)
    rows = world.checked([ask("a", 10), ask("b", 10), ask("a", 30)], visible_after=NOW)
    assert [row["car__km"] for row in rows] == [None, 3, 1]
    assert [row["recent__km_count_1h"] for row in rows] == [0, 1, 1]


def test_p12_a_null_that_is_newest_is_not_replaced_by_an_older_value(world: Sightings) -> None:
    world.come(sighting("a", 5, km=1, fare=2.0), sighting("a", 6, km=None, fare=float("nan")))
    (row,) = world.checked([ask("a", 10)])
    assert (row["car__km"], row["car__fare"], row["recent__km_sum_1h"]) == (None, None, 1)


@pytest.mark.parametrize("visible_after", [None, NOW])
def test_p13_an_event_without_time_is_never_seen(
    world: Sightings, visible_after: timedelta | None
) -> None:
    world.come(sighting("a", None, km=1))
    world.come(sighting("a", 1, km=2), minutes=1)
    rows = world.checked([ask("a", 0), ask("a", 10)], visible_after=visible_after)
    assert [row["car__km"] for row in rows] == [None, 2]
    assert [row["recent__km_count_1h"] for row in rows] == [0, 1]


def test_p14_of_events_at_one_time_the_last_to_come_counts(world: Sightings) -> None:
    world.come(*(sighting("a", 5, km=number) for number in (3, 1, 2)))
    (row,) = world.checked([ask("a", 10)])
    assert row["car__km"] == 2


def test_p15_one_key_at_two_times_has_each_its_own_value(world: Sightings) -> None:
    world.come(sighting("a", 5, km=1), sighting("a", 7, km=2))
    rows = world.checked([ask("a", 8), ask("a", 6)])
    assert [row["car__km"] for row in rows] == [2, 1]
    assert [row["recent__km_sum_1h"] for row in rows] == [3, 1]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("visible_after", [None, NOW, timedelta(minutes=9)])
def test_oracle_agrees_on_random_events_that_came_in_any_order(
    world: Sightings, seed: int, visible_after: timedelta | None
) -> None:
    dice = random.Random(seed)
    for batch in range(6):
        rows = [
            sighting(
                dice.choice([*"abc", None]),
                dice.choice([None, *range(0, 120, 5)]),
                dice.choice([None, 1, 2, 5]),
                fare=dice.choice([None, 0.1, 0.2, 1e16, float("nan")]),
            )
            for _ in range(12)
        ]
        world.come(*rows, minutes=batch * 20 + dice.randrange(20))
    labels = [
        ask(dice.choice([*"abcd", None]), dice.choice([None, *range(150)])) for _ in range(40)
    ]
    world.checked(labels, CAR, WINDOWS, visible_after=visible_after)
