"""Training sets of a project: labels from anywhere, kept with a manifest, made again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.features.rides import ingest_rides, minutes, write_project
from tests.features.sightings import START, ask, label_table

from towpath.core.clock import SimulatedClock
from towpath.core.errors import Conflict, Contract, Invalid, NotFound
from towpath.core.instant import from_micros
from towpath.features.manifest import DatasetLabels, GivenLabels, KeysAt
from towpath.steps.training_set import (
    find_manifests,
    make_training_set,
    read_training_set,
    rebuild_training_set,
    save_training_set,
)
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    root = write_project(tmp_path)
    with Workspace(root, clock=SimulatedClock(from_micros(START))) as made:
        ingest_rides(made)
        yield made


def test_the_rows_are_those_of_the_spine_unless_others_are_given(workspace: Workspace) -> None:
    found = make_training_set(workspace, "ride")
    assert found.table.column_names[:4] == ["ask", "car", "at", "asked"]
    assert found.features.to_pydict() == {
        "car__km": [1, 2, None, 4],
        "car__kind": [None, "x", None, "y"],
        "car__km_sum_2h": [1, 2, 0, 5],
        "far": [0.1, 0.2, 0.0, 0.5],
    }
    assert found.manifest.labels == DatasetLabels("asks")
    assert found.manifest.data_versions == {"asks": 0, "sightings": 0}
    assert found.fill_rates()["car__km"] == 0.75
    assert "TrainingSet of ride: 4 rows, 4 features\n  car__km         int64" in repr(found)


def test_other_libraries_read_a_training_set_as_it_is(workspace: Workspace) -> None:
    found = make_training_set(workspace, "ride")
    assert pl.DataFrame(found)["car__km"].to_list() == [1, 2, None, 4]
    frame = pd.DataFrame.from_arrow(found)
    assert frame["far"].tolist() == [0.1, 0.2, 0.0, 0.5]
    again = make_training_set(workspace, "ride", labels=found.labels)
    assert again.table.equals(found.table)


def test_p32_labels_by_query_are_as_if_they_were_given(workspace: Workspace) -> None:
    query = """SELECT ask AS id, car, "at", ask > 2 AS late FROM asks WHERE car <> 'c' ORDER BY 1"""
    found = make_training_set(workspace, "ride", labels=query)
    assert found.table["late"].to_pylist() == [False, False, True]
    assert found.table["car__km"].to_pylist() == [1, 2, 4]
    given = make_training_set(workspace, "ride", labels=found.labels)
    assert given.table.equals(found.table)
    assert isinstance(found.manifest.labels, GivenLabels)
    assert (found.manifest.labels.query, found.manifest.data_versions["asks"]) == (query, 0)


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_labels_in_a_file_have_the_types_of_the_spine(workspace: Workspace, name: str) -> None:
    path = workspace.root / name
    if name.endswith("csv"):
        path.write_text("at,car,paid\n2013-01-01T00:06:00Z,a,1.5\n2013-01-01T01:12:00+01:00,b,2\n")
    else:
        rows = {"at": minutes(6, 12), "car": ["a", "b"], "paid": [1.5, 2.0]}
        pq.write_table(pa.table(rows), path)
    found = make_training_set(workspace, "ride", labels=path)
    assert found.table.column_names[:3] == ["at", "car", "paid"]
    assert found.table["paid"].to_pylist() == [1.5, 2.0]
    assert found.table["car__km"].to_pylist() == [1, 2]


def test_p33_without_labels_each_known_key_has_its_last_value_at_a_time(
    workspace: Workspace,
) -> None:
    at = from_micros(START) + timedelta(minutes=65)
    found = make_training_set(workspace, "ride", labels=at)
    assert found.table["ask"].to_pylist() == [1, 2, 3, 4]
    assert found.table["at"].to_pylist() == [at] * 4
    assert found.table["car__km"].to_pylist() == [4, 2, None, 4]
    later = make_training_set(workspace, "ride", labels=at + timedelta(minutes=15, microseconds=1))
    assert later.table["car__km"].to_pylist() == [None, None, None, None], "the ttl holds"


def test_p33_both_ends_of_a_range_count(workspace: Workspace) -> None:
    first, last = (from_micros(START) + timedelta(minutes=one) for one in (2, 3))
    inside = make_training_set(workspace, "ride", labels=KeysAt(last, since=first))
    assert inside.table["ask"].to_pylist() == [2, 3]
    micro = timedelta(microseconds=1)
    narrow = make_training_set(workspace, "ride", labels=KeysAt(last - micro, since=first + micro))
    assert narrow.table["ask"].to_pylist() == []


def test_as_served_sees_what_had_come(workspace: Workspace) -> None:
    labels = label_table([ask("a", 6), ask("a", 30)])
    workspace.clock.move_to(from_micros(START) + timedelta(minutes=25))  # type: ignore[attr-defined]
    late = {"car": ["a"], "km": [9], "kind": ["z"], "seen": minutes(5.5)}
    workspace.lake.ingest("sightings", pa.table(late), mode="append")
    values = {
        served: make_training_set(workspace, "ride", labels=labels, as_served=served).table
        for served in (False, True, timedelta(minutes=19))
    }
    assert values[False]["car__km_sum_2h"].to_pylist() == [10, 14]
    assert values[True]["car__km_sum_2h"].to_pylist() == [1, 14]
    assert values[timedelta(minutes=19)]["car__km_sum_2h"].to_pylist() == [10, 14]


def test_p35_a_kept_set_is_not_replaced_unless_told(workspace: Workspace) -> None:
    first = save_training_set(workspace, make_training_set(workspace, "ride"), "first")
    assert save_training_set(workspace, make_training_set(workspace, "ride"), "first").manifest == (
        first.manifest
    )
    other = make_training_set(workspace, "ride", labels=label_table([ask("a", 6)]))
    with pytest.raises(Conflict, match="another training set 'first'"):
        save_training_set(workspace, other, "first")
    replaced = save_training_set(workspace, other, "first", overwrite=True).manifest
    assert (first.manifest.table, replaced.table) == (0, 1)
    assert [one.id for one in find_manifests(workspace, "first")] == [
        replaced.id,
        first.manifest.id,
    ]
    assert read_training_set(workspace, "first", 0)["car__km"].to_pylist() == [1, 2, None, 4]


def test_a_kept_set_is_made_again_bit_for_bit_though_data_came(workspace: Workspace) -> None:
    query = 'SELECT car, "at" FROM asks'
    given = label_table([ask("a", 6, weight=0.25), ask("b", 12, weight=None)])
    at = from_micros(START) + timedelta(minutes=20)
    kept = [
        save_training_set(workspace, make_training_set(workspace, "ride", labels=one), name)
        for name, one in (("rows", None), ("asked", query), ("given", given), ("keys", at))
    ]
    more = {"car": ["a"], "km": [7], "kind": [None], "seen": minutes(5)}
    workspace.lake.ingest("sightings", pa.table(more), mode="append")
    workspace.lake.ingest("asks", workspace.lake["asks"].scan(["ask", "car", "at", "asked"])[:1])
    for one in kept:
        again = rebuild_training_set(workspace, one.manifest.id)
        assert (again.equal, again.hash, again.rows) == (True, one.manifest.hash, len(one))
    assert len({one.manifest.id for one in kept}) == 4
    assert make_training_set(workspace, "ride").manifest.hash != kept[0].manifest.hash


def test_a_kept_set_is_not_made_again_of_other_definitions(workspace: Workspace) -> None:
    kept = save_training_set(workspace, make_training_set(workspace, "ride"), "first")
    assert set(kept.manifest.definitions) == {
        "feature_set/ride",
        "feature_view/car",
        "dataset/asks",
        "dataset/sightings",
    }
    write_project(workspace.root, factor=11)
    with Workspace(workspace.root) as changed, pytest.raises(Conflict, match="have changed"):
        rebuild_training_set(changed, "first")


def test_a_set_that_was_only_half_kept_is_kept_by_the_next_call(workspace: Workspace) -> None:
    found = make_training_set(workspace, "ride")
    kept = save_training_set(workspace, found, "first")
    workspace.lake.store.overwrite("first__training", found.table.slice(0, 1), batch="cut short")
    again = save_training_set(workspace, found, "first")
    assert again.manifest.table > kept.manifest.table
    assert read_training_set(workspace, "first", again.manifest.table).num_rows == 4


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ("askz", Invalid, "'askz' is no query"),
        ("SELECT * FROM nothing", NotFound, "no dataset 'nothing'"),
        (Path("nowhere.csv"), NotFound, "no file"),
        (7, Invalid, "A int gives no rows"),
        (pa.table({"car": ["a"]}), Contract, "no column 'at', which 'ride' needs"),
        (pa.table({"car": [1], "at": minutes(1)}), Contract, "'car' of the labels is int64"),
        (pa.table({"car": ["a"], "at": ["soon"]}), Contract, "'soon', which is not a time"),
        (pa.table({"car": ["a"], "at": [1]}), Contract, "'at' is int64, not a time"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    workspace: Workspace, labels: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_training_set(workspace, "ride", labels=labels)


def test_a_set_or_id_that_is_not_there_is_named(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="rid"):
        make_training_set(workspace, "rid")
    with pytest.raises(NotFound, match="No training set 'first' is kept"):
        rebuild_training_set(workspace, "first")
