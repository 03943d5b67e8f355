from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from towpath.core.errors import Contract, Invalid, NotFound
from towpath.lake.dataset import Column, Dataset
from towpath.lake.sources import open_source

GOOD = "1,2.5,day,2013-01-01T00:00:00Z"
WriteCsv = Callable[..., Path]


def read_file(dataset: Dataset, path: Path) -> pa.Table:
    source = open_source(dataset, path, root=Path())
    pieces = [piece for part in source.parts() for piece in source.read(part)]
    return pa.concat_tables(pieces)


def test_a_csv_is_read_in_the_types_of_the_contract(trips: Dataset, write_csv: WriteCsv) -> None:
    path = write_csv("2013-01-01T01:00:00+01:00,7,,NA", header="at,id,kind,fare")
    table = read_file(trips, path)
    assert table.column_names == ["id", "fare", "kind", "at"]
    assert table["at"].type == pa.timestamp("us", "UTC")
    row = table.to_pylist()[0]
    assert (row["id"], row["fare"], row["kind"]) == (7, None, None)
    assert row["at"].isoformat() == "2013-01-01T00:00:00+00:00"


def test_a_missing_value_may_be_spelled_na_in_numbers_but_not_in_text(tmp_path: Path) -> None:
    columns = (Column("code", "string", nullable=True), Column("size", "int64", nullable=True))
    path = tmp_path / "codes.csv"
    path.write_text("code,size\nNA,NA\n,\n")
    table = read_file(Dataset("codes", columns), path)
    assert table.to_pylist() == [{"code": "NA", "size": None}, {"code": None, "size": None}]


def test_a_packed_csv_is_read(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv.gz"
    path.write_bytes(gzip.compress(f"id,fare,kind,at\n{GOOD}\n".encode()))
    assert read_file(trips, path).num_rows == 1


def test_a_bad_cell_names_file_line_column_and_value(trips: Dataset, write_csv: WriteCsv) -> None:
    path = write_csv(GOOD, GOOD, "3,cheap,day,2013-01-01T00:00:00Z")
    with pytest.raises(Contract, match=r"trips\.csv:4: Column 'fare' holds 'cheap'"):
        read_file(trips, path)


def test_a_bad_cell_in_a_packed_csv_names_its_line(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv.gz"
    path.write_bytes(gzip.compress(f"id,fare,kind,at\n{GOOD}\nx,1,day,2013-01-01Z\n".encode()))
    with pytest.raises(Contract, match=r"trips\.csv\.gz:3: Column 'id' holds 'x'"):
        read_file(trips, path)


def test_lines_are_counted_past_line_breaks_in_cells(trips: Dataset, write_csv: WriteCsv) -> None:
    path = write_csv('1,2.5,"two\nlines",2013-01-01T00:00:00Z', "x,1,day,2013-01-01T00:00:00Z")
    with pytest.raises(Contract, match=r"trips\.csv:4: Column 'id' holds 'x'"):
        read_file(trips, path)


def test_a_naive_time_in_a_csv_is_refused(trips: Dataset, write_csv: WriteCsv) -> None:
    path = write_csv(GOOD, "2,1,day,2013-01-01 08:30:00")
    with pytest.raises(Invalid, match=r":3: Column 'at' .*'2013-01-01 08:30:00'.* no time zone"):
        read_file(trips, path)


def test_a_line_with_too_few_cells_is_named(trips: Dataset, write_csv: WriteCsv) -> None:
    with pytest.raises(Contract, match=r"trips\.csv:3: The line has 2 cells, the header 4"):
        read_file(trips, write_csv(GOOD, "2,1"))


def test_text_that_is_not_utf8_is_named(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_bytes(f"id,fare,kind,at\n{GOOD}\n2,1,".encode() + b"\xff,2013-01-01T00:00:00Z\n")
    with pytest.raises(Contract, match=r"trips\.csv:3: The text is not UTF-8"):
        read_file(trips, path)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("id,fares,kind,at", "Did you mean 'fare'"),
        ("id,fare,kind,at,tip", "has the column 'tip'"),
        ("id,fare,kind", "lacks the column 'at'"),
        ("id,fare,kind,at,at", "has the column 'at' twice"),
    ],
)
def test_other_columns_than_the_contract_are_refused(
    trips: Dataset, write_csv: WriteCsv, header: str, words: str
) -> None:
    with pytest.raises(Contract, match=words):
        read_file(trips, write_csv(GOOD, header=header))


def test_a_file_without_a_header_is_refused(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_bytes(b"")
    with pytest.raises(Contract, match="is empty"):
        read_file(trips, path)


def test_a_parquet_file_is_read(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.parquet"
    at = pa.array([0], pa.timestamp("ns", "America/New_York"))
    kind = pa.array(["day"]).dictionary_encode()
    pq.write_table(
        pa.table({"id": pa.array([1], pa.int16()), "fare": [2.5], "kind": kind, "at": at}), path
    )
    assert read_file(trips, path).schema.field("id").type == pa.int64()


@pytest.mark.parametrize("name", ["trips.parquet", "trips.csv.gz"])
def test_a_broken_file_is_named(trips: Dataset, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"not what the name says")
    with pytest.raises(Contract, match=name):
        read_file(trips, path)


def test_another_kind_of_file_is_refused(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(Invalid, match="neither CSV, JSON Lines nor Parquet"):
        read_file(trips, path)


def test_a_glob_finds_files_by_name(trips: Dataset, write_csv: WriteCsv, tmp_path: Path) -> None:
    second, first = write_csv(name="t2.csv"), write_csv(name="t1.csv")
    source = open_source(trips, "t*.csv", root=tmp_path)
    assert [part.origin for part in source.parts()] == [str(first), str(second)]


def test_a_missing_source_is_named(trips: Dataset, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"trips\.csv"):
        open_source(trips, root=tmp_path)


def test_a_dataset_without_a_source_needs_one_given(trips: Dataset, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="names no source"):
        open_source(trips.replace(source=""), root=tmp_path)
