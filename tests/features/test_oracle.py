"""Every function of a view, over the lake and on random events, held against the oracle."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

import pytest
from tests.features import oracle
from tests.features.sightings import Sightings, ask, label_table, moment, open_sightings, sighting

from towpath.features.view import Aggregate, AggregateFunction, FeatureView, Latest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WINDOWS = (timedelta(minutes=7), timedelta(hours=1), None)
ORDERED = ("count", "first", "last", "distinct")
SPANS = tuple(
    Aggregate(function, column, window)
    for column, functions in (
        ("km", (*ORDERED, "sum", "mean", "min", "max", "std")),
        ("fare", (*ORDERED, "sum", "mean", "min", "max", "std")),
        ("kind", ORDERED),
        ("", ("count",)),
    )
    for function in get_args(AggregateFunction)
    if function in functions
    for window in WINDOWS
)
LISTS = tuple(
    Aggregate("last_k", column, window, k=3)
    for column in ("km", "fare", "kind")
    for window in WINDOWS
)
SHARES = tuple(
    Aggregate("share", column, window, value=value)
    for column, value in (("kind", "x"), ("km", 2))
    for window in WINDOWS
)
EVERY = (*SPANS, *LISTS, *SHARES)


def before(features: tuple[Aggregate, ...]) -> tuple[Aggregate, ...]:
    return tuple(one.replace(exclude_current=True) for one in features)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Sightings]:
    with open_sightings(tmp_path) as made:
        yield made


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("keys", [("car",), ("car", "lot"), ()])
def test_every_function_equals_the_oracle(
    world: Sightings, seed: int, keys: tuple[str, ...]
) -> None:
    dice = random.Random(seed)
    for batch in range(3):
        rows = [
            sighting(
                dice.choice([*"ab", None]),
                dice.choice([None, *range(0, 90, 3)]),
                dice.choice([None, -3, 0, 2, 5]),
                lot=dice.choice([None, 1, 2]),
                fare=dice.choice([None, 0.1, -0.7, 1e16, float("nan"), float("inf")]),
                kind=dice.choice([None, "x", "y", "é"]),
            )
            for _ in range(20)
        ]
        world.come(*rows, minutes=batch * 30)
    cars, lots, times = [*"abz", None], [1, 2, None], [None, *range(100)]
    labels = [ask(dice.choice(cars), dice.choice(times), lot=dice.choice(lots)) for _ in range(25)]
    features: tuple[Aggregate | Latest, ...] = (*EVERY, Latest("km"), Latest("kind"))
    now = FeatureView("now", "sightings", keys, features, ttl=timedelta(minutes=30))
    then = FeatureView("then", "sightings", keys, before(EVERY))
    served = timedelta(minutes=10) if seed else None
    world.checked(labels, now, then, visible_after=served)


def test_rows_that_do_not_satisfy_the_condition_are_no_events(world: Sightings) -> None:
    events = [sighting("a", 5 + km, km=km, fare=km / 2) for km in range(8)]
    world.come(*events, sighting("a", 40, km=None, fare=99.0))
    features: tuple[Aggregate | Latest, ...] = (Latest("fare"), *EVERY)
    far = FeatureView("far", "sightings", ("car",), features, where="km > 3")
    found = world.answer(label_table([ask("a", 60)]), far)
    world.events = [row for row in world.events if (row["km"] or 0) > 3]
    plain = far.replace(where="")
    wanted = oracle.features(plain, world.events, {"car": "a"}, moment(60))
    assert found["far__fare"].to_pylist() == [3.5]
    assert found["far__count_1h"].to_pylist() == [4] == [wanted["count_1h"]]


def test_oracle_adds_without_rounding_on_the_way() -> None:
    total = Aggregate("sum", "fare", None)
    view = FeatureView("v", "sightings", ("car",), (total, Aggregate("std", "fare", None)))
    events = [
        {"car": "a", "fare": fare, oracle.TIME: 1, oracle.SEQUENCE: place}
        for place, fare in enumerate((1e16, 1.0, -1e16, 1.0))
    ]
    found = oracle.features(view, events, {"car": "a"}, 1)
    assert found["fare_sum_lifetime"] == 2.0
    assert found["fare_std_lifetime"] == pytest.approx(8.164965809277262e15, rel=1e-15)
