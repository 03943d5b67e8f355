from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from towpath.core.errors import Contract, Invalid, NotFound
from towpath.lake.dataset import Column
from towpath.lake.infer import infer

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.lake.lake import Lake

CSV = """\
whole,real,flag,word,day,moment,local,hole
1,1.5,true,a,2024-01-01,2024-01-01T00:00:00Z,2024-01-01 08:00:00,
2,,false,,2024-01-02,2024-01-02T00:00:00Z,2024-01-02 08:00:00,
"""


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    path = tmp_path / "things.csv"
    path.write_text(CSV)
    return path


def test_each_csv_column_gets_its_type(csv_file: Path) -> None:
    dataset = infer(csv_file, "things")
    assert {column.name: (column.dtype, column.nullable) for column in dataset.columns} == {
        "whole": ("int64", False),
        "real": ("float64", True),
        "flag": ("bool", False),
        "word": ("string", True),
        "day": ("date", False),
        "moment": ("timestamp", False),
        "local": ("string", False),
        "hole": ("string", True),
    }
    assert dataset.event_time == "moment"


def test_a_drafted_contract_takes_its_own_file(csv_file: Path, lake: Lake) -> None:
    lake.datasets["things"] = infer(csv_file, "things")
    assert lake.ingest("things").rows == 2


def test_a_parquet_file_says_its_types_itself(tmp_path: Path) -> None:
    path = tmp_path / "things.parquet"
    pq.write_table(pa.table({"size": pa.array([1, None], pa.int8())}), path)
    column = infer(path, "things").column("size")
    assert (column.dtype, column.nullable) == ("int64", True)


def test_parquet_types_of_every_kind_are_drafted(tmp_path: Path) -> None:
    path = tmp_path / "things.parquet"
    columns = {
        "cost": pa.array([Decimal("1.50")], pa.decimal128(9, 2)),
        "blob": pa.array([b"a"]),
        "vector": pa.array([[1.0]], pa.list_(pa.float32())),
        "kind": pa.array(["a"]).dictionary_encode(),
        "day": pa.array([0], pa.date32()),
        "at": pa.array([0], pa.timestamp("ns", "Asia/Tokyo")),
    }
    pq.write_table(pa.table(columns), path)
    dataset = infer(path, "things")
    assert [one.dtype for one in dataset.columns] == [
        "decimal(9,2)",
        "binary",
        "list<float64>",
        "string",
        "date",
        "timestamp",
    ]
    assert dataset.key == ("kind",)


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ("name,car_id,id\na,1,1\nb,2,2\n", ("id",)),
        ("name,car_id,id\na,1,1\nb,2,1\n", ("car_id",)),
        ("name,car_id,id\na,1,1\nb,2,\n", ("car_id",)),
        ("price,name\n1.5,a\n2.5,b\n", ("name",)),
        ("price,name\n1.5,a\n2.5,a\n", ()),
        ("price,flag\n1.5,true\n2.5,false\n", ()),
    ],
)
def test_the_key_is_a_column_that_is_never_missing_nor_repeated(
    tmp_path: Path, lines: str, key: tuple[str, ...]
) -> None:
    path = tmp_path / "things.csv"
    path.write_text(lines)
    assert infer(path, "things").key == key


def test_values_and_ranges_are_not_guessed(csv_file: Path) -> None:
    plain = {
        Column(one.name, one.dtype, nullable=one.nullable)
        for one in infer(csv_file, "things").columns
    }
    assert plain == set(infer(csv_file, "things").columns)


def test_a_naive_parquet_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "things.parquet"
    pq.write_table(pa.table({"at": pa.array([0], pa.timestamp("us"))}), path)
    with pytest.raises(Invalid, match="give times without a zone their zone"):
        infer(path, "things")


def test_an_illegal_column_name_gets_a_legal_spelling(tmp_path: Path) -> None:
    path = tmp_path / "things.csv"
    path.write_text("Fare Amount\n1\n")
    with pytest.raises(Invalid, match="'fare_amount'"):
        infer(path, "things")


def test_a_file_without_rows_drafts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "things.csv"
    path.write_text("a,b\n")
    with pytest.raises(Contract, match="has no rows"):
        infer(path, "things")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"things\.csv"):
        infer(tmp_path / "things.csv", "things")
