"""What a training set asks of an engine: each view once, its events as files of the lake."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.features.conftest import CARRIER, DELAY, SKY, VIEWS, airline

from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.engines.files import EventFiles
from towpath.features.snapshot import Snapshot
from towpath.features.training import add_features
from towpath.features.view import ViewRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa
    from tests.features.conftest import World

    from towpath.features.engines import Engine, Report
    from towpath.features.view import FeatureView

pytest_plugins = ("tests.spark_session",)

LATE = "late_carrier"
TWICE = DELAY.replace(
    views=("carrier", "tail", SKY.on(airport="origin"), ViewRef("carrier", name=LATE)),
    derived=(),
    defaults={},
)
FILTERED = {**VIEWS, "carrier": CARRIER.replace(where="passengers > 100 AND NOT diverted")}


class Watched:
    """The embedded engine, which notes what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, object, int]] = []

    def compute(
        self,
        view: FeatureView,
        events: pa.Table | Iterable[pa.Table],
        labels: pa.Table,
        *,
        report: Report | None = None,
    ) -> pa.Table:
        self.given.append((view.name, type(events), labels.num_rows))
        return EmbeddedEngine(2).compute(view, events, labels, report=report)


@pytest.fixture
def world(
    make_world: Callable[[Path, dict[str, pa.Table]], World], tmp_path: Path
) -> Iterator[World]:
    """A lake whose arrivals have a second version."""
    tables = airline(400)
    made = make_world(tmp_path, tables)
    made.lake.ingest("arrivals", tables["arrivals"].slice(100, 50), mode="append")
    yield made
    made.lake.db.close()


def made_by(engine: Engine, world: World, **versions: int) -> pa.Table:
    snapshot = Snapshot(world.lake, versions)
    labels = world.lake["schedule"].scan()
    return add_features(snapshot, TWICE, FILTERED, labels=labels, engine=engine)


def test_a_view_that_is_used_twice_is_computed_once_from_files(world: World) -> None:
    engine = Watched()
    found = made_by(engine, world)
    assert engine.given == [
        ("carrier", EventFiles, 800),
        ("tail", EventFiles, 400),
        ("weather", EventFiles, 400),
    ]
    assert found[f"{LATE}__delay_sum_2d"].equals(found["carrier__delay_sum_2d"])


def test_spark_makes_the_training_set_of_embedded(world: World, local_spark: str) -> None:
    from towpath.features.engines.spark import SparkEngine

    spark = SparkEngine(local_spark, environ=os.environ, task_rows=300)
    for versions in ({}, {"arrivals": 0}):
        expected = made_by(EmbeddedEngine(2), world, **versions)
        assert made_by(spark, world, **versions).equals(expected)
    assert not expected.equals(made_by(EmbeddedEngine(2), world))
