from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.features.conftest import CARRIER, SKY, TAIL, airline
from tests.features.test_division import LIFETIME, WINDOWED, giant_key
from tests.properties.test_kernel_oracle import Case, as_table, cases
from tests.spark_here import require_spark, stop_session

from towpath.core.errors import Contract, Invalid
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.event_files import event_files
from towpath.features.snapshot import Snapshot, read_events
from towpath.features.view import Aggregate, FeatureView, Latest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.features.conftest import World

    from towpath.features.engines import Engine

pytest_plugins = ("tests.spark_session",)


@pytest.fixture(scope="module")
def engine(local_spark: str) -> Engine:
    return spark_engine(local_spark, 2000)


def spark_engine(url: str, task_rows: int) -> Engine:
    require_spark()
    from towpath.features.engines.spark import SparkEngine

    return SparkEngine(url, environ=os.environ, task_rows=task_rows)


@settings(max_examples=8)
@given(cases(), st.integers(1, 30))
def test_spark_equals_embedded_in_all_cells(local_spark: str, case: Case, size: int) -> None:
    events, labels = as_table(case.events), as_table(case.labels)
    found = spark_engine(local_spark, size).compute(case.view, events, labels)
    assert found.equals(EmbeddedEngine(1).compute(case.view, events, labels))


@pytest.mark.parametrize("view", [WINDOWED, LIFETIME])
def test_a_giant_key_has_the_features_of_embedded(engine: Engine, view: FeatureView) -> None:
    events, labels = giant_key(20_000)
    assert engine.compute(view, events, labels).equals(
        EmbeddedEngine(2).compute(view, events, labels)
    )


def test_progress_is_told_to_its_end(engine: Engine) -> None:
    events, labels = giant_key(2_000)
    told: list[tuple[int, int]] = []
    engine.compute(WINDOWED, events, labels, report=lambda done, of: told.append((done, of)))
    assert told[-1] == (labels.num_rows, labels.num_rows)
    assert told == sorted(told)


def labels_of(world: World, view: FeatureView) -> pa.Table:
    """Ask for a view at the times of the schedule."""
    rows = world.lake["schedule"].scan()
    keys = {key: rows["origin" if key == "airport" else key] for key in view.keys}
    return pa.table({**keys, "_t": rows["at"].cast(pa.int64())})


FILTERED = CARRIER.replace(name="filtered", where="passengers > 100 AND NOT diverted")


@pytest.mark.parametrize("view", [CARRIER, TAIL, SKY, FILTERED], ids=lambda one: str(one.name))
def test_files_of_the_lake_are_read_by_the_workers(
    engine: Engine, world: World, view: FeatureView
) -> None:
    labels = labels_of(world, view)
    last = pc.max(labels["_t"]).as_py()
    expected = EmbeddedEngine(2).compute(
        view, read_events(Snapshot(world.lake), view, until=last), labels
    )
    files = event_files(Snapshot(world.lake), view, until=last)
    assert engine.compute(view, files, labels).equals(expected)
    assert EmbeddedEngine(2).compute(view, files, labels).equals(expected)


def test_a_file_damaged_since_it_was_checked_is_named(
    engine: Engine, make_world: Callable[[Path, dict[str, pa.Table]], World], tmp_path: Path
) -> None:
    world = make_world(tmp_path, airline(300))
    files = event_files(Snapshot(world.lake), CARRIER, until=None)
    path = files.files.paths[0]
    Path(path).write_bytes(Path(path).read_bytes()[:-100])
    with pytest.raises(Contract, match=Path(path).name):
        engine.compute(CARRIER, files, labels_of(world, CARRIER))


def test_older_files_lack_the_columns_that_came_later(
    make_world: Callable[[Path, dict[str, pa.Table]], World], tmp_path: Path
) -> None:
    world = make_world(tmp_path, airline(50))
    files = event_files(Snapshot(world.lake), TAIL, until=None)
    later = replace(files, schema=files.schema.append(pa.field("late", pa.int64())))
    view = TAIL.replace(features=(Latest("late"),))
    found = pa.concat_tables(replace(later, view=view))
    assert found["late"].null_count == found.num_rows == 50


def test_a_definition_that_cannot_be_computed_is_refused_before_spark_is_asked() -> None:
    view = FeatureView("v", "s", ("k",), (Aggregate("sum", "v", None),))
    events = pa.table({"k": [1], "v": ["text"], "_t": [1], "_seq": [0]})
    with pytest.raises(Invalid, match="sum"):
        spark_engine("spark://127.0.0.1:1", 5).compute(view, events, events.select(["k", "_t"]))


@pytest.mark.parametrize(("events", "labels"), [(0, 5), (5, 0), (0, 0)])
def test_nothing_is_no_exception(engine: Engine, events: int, labels: int) -> None:
    rows, asked = giant_key(100)
    rows, asked = rows.slice(0, events), asked.slice(0, labels)
    expected = EmbeddedEngine(1).compute(WINDOWED, rows, asked)
    assert engine.compute(WINDOWED, rows, asked).equals(expected)


def test_a_forked_process_has_a_session_of_its_own(engine: Engine) -> None:
    events, labels = giant_key(2_000)
    expected = engine.compute(WINDOWED, events, labels)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def child() -> None:
        answers.put(engine.compute(WINDOWED, events, labels).equals(expected))
        stop_session()

    process = context.Process(target=child)
    process.start()
    assert answers.get(timeout=300)
    process.join()
    assert engine.compute(WINDOWED, events, labels).equals(expected)
