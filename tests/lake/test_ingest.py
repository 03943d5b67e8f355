from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from towpath.catalog import events
from towpath.core.errors import Contract, Invalid, NotFound
from towpath.core.instant import parse_instant
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.system import PREDICTIONS

if TYPE_CHECKING:
    from towpath.core.clock import SimulatedClock

WriteCsv = Callable[..., Path]
AT = "2013-01-01T00:00:00Z"
GOOD = (f"1,2.5,day,{AT}", f"2,3.5,night,{AT}")


def ids(lake: Lake, name: str = "trips") -> list[int]:
    return [int(value) for value in lake[name].scan(["id"])["id"].to_numpy()]


def test_rows_are_stored_with_time_and_sequence(
    lake: Lake, write_csv: WriteCsv, tmp_path: Path
) -> None:
    write_csv(*GOOD)
    report = lake.ingest("trips")
    stored = lake["trips"].scan()
    assert (report.version, report.rows, report.rejected, report.unchanged) == (0, 2, 0, False)
    assert stored.column_names == ["id", "fare", "kind", "at", "_ingested_at", "_seq"]
    assert stored["_seq"].to_pylist() == [0, 1]
    assert stored["_ingested_at"].to_pylist()[0] == parse_instant("2024-01-01")


def test_the_same_batch_again_changes_nothing(
    lake: Lake, write_csv: WriteCsv, tmp_path: Path
) -> None:
    write_csv(*GOOD, "1,2.5,day,2013-01-01T00:00:00Z")
    first = lake.ingest("trips")
    again = lake.ingest("trips")
    assert again.unchanged
    assert again.replace(unchanged=False, known=0, seconds=first.seconds) == first
    assert (lake["trips"].version(), lake["trips__rejected"].version()) == (0, 0)
    assert len(events.read(lake.db)) == 1


def test_a_batch_that_was_replaced_is_taken_in_again(lake: Lake, write_csv: WriteCsv) -> None:
    one, two = write_csv(GOOD[0], name="one.csv"), write_csv(GOOD[1], name="two.csv")
    for path in (one, two, one):
        assert not lake.ingest("trips", path).unchanged
    assert (ids(lake), lake["trips"].version()) == ([1], 2)


def test_appending_goes_on_with_the_sequence(lake: Lake, write_csv: WriteCsv) -> None:
    for place, line in enumerate(GOOD):
        lake.ingest("trips", write_csv(line, name=f"{place}.csv"), mode="append")
    assert lake["trips"].scan(["id", "_seq"]).to_pylist() == [
        {"id": 1, "_seq": 0},
        {"id": 2, "_seq": 1},
    ]


def test_an_appended_batch_is_known_again_later(lake: Lake, write_csv: WriteCsv) -> None:
    one, two = write_csv(GOOD[0], name="one.csv"), write_csv(GOOD[1], name="two.csv")
    for path in (one, two):
        lake.ingest("trips", path, mode="append")
    assert lake.ingest("trips", one, mode="append").unchanged
    assert ids(lake) == [1, 2]


def test_failing_rows_are_set_aside_with_their_reasons(lake: Lake, write_csv: WriteCsv) -> None:
    path = write_csv(*GOOD, f"1,9,day,{AT}", f",1,day,{AT}", f"5,-1,dusk,{AT}")
    report = lake.ingest("trips", path)
    aside = lake["trips__rejected"].scan()
    assert (report.rows, report.rejected, ids(lake)) == (2, 3, [1, 2])
    assert aside["_reasons"].to_pylist() == [
        "the key id is that of an earlier row",
        "id is null",
        "fare is below 0.0; kind is not an allowed value",
    ]
    assert len(set(aside["_batch"].to_pylist())) == 1
    failed = {one.check: one.observed for one in report.findings if not one.passed}
    assert failed == {"not_null": 1, "minimum": 1, "allowed": 1, "unique_key": 1}


def test_mended_data_leaves_no_rejected_rows(lake: Lake, write_csv: WriteCsv) -> None:
    lake.ingest("trips", write_csv(*GOOD, f",1,day,{AT}"))
    lake.ingest("trips", write_csv(*GOOD))
    assert lake["trips__rejected"].rows() == 0


def test_a_stored_key_is_not_appended_again(lake: Lake, write_csv: WriteCsv) -> None:
    lake.ingest("trips", write_csv(GOOD[0]))
    report = lake.ingest("trips", write_csv(*GOOD), mode="append")
    assert (report.rows, report.rejected, ids(lake)) == (1, 1, [1, 2])


def test_an_empty_source_is_refused(lake: Lake, write_csv: WriteCsv) -> None:
    with pytest.raises(Contract, match=r"trips\.csv has no rows"):
        lake.ingest("trips", write_csv())
    assert not lake["trips"].exists()


def test_a_batch_without_a_valid_row_leaves_the_lake_as_it_is(
    lake: Lake, write_csv: WriteCsv
) -> None:
    lake.ingest("trips", write_csv(*GOOD))
    with pytest.raises(Contract, match=r"No row of .* \(1 row: fare is below 0.0\)"):
        lake.ingest("trips", write_csv(f"7,-1,day,{AT}"))
    assert (ids(lake), lake["trips__rejected"].exists()) == ([1, 2], False)


def test_a_changed_contract_takes_the_same_source_in_again(lake: Lake, write_csv: WriteCsv) -> None:
    path = write_csv(*GOOD)
    lake.ingest("trips", path)
    trips = lake.datasets["trips"]
    columns = (trips.columns[0], trips.columns[1].replace(maximum=3.0), *trips.columns[2:])
    lake.datasets["trips"] = trips.replace(columns=columns)
    assert lake.ingest("trips", path).rejected == 1


def test_a_new_description_takes_nothing_in(lake: Lake, write_csv: WriteCsv) -> None:
    path = write_csv(*GOOD)
    lake.ingest("trips", path)
    lake.datasets["trips"] = lake.datasets["trips"].replace(description="Rides", owner="ada")
    assert lake.ingest("trips", path).unchanged


def test_a_table_is_known_again_by_its_content(lake: Lake) -> None:
    dataset = Dataset("sizes", (Column("size", "int64"),))
    lake.datasets["sizes"] = dataset
    lake.ingest("sizes", pa.table({"size": [1, 2, 3]}))
    pieces = pa.table({"size": pa.chunked_array([[1], [2, 3]], pa.int64())})
    assert lake.ingest("sizes", pieces).unchanged


def test_a_table_with_naive_times_is_refused(lake: Lake) -> None:
    naive = pa.array([0], pa.timestamp("us"))
    table = pa.table({"id": [1], "fare": [1.0], "kind": ["day"], "at": naive})
    with pytest.raises(Invalid, match="Column 'at' of The given table"):
        lake.ingest("trips", table)


def test_an_unknown_dataset_suggests_a_close_one(lake: Lake) -> None:
    with pytest.raises(NotFound, match="Did you mean 'trips'"):
        lake.ingest("trip")


def test_several_files_are_one_batch(lake: Lake, write_csv: WriteCsv, tmp_path: Path) -> None:
    for place, line in enumerate(GOOD):
        write_csv(line, name=f"part{place}.csv")
    assert lake.ingest("trips", Path("part*.csv")).rows == 2


def test_an_ingestion_is_told_to_the_log_of_events(lake: Lake, write_csv: WriteCsv) -> None:
    lake.ingest("trips", write_csv(*GOOD, f",1,day,{AT}"))
    event = events.read(lake.db, subject="dataset/trips")[0]
    assert (event.action, event.at) == ("dataset.ingested", lake.clock.now())
    assert (event.data["rows"], event.data["rejected"]) == (2, 1)
    assert event.data["failed"] == ["not_null trips.id: 1"]


def test_columns_can_be_chosen_and_rows_filtered(lake: Lake, write_csv: WriteCsv) -> None:
    lake.ingest("trips", write_csv(*GOOD))
    found = lake["trips"].scan(["kind"], pc.field("fare") > pc.scalar(3.0))
    assert found.to_pylist() == [{"kind": "night"}]


def test_an_unknown_column_suggests_a_close_one(lake: Lake, write_csv: WriteCsv) -> None:
    lake.ingest("trips", write_csv(*GOOD))
    with pytest.raises(NotFound, match="Did you mean 'kind'"):
        lake["trips"].scan(["kinds"])


def test_a_dataset_without_data_says_how_to_get_some(lake: Lake) -> None:
    assert (lake["trips"].exists(), lake["trips"].rows()) == (False, 0)
    with pytest.raises(NotFound, match="towpath data ingest trips"):
        lake["trips"].scan()


def test_a_table_can_be_read_as_it_stood(
    lake: Lake, write_csv: WriteCsv, clock: SimulatedClock
) -> None:
    lake.ingest("trips", write_csv(GOOD[0]))
    clock.move_to(parse_instant("2024-02-01"))
    lake.ingest("trips", write_csv(*GOOD))
    assert lake["trips"].scan(as_of=parse_instant("2024-01-15")).num_rows == 1
    assert lake["trips"].scan(version=0).num_rows == 1
    with pytest.raises(NotFound, match="had no data at 2023-01-01"):
        lake["trips"].scan(as_of=parse_instant("2023-01-01"))
    with pytest.raises(NotFound, match="It has 0 to 1"):
        lake["trips"].scan(version=2)


def test_predictions_have_a_table_in_every_lake(lake: Lake) -> None:
    at = pa.array([0], pa.timestamp("us", "UTC"))
    texts = {c.name: pa.array(["x"]) for c in PREDICTIONS.columns if c.dtype == "string"}
    numbers = {"probability": pa.array([0.5]), "decision": pa.array([True])}
    table = pa.table({**texts, **numbers, "at": at, "logged_at": at, "features_until": at})
    assert lake.ingest("predictions", table, mode="append").rows == 1
    assert lake.ingest("predictions", table, mode="append").unchanged


def test_a_project_may_not_take_the_name_of_a_system_dataset(lake: Lake) -> None:
    mine = Dataset("predictions", (Column("id", "string"),))
    with pytest.raises(Invalid, match="taken by the platform"):
        Lake(lake.store, lake.db, {"predictions": mine}, clock=lake.clock)
