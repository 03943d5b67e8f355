"""Texts that mean something to SQL, shells, globs or formats: as values kept, as names refused."""

from __future__ import annotations

import csv
import json
import sqlite3
import uuid
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from towpath.catalog import events
from towpath.core.errors import Contract, Invalid, NotFound, TowpathError
from towpath.lake.contract import arrow_schema
from towpath.lake.dataset import Check, Column, Dataset
from towpath.lake.source_spec import SourceSpec
from towpath.lake.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from towpath.lake.lake import Lake

pytest_plugins = ("tests.services",)

CORPUS = (
    "'; DROP TABLE victim; --",
    '"; DROP TABLE victim; --',
    "') OR ('1'='1",
    "1; DELETE FROM victim",
    "' UNION SELECT sql FROM sqlite_master --",
    "victim/*",
    "*/ victim",
    "a' || pg_sleep(5) || 'b",
    "$$; DROP TABLE victim; $$",
    "\\'; DROP TABLE victim; --",
    "%s %(victim)s %% {victim} {0} ${victim} :victim ? $1",
    "`rm -rf victim`$(victim)",
    "../../victim",
    "\N{FULLWIDTH APOSTROPHE}; DROP TABLE victim",
    "line\nbreak\r\nand\ttab",
    "\N{RIGHT-TO-LEFT OVERRIDE}mitciv",
    "<script>victim</script>",
    "=victim!A1",
    '{"$ne": null}',
    "NULL",
)
NOTES = Dataset(
    "notes",
    (Column("id", "int64"), Column("note", "string"), Column("kind", "string", nullable=True)),
    key=("id",),
)
ROWS = [{"id": place, "note": note, "kind": None} for place, note in enumerate(CORPUS)]


@pytest.fixture
def notes(lake: Lake) -> Lake:
    lake.datasets["notes"] = NOTES
    return lake


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with the corpus as rows, and a table that must stay."""
    connection = sqlite3.connect(tmp_path / "shop.db")
    with connection:
        connection.execute("CREATE TABLE victim (id INTEGER, note TEXT, kind TEXT)")
        connection.executemany("INSERT INTO victim VALUES (:id, :note, :kind)", ROWS)
    yield connection
    assert connection.execute("SELECT count(*) FROM victim").fetchone() == (len(CORPUS),)
    connection.close()


@pytest.fixture
def schema(postgres_server: str) -> Iterator[psycopg.Connection]:
    """The same in a schema of PostgreSQL."""
    name = f"i{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(name)))
        connection.execute("CREATE TABLE victim (id BIGINT, note TEXT, kind TEXT)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO victim VALUES (%(id)s, %(note)s, %(kind)s)", ROWS)
        yield connection
        assert connection.execute("SELECT count(*) FROM victim").fetchone() == (len(CORPUS),)
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def stored(lake: Lake) -> list[str]:
    return [str(one) for one in lake["notes"].scan(["note"])["note"].to_pylist()]


def write(path: Path) -> None:
    """Write the corpus in the form that the name tells."""
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, NOTES.names)
            writer.writeheader()
            writer.writerows(ROWS)
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_values_in_files_are_kept_as_they_are(notes: Lake, tmp_path: Path, kind: str) -> None:
    write(tmp_path / f"notes.{kind}")
    notes.ingest("notes", tmp_path / f"notes.{kind}")
    assert stored(notes) == list(CORPUS)


def test_values_in_sqlite_are_kept_as_they_are(
    notes: Lake, tmp_path: Path, victim: sqlite3.Connection
) -> None:
    spec = SourceSpec(url="sqlite:///shop.db", table="victim")
    source = open_source(NOTES, spec, root=tmp_path)
    notes.ingest("notes", pa.concat_tables(source.read(next(source.parts()))))
    assert stored(notes) == list(CORPUS)


def test_values_in_postgresql_are_kept_as_they_are(
    notes: Lake, tmp_path: Path, postgres_server: str, schema: psycopg.Connection
) -> None:
    (name,) = schema.execute("SELECT current_schema()").fetchone() or ("",)
    spec = SourceSpec(url=postgres_server, table=f"{name}.victim")
    source = open_source(NOTES, spec, root=tmp_path)
    notes.ingest("notes", pa.concat_tables(source.read(next(source.parts()))))
    assert stored(notes) == list(CORPUS)


@pytest.mark.parametrize("text", CORPUS)
def test_a_watermark_is_a_value(tmp_path: Path, victim: sqlite3.Connection, text: str) -> None:
    spec = SourceSpec(url="sqlite:///shop.db", table="victim", watermark="note")
    source = open_source(NOTES, spec, root=tmp_path, since=text)
    found = [row for part in source.parts() for one in source.read(part) for row in one.to_pylist()]
    assert {row["note"] for row in found} == {
        note for note in CORPUS if note.encode() >= text.encode()
    }


@pytest.mark.parametrize("text", CORPUS)
def test_a_table_may_have_any_name(tmp_path: Path, victim: sqlite3.Connection, text: str) -> None:
    if "." in text:
        pytest.skip("the point stands between schema and table")
    quoted = text.replace('"', '""')
    with victim:
        victim.execute(f'CREATE TABLE "{quoted}" AS SELECT * FROM victim WHERE id = 7')
    spec = SourceSpec(url="sqlite:///shop.db", table=text)
    source = open_source(NOTES, spec, root=tmp_path)
    assert [one["id"].to_pylist() for part in source.parts() for one in source.read(part)] == [[7]]


@pytest.mark.parametrize("text", CORPUS)
def test_a_table_of_postgresql_may_have_any_name(
    tmp_path: Path, postgres_server: str, schema: psycopg.Connection, text: str
) -> None:
    if "." in text:
        pytest.skip("the point stands between schema and table")
    (name,) = schema.execute("SELECT current_schema()").fetchone() or ("",)
    made = sql.SQL("CREATE TABLE {} AS SELECT * FROM victim WHERE id = 7")
    schema.execute(made.format(sql.Identifier(text)))
    source = open_source(
        NOTES, SourceSpec(url=postgres_server, table=f"{name}.{text}"), root=tmp_path
    )
    assert [one["id"].to_pylist() for part in source.parts() for one in source.read(part)] == [[7]]


@pytest.mark.parametrize("text", CORPUS)
def test_a_table_that_is_not_there_is_only_named(
    tmp_path: Path, victim: sqlite3.Connection, text: str
) -> None:
    source = open_source(NOTES, SourceSpec(url="sqlite:///shop.db", table=text), root=tmp_path)
    with pytest.raises(TowpathError):
        list(source.parts())


@pytest.mark.parametrize("text", CORPUS)
def test_no_definition_takes_such_a_name(text: str) -> None:
    for make in (
        lambda: Dataset(text, (Column("id", "int64"),)),
        lambda: Column(text, "int64"),
        lambda: Column("id", text),
        lambda: Column("id", "int64", references=f"{text}.id"),
        lambda: Column("id", "int64", references=f"trips.{text}"),
        lambda: Check(text, "id > 0"),
        lambda: NOTES.replace(key=(text,)),
        lambda: NOTES.replace(event_time=text),
    ):
        with pytest.raises(Invalid):
            make()


@pytest.mark.parametrize("text", CORPUS)
def test_a_column_of_a_file_by_such_a_name_is_refused(
    notes: Lake, tmp_path: Path, text: str
) -> None:
    table = pa.Table.from_pylist(ROWS).rename_columns(["id", text, "kind"])
    pq.write_table(table, tmp_path / "notes.parquet")
    row = {"id": 1, text: "a"}
    (tmp_path / "notes.jsonl").write_text(json.dumps(row))
    with (tmp_path / "notes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", text, "kind"], [1, "a", "b"]])
    for kind in ("parquet", "jsonl", "csv"):
        with pytest.raises(Contract):
            notes.ingest("notes", tmp_path / f"notes.{kind}")
    assert not notes["notes"].exists()


@pytest.mark.parametrize("text", CORPUS)
def test_a_file_may_have_any_name(notes: Lake, tmp_path: Path, text: str) -> None:
    path = tmp_path / f"{text.replace('/', '_')}.jsonl"
    write(path)
    notes.ingest("notes", path)
    assert stored(notes) == list(CORPUS)
    assert events.read(notes.db)[-1].data["source"] == str(path)


@pytest.mark.parametrize("text", CORPUS)
def test_a_pattern_of_such_a_name_finds_nothing_else(tmp_path: Path, text: str) -> None:
    (tmp_path / "victim.csv").write_text("id,note,kind\n1,a,b\n")
    with pytest.raises(NotFound):
        open_source(NOTES, f"none{text}.csv", root=tmp_path)


@pytest.mark.parametrize("text", CORPUS)
def test_allowed_values_and_conditions_are_values(notes: Lake, text: str) -> None:
    columns = (NOTES.column("id"), Column("note", "string", allowed=(text,)), NOTES.column("kind"))
    notes.datasets["notes"] = NOTES.replace(columns=columns)
    report = notes.ingest(
        "notes",
        pa.Table.from_pylist(ROWS, arrow_schema(NOTES)),
    )
    assert (report.rows, report.rejected) == (1, len(CORPUS) - 1)
    scanned = notes["notes"].scan(where=pc.field("note") == text)
    assert scanned["note"].to_pylist() == [text]


@pytest.mark.parametrize("text", CORPUS)
def test_a_dataset_by_such_a_name_is_not_found(notes: Lake, text: str) -> None:
    with pytest.raises(NotFound):
        notes[text].scan()
    with pytest.raises(NotFound):
        notes.ingest(text, pa.Table.from_pylist(ROWS))
