from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.catalog import events
from towpath.core.errors import Contract, Invalid
from towpath.core.instant import parse_instant
from towpath.lake.dataset import Column, Dataset
from towpath.lake.source_spec import SourceSpec

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.lake.lake import Lake

CARS = Dataset(
    "cars",
    (
        Column("id", "int64"),
        Column("plate", "string", nullable=True, unique=True),
        Column("seats", "int64", nullable=True, minimum=1),
    ),
    key=("id",),
)
READINGS = Dataset(
    "readings",
    (Column("at", "timestamp"), Column("value", "float64", nullable=True, minimum=0.0)),
    event_time="at",
    mode="incremental",
)


@pytest.fixture
def cars(lake: Lake) -> Lake:
    lake.datasets |= {"cars": CARS, "readings": READINGS}
    return lake


def some(*rows: tuple[int, str | None, int]) -> pa.Table:
    ids, plates, seats = zip(*rows, strict=True)
    return pa.table({"id": ids, "plate": pa.array(plates, pa.string()), "seats": seats})


def held(lake: Lake, name: str = "cars", column: str = "id") -> list[object]:
    return sorted(lake[name].scan([column])[column].to_pylist(), key=str)


def readings(*hours: int, value: float = 1.0) -> pa.Table:
    start = parse_instant("2024-01-01")
    at = pa.array([start.replace(hour=hour) for hour in hours], pa.timestamp("us", "UTC"))
    return pa.table({"at": at, "value": [value] * len(hours)})


def test_merging_replaces_rows_of_the_same_key(cars: Lake) -> None:
    cars.ingest("cars", some((1, "A", 4), (2, "B", 4)))
    report = cars.ingest("cars", some((2, "B", 7), (3, "C", 2)), mode="merge")
    assert (report.rows, report.rejected) == (2, 0)
    stored = cars["cars"].scan(["id", "seats"]).sort_by("id")
    assert stored.to_pydict() == {"id": [1, 2, 3], "seats": [4, 7, 2]}


def test_a_merged_value_is_unique_among_the_rows_that_stay(cars: Lake) -> None:
    cars.ingest("cars", some((1, "A", 4), (2, "B", 4)))
    report = cars.ingest("cars", some((2, "A", 4), (1, "Z", 4)), mode="merge")
    assert (report.rows, report.rejected) == (2, 0)
    report = cars.ingest("cars", some((3, "Z", 4), (4, "C", 4)), mode="merge")
    assert (report.rejected, held(cars)) == (1, [1, 2, 4])


def test_merging_the_same_rows_again_changes_nothing(cars: Lake) -> None:
    cars.ingest("cars", some((1, "A", 4)))
    cars.ingest("cars", some((1, "A", 5)), mode="merge")
    assert cars.ingest("cars", some((1, "A", 5)), mode="merge").unchanged
    assert cars["cars"].version() == 1


def test_rows_without_a_key_cannot_be_merged(cars: Lake) -> None:
    with pytest.raises(Invalid, match="'readings' has no key by which rows are merged"):
        cars.ingest("readings", readings(1), mode="merge")
    with pytest.raises(Invalid, match="no key to merge by"):
        READINGS.replace(mode="merge")


def test_each_file_that_is_appended_is_a_batch_of_its_own(cars: Lake, tmp_path: Path) -> None:
    for place in (1, 2):
        (tmp_path / f"{place}.csv").write_text(f"id,plate,seats\n{place},{place},4\n")
    assert cars.ingest("cars", "*.csv", mode="append").batches == 2
    (tmp_path / "3.csv").write_text("id,plate,seats\n3,3,4\n2,9,4\n")
    report = cars.ingest("cars", "*.csv", mode="append")
    assert (report.batches, report.known, report.rejected, held(cars)) == (3, 2, 1, [1, 2, 3])
    assert cars["cars"].version() == 2


def test_a_file_that_is_refused_stops_no_other(cars: Lake, tmp_path: Path) -> None:
    for place in (1, 2, 3):
        (tmp_path / f"{place}.csv").write_text(f"id,plate,seats\n{place},{place},4\n")
    (tmp_path / "2.csv").write_text("id,plate,seats\ntwo,2,4\n")
    with pytest.raises(Contract, match=r"2\.csv:2: 1 of 3 files were refused"):
        cars.ingest("cars", "*.csv", mode="append")
    assert held(cars) == [1, 3]
    (tmp_path / "2.csv").write_text("id,plate,seats\n2,2,4\n")
    report = cars.ingest("cars", "*.csv", mode="append")
    assert (report.known, held(cars)) == (2, [1, 2, 3])


def test_a_file_that_was_delivered_again_is_set_aside_once(cars: Lake, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id,plate,seats\n1,A,4\n")
    cars.ingest("cars", "*.csv", mode="append")
    (tmp_path / "2.csv").write_text("id,plate,seats\n1,A,4\n\n")
    (tmp_path / "3.csv").write_text("id,plate,seats\n9,C,4\n")
    report = cars.ingest("cars", "*.csv", mode="append")
    assert (report.rejected, held(cars)) == (1, [1, 9])
    again = cars.ingest("cars", "*.csv", mode="append")
    assert (again.unchanged, again.known, cars["cars__rejected"].rows()) == (True, 3, 1)


def test_files_of_one_content_are_one_batch(cars: Lake, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("at,value\n2024-01-01T00:00:00Z,1\n")
    report = cars.ingest("readings", "*.csv", mode="append")
    assert (report.rows, cars["readings"].rows()) == (1, 1)
    told = [one.message for one in report.findings if one.check == "same_content"]
    assert len(told) == 1
    assert "b.csv has the content of" in told[0]


def test_rows_that_came_by_another_mode_are_not_appended_again(cars: Lake, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("at,value\n2024-01-01T00:00:00Z,1\n")
    cars.ingest("readings", "*.csv", mode="overwrite")
    assert cars.ingest("readings", "*.csv", mode="append").unchanged
    assert cars["readings"].rows() == 1


def test_a_file_that_grew_is_reported_where_rows_have_no_key(cars: Lake, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("at,value\n2024-01-01T00:00:00Z,1\n")
    cars.ingest("readings", "a.csv", mode="append")
    with (tmp_path / "a.csv").open("a") as file:
        file.write("2024-01-02T00:00:00Z,2\n")
    report = cars.ingest("readings", "a.csv", mode="append")
    assert [one.check for one in report.findings if not one.passed] == ["changed_source"]


def test_what_a_source_held_before_is_merged_once_more(cars: Lake) -> None:
    first, second = some((1, "A", 4)), some((1, "B", 5))
    for rows in (first, second, first):
        assert not cars.ingest("cars", rows, mode="merge").unchanged
    assert cars["cars"].scan(["plate"])["plate"].to_pylist() == ["A"]
    assert cars.ingest("cars", first, mode="merge").unchanged


def test_of_rows_to_merge_the_last_with_a_key_counts(cars: Lake) -> None:
    report = cars.ingest("cars", some((1, "A", 4), (2, "B", 4), (1, "C", 5)), mode="merge")
    assert (report.rows, report.rejected) == (2, 1)
    assert cars["cars"].scan(["seats"])["seats"].to_pylist() == [4, 5]
    aside = cars["cars__rejected"].scan(["seats", "_reasons"]).to_pylist()
    assert aside == [{"seats": 4, "_reasons": "the key id is that of a later row"}]


def test_rows_that_a_changed_contract_would_take_are_told_of(cars: Lake) -> None:
    rows = some((1, "A", 4), (2, "B", 0))
    cars.ingest("cars", rows, mode="append")
    mended = (*CARS.columns[:2], CARS.columns[2].replace(minimum=0))
    cars.datasets["cars"] = CARS.replace(columns=mended)
    report = cars.ingest("cars", rows, mode="append")
    assert report.unchanged
    assert [one.check for one in report.findings if not one.passed] == ["earlier_contract"]
    assert cars.ingest("cars", rows, mode="merge").rows == 2


def test_new_rows_at_the_watermark_are_taken(cars: Lake) -> None:
    cars.ingest("readings", readings(1, 2))
    rows = pa.concat_tables([readings(1, 2), readings(2), readings(2, value=7.0)])
    assert cars.ingest("readings", rows).rows == 2
    assert cars.ingest("readings", rows).unchanged
    assert cars["readings"].rows() == 4


def test_rejected_rows_above_the_watermark_are_set_aside_once(cars: Lake) -> None:
    cars.ingest("readings", readings(1))
    bad = readings(5, value=-1.0)
    assert cars.ingest("readings", bad).rejected == 1
    report = cars.ingest("readings", pa.concat_tables([bad, readings(3)]))
    assert (report.rows, report.rejected) == (1, 0)
    assert cars["readings__rejected"].rows() == 1


def test_a_contract_that_changed_does_not_append_a_file_again(cars: Lake, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("at,value\n2024-01-01T00:00:00Z,1\n")
    cars.ingest("readings", "1.csv", mode="append")
    cars.datasets["readings"] = READINGS.replace(minimum_rows=1)
    assert cars.ingest("readings", "1.csv", mode="append").unchanged


def test_rows_above_the_watermark_are_added(cars: Lake) -> None:
    assert cars.ingest("readings", readings(1, 2)).rows == 2
    assert cars.ingest("readings", readings(1, 2, 3, 4)).rows == 2
    again = cars.ingest("readings", readings(1, 2, 3, 4))
    assert (again.unchanged, again.rows, cars["readings"].rows()) == (True, 0, 4)


def test_new_rows_that_are_all_bad_are_set_aside_once(cars: Lake) -> None:
    cars.ingest("readings", readings(1))
    for _ in range(2):
        report = cars.ingest("readings", readings(2, value=-1.0))
        assert (report.rows, report.rejected, report.version) == (0, 1, 0)
    assert cars["readings__rejected"].rows() == 1


def test_a_first_increment_that_is_all_bad_is_refused(cars: Lake) -> None:
    with pytest.raises(Contract, match="No row of"):
        cars.ingest("readings", readings(1, value=-1.0))
    with pytest.raises(Contract, match="has no rows"):
        cars.ingest("readings", readings(1).slice(1))


def test_rows_of_a_database_come_by_their_watermark(cars: Lake, tmp_path: Path) -> None:
    cars.datasets["cars"] = CARS.replace(
        source=SourceSpec(url="sqlite:///shop.db", table="cars", watermark="seats"),
        mode="incremental",
        columns=(*CARS.columns[:2], Column("seats", "int64")),
    )
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE cars (id INTEGER, plate TEXT, seats INTEGER)")
        shop.execute("INSERT INTO cars VALUES (1, 'A', 4), (2, 'B', 5)")
    assert cars.ingest("cars").rows == 2
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("INSERT INTO cars VALUES (3, 'C', 9)")
        shop.execute("UPDATE cars SET seats = 7 WHERE id = 1")
    assert cars.ingest("cars").rows == 2
    assert cars["cars"].scan(["id", "seats"]).sort_by("id")["seats"].to_pylist() == [7, 5, 9]


@pytest.mark.parametrize(
    ("column", "told"),
    [("plate", "may be missing"), ("tyres", "unknown column")],
)
def test_a_watermark_must_be_known_of_every_row(cars: Lake, column: str, told: str) -> None:
    spec = SourceSpec(path="cars.csv", watermark=column)

    def ingest() -> None:
        cars.datasets["cars"] = CARS.replace(source=spec, mode="incremental")
        cars.ingest("cars")

    with pytest.raises(Invalid, match=told):
        ingest()


def test_a_mode_that_needs_a_watermark_says_so() -> None:
    with pytest.raises(Invalid, match="no column that tells which rows are new"):
        CARS.replace(mode="incremental")


def test_a_batch_is_known_by_the_name_it_is_given(cars: Lake) -> None:
    cars.ingest("readings", readings(1), mode="append", batch="monday")
    again = cars.ingest("readings", readings(2), mode="append", batch="monday")
    assert (again.unchanged, cars["readings"].rows()) == (True, 1)


def test_rejected_rows_say_where_they_stood(cars: Lake, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,plate,seats\n1,A,4\n2,B,0\n")
    (tmp_path / "b.csv").write_text("id,plate,seats\n1,C,4\n3,D,4\n")
    cars.ingest("cars", "*.csv")
    aside = cars["cars__rejected"].scan(["_origin", "_row", "_reasons"]).to_pylist()
    where = [(str(one["_origin"])[-5:], one["_row"]) for one in aside]
    assert where == [("a.csv", 2), ("b.csv", 1)]
    assert aside[1]["_reasons"] == "the key id is that of an earlier row"


def test_keys_are_compared_across_pieces(cars: Lake) -> None:
    pieces = [some((1, "A", 4), (2, "B", 4)), some((2, "C", 4), (3, "A", 4), (4, None, 4))]
    report = cars.ingest("cars", iter(pieces))
    assert (report.rows, report.rejected, held(cars)) == (3, 2, [1, 2, 4])


def test_progress_is_told(cars: Lake, tmp_path: Path) -> None:
    for place in (1, 2):
        (tmp_path / f"{place}.csv").write_text(f"id,plate,seats\n{place},{place},4\n")
    heard: list[tuple[int, float]] = []
    cars.ingest("cars", "*.csv", progress=lambda rows, share: heard.append((rows, share)))
    assert heard == [(1, 0.0), (1, 0.5), (2, 0.5), (2, 1.0)]


def test_the_log_names_who_ingested(cars: Lake) -> None:
    cars.actor = "ada"
    cars.ingest("cars", some((1, "A", 4)))
    assert events.read(cars.db, subject="dataset/cars")[0].actor == "ada"
