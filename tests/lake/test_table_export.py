"""Rows written for other programs come back as they were."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from towpath.core.errors import Conflict, Invalid
from towpath.lake.contract import arrow_schema
from towpath.lake.dataset import Column, Dataset
from towpath.lake.export import export
from towpath.lake.sources import open_source

if TYPE_CHECKING:
    from pathlib import Path

THINGS = Dataset(
    "things",
    (
        Column("id", "int64"),
        Column("on", "bool", nullable=True),
        Column("size", "float64", nullable=True),
        Column("cost", "decimal(9,2)", nullable=True),
        Column("word", "string", nullable=True),
        Column("at", "timestamp", nullable=True),
        Column("day", "date", nullable=True),
    ),
)
ROWS = pa.Table.from_pylist(
    [
        {"id": 1},
        {
            "id": 2**60 + 1,
            "on": False,
            "size": 1e-300,
            "cost": Decimal("-1.50"),
            "word": 'a,"b"\nç\t',
            "at": datetime(2024, 1, 1, 1, 2, 3, 456789, tzinfo=UTC),
            "day": date(1969, 12, 31),
        },
    ],
    arrow_schema(THINGS),
)


@pytest.mark.parametrize("name", ["things.parquet", "things.csv", "things.jsonl"])
def test_rows_come_back(tmp_path: Path, name: str) -> None:
    export(ROWS, tmp_path / name)
    source = open_source(THINGS, name, root=tmp_path)
    pieces = [piece for part in source.parts() for piece in source.read(part)]
    assert pa.concat_tables(pieces).to_pylist() == ROWS.to_pylist()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_bytes_and_lists_have_no_form_in_csv(tmp_path: Path) -> None:
    rows = pa.table({"raw": [b"\x00"], "list": [[1.0]]})
    with pytest.raises(Invalid, match="'raw'"):
        export(rows, tmp_path / "things.csv")
    assert list(tmp_path.iterdir()) == []
    export(rows, tmp_path / "things.jsonl")
    assert (tmp_path / "things.jsonl").read_text() == '{"raw":"AA==","list":[1.0]}\n'


def test_a_file_is_replaced_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "things.parquet"
    export(ROWS, path)
    with pytest.raises(Conflict, match="is there already"):
        export(ROWS.slice(0, 1), path)
    assert pq.read_metadata(path).num_rows == 2
    export(ROWS.slice(0, 1), path, replace=True)
    assert pq.read_metadata(path).num_rows == 1


def test_another_ending_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"things\.xls"):
        export(ROWS, tmp_path / "things.xls")
    with pytest.raises(Invalid, match="no folder"):
        export(ROWS, tmp_path / "nowhere" / "things.csv")
