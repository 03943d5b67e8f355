"""Contracts drafted from JSON Lines, packed files, globs, buckets and databases."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zipfile
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.seaweed import file_system

from towpath.core.errors import Contract, Invalid, NotFound
from towpath.lake.infer import infer
from towpath.lake.source_spec import SourceSpec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Bucket

    from towpath.lake.dataset import Dataset
    from towpath.lake.lake import Lake

pytest_plugins = ("tests.services",)

ROW = {"id": 7, "size": 1.5, "on": True, "at": "2024-01-01T00:00:00Z", "day": "2024-01-01"}
LINES = (
    json.dumps({**ROW, "local": "2024-01-01T08:00:00", "word": "a"})
    + "\n\n"
    + json.dumps({**ROW, "id": 8, "size": None, "list": [1.5, 2]})
    + "\n"
)


def types(dataset: Dataset) -> dict[str, str]:
    return {one.name: one.dtype + "?" * one.nullable for one in dataset.columns}


def test_json_lines_are_drafted(tmp_path: Path, lake: Lake) -> None:
    (tmp_path / "things.jsonl").write_text(LINES)
    found = infer("things.jsonl", "things", root=tmp_path)
    assert types(found) == {
        "id": "int64",
        "size": "float64?",
        "on": "bool",
        "at": "timestamp",
        "day": "date",
        "local": "string?",
        "word": "string?",
        "list": "list<float64>?",
    }
    assert (found.key, found.event_time, found.source) == (("id",), "at", "things.jsonl")
    lake.datasets["things"] = found
    assert lake.ingest("things").rows == 2


def test_packed_files_are_drafted_as_plain_ones(tmp_path: Path) -> None:
    (tmp_path / "things.jsonl.gz").write_bytes(gzip.compress(LINES.encode()))
    with zipfile.ZipFile(tmp_path / "things.tsv.zip", "w") as archive:
        archive.writestr("things.tsv", "id\tword\n7\ta,b\n")
    assert len(infer("things.jsonl.gz", "things", root=tmp_path).columns) == 8
    assert types(infer("things.tsv.zip", "things", root=tmp_path)) == {
        "id": "int64",
        "word": "string",
    }


def test_the_files_of_a_glob_are_taken_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,size\n7,1\n")
    (tmp_path / "b.csv").write_text("id,size,word\n8,1.5,a\n")
    found = infer("*.csv", "things", root=tmp_path)
    assert types(found) == {"id": "int64", "size": "float64", "word": "string?"}
    assert found.source == "*.csv"
    (tmp_path / "c.csv").write_text("id,size\nx,1\n")
    with pytest.raises(Contract, match="of several types"):
        infer("*.csv", "things", root=tmp_path)


def test_a_definition_says_how_cells_are_written(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id;size;word\n7;1,5;São\n".encode("latin-1"))
    spec = SourceSpec(path="a.csv", delimiter=";", decimal_point=",", encoding="latin-1")
    found = infer(spec, "things", root=tmp_path)
    assert types(found) == {"id": "int64", "size": "float64", "word": "string"}
    assert found.source == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": 7}\n{"id": \n', "things.jsonl:2"),
        ("[1]\n", "no JSON object"),
        ('{"id": 7}\n{"id": "a"}\n', "values of several types"),
        ('{"id": {"a": 1}}\n', "no contract can name"),
        ("\n", "has no rows"),
    ],
)
def test_json_lines_that_fit_no_contract_are_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "things.jsonl").write_text(text)
    with pytest.raises((Contract, Invalid)) as caught:
        infer("things.jsonl", "things", root=tmp_path)
    assert message in str(caught.value)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "things.xls").write_text("a")
    with pytest.raises(Invalid, match="neither CSV"):
        infer("things.xls", "things", root=tmp_path)
    with pytest.raises(NotFound, match=r"nothing\.csv"):
        infer("nothing.csv", "things", root=tmp_path)


def test_a_bucket_is_drafted(s3: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    folder = f"{s3.bucket}/{tmp_path.name}"
    with file_system(s3.endpoint).open_output_stream(f"{folder}/a.csv") as file:
        file.write(b"id,word\n7,a\n")
    found = infer(f"s3://{folder}/a.csv", "things")
    assert types(found) == {"id": "int64", "word": "string"}
    assert found.source == f"s3://{folder}/a.csv"


def test_sqlite_is_drafted(tmp_path: Path, lake: Lake) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute('CREATE TABLE "Orders" (id INTEGER, word TEXT, at TEXT, size REAL)')
        shop.execute("INSERT INTO Orders VALUES (7, NULL, '2024-01-01T00:00:00Z', 1.5)")
    shop.close()
    spec = SourceSpec(url="sqlite:///shop.db", table="Orders")
    found = infer(spec, "orders", root=tmp_path)
    assert types(found) == {"id": "int64", "word": "string?", "at": "timestamp", "size": "float64"}
    assert found.source == spec
    lake.datasets["orders"] = found
    assert lake.ingest("orders").rows == 1
    query = spec.replace(table="", query="SELECT id AS number FROM Orders")
    assert types(infer(query, "orders", root=tmp_path)) == {"number": "int64"}


@pytest.mark.parametrize("name", ['a" UNION SELECT 1 --', "a; DROP TABLE b", "a b", ""])
def test_a_table_of_another_name_is_read_by_a_query(tmp_path: Path, name: str) -> None:
    sqlite3.connect(tmp_path / "shop.db").close()
    with pytest.raises(Invalid):
        infer(SourceSpec(url="sqlite:///shop.db", table=name), "things", root=tmp_path)


def test_postgresql_is_drafted(postgres_server: str) -> None:
    with psycopg.connect(postgres_server) as connection:
        connection.execute("DROP TABLE IF EXISTS drafted")
        connection.execute(
            "CREATE TABLE drafted (id BIGINT, cost NUMERIC(9,2), at TIMESTAMPTZ, key UUID)"
        )
        connection.execute("INSERT INTO drafted VALUES (7, 1.50, now(), gen_random_uuid())")
    spec = SourceSpec(url=postgres_server, table="public.drafted")
    assert types(infer(spec, "things")) == {
        "id": "int64",
        "cost": "decimal(18,2)",
        "at": "timestamp",
        "key": "string",
    }


def test_a_table_without_rows_drafts_nothing(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("CREATE TABLE empty (id INTEGER)")
    shop.close()
    with pytest.raises(Contract, match="empty has no rows"):
        infer(SourceSpec(url="sqlite:///shop.db", table="empty"), "things", root=tmp_path)
