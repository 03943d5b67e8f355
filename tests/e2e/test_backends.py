"""The flights on the servers of a team: sources and catalogue on PostgreSQL, the lake on S3.

Every command of the lake is given as a user gives it.
"""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from psycopg import sql
from tests.seaweed import file_system

from towpath.core.instant import parse_instant

if TYPE_CHECKING:
    from tests.e2e.conftest import Run
    from tests.services import Bucket

pytest_plugins = ("tests.services",)
pytestmark = pytest.mark.e2e
EXAMPLE = Path(__file__).parents[2] / "examples" / "nycflights"
TYPES = {"int64": "bigint", "double": "double precision", "string": "text"}
MONTHS = 12
PLANES, WEATHER, SCHEDULE = 3_322, 26_114, 336_776


@pytest.fixture(scope="module")
def shop(postgres_server: str) -> str:
    """The URL of a database that keeps planes and weather, and has room for a catalogue."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA fleet")
        connection.execute("CREATE SCHEMA towpath")
    return postgres_server


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, shop: str, s3: Bucket) -> Path:
    """The project, with its sources and stores on servers."""
    folder = tmp_path_factory.mktemp("team") / "flights"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".towpath", "data", "build"))
    runpy.run_path(str(folder / "prepare.py"))["main"](folder)
    for name in ("planes", "weather"):
        rows = pq.read_table(folder / "data" / f"{name}.parquet")
        fill(shop, name, rows if name == "planes" else rows.filter(until("2013-07-01")))
    bucket, rows = file_system(s3.endpoint), pq.read_table(folder / "data" / "schedule.parquet")
    step = -(-rows.num_rows // MONTHS)
    for month in range(MONTHS):
        part = f"{s3.bucket}/landing/schedule/{month + 1:02}.parquet"
        pq.write_table(rows.slice(month * step, step), part, filesystem=bucket)
    source = f"{{url: '{shop}', table: fleet.NAME}}"
    change(folder, "planes", "source: data/planes.parquet", f"source: {source}")
    change(
        folder, "weather", "source: data/weather.parquet", f"mode: incremental\nsource: {source}"
    )
    there = f"mode: append\nsource: s3://{s3.bucket}/landing/schedule/"
    change(folder, "schedule", "source: data/schedule.parquet", there)
    with (folder / "towpath.toml").open("a") as settings:
        settings.write(f"lake = 's3://{s3.bucket}/team'\n")
        settings.write(f"catalog = '{shop}&options={quote('-csearch_path=towpath')}'\n")
    return folder


@pytest.fixture(scope="module")
def ask(team: Path, s3: Bucket, towpath: Run) -> Any:  # noqa: ANN401 - a function
    """Give a command in the project; with --json, return what it says."""

    def asked(*arguments: str, code: int = 0) -> Any:  # noqa: ANN401 - whatever a command says
        with pytest.MonkeyPatch.context() as patch:
            for name, value in s3.env.items():
                patch.setenv(name, value)
            done = towpath(team, *arguments, code=code)
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    return asked


def until(day: str) -> pc.Expression:
    return pc.field("known_at") < pa.scalar(parse_instant(day), pa.timestamp("us", "UTC"))


def change(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / "datasets" / f"{name}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new.replace("NAME", name)))


def fill(shop: str, name: str, rows: pa.Table) -> None:
    """Copy rows into a table of the database, which is made if need be."""
    kinds = [TYPES.get(str(field.type), "timestamptz") for field in rows.schema]
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind))
        for column, kind in zip(rows.column_names, kinds, strict=True)
    )
    table = sql.Identifier("fleet", name)
    text = pa.BufferOutputStream()
    pyarrow.csv.write_csv(rows, text)
    copy = sql.SQL("COPY {} FROM STDIN (FORMAT csv, HEADER)").format(table)
    with psycopg.connect(shop, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(table, columns))
        with cursor.copy(copy) as sink:
            sink.write(text.getvalue().to_pybytes())


def test_rows_come_from_a_database_and_a_bucket(ask: Any, team: Path, shop: str) -> None:  # noqa: ANN401
    ask("apply")
    told = ask("data", "ingest", "--json", code=1)
    assert told["rows"]["planes"] == PLANES
    assert told["rows"]["schedule"] == SCHEDULE
    first = told["rows"]["weather"]
    rows = pq.read_table(team / "data" / "weather.parquet")
    fill(shop, "weather", rows.filter(~until("2013-07-01")))
    again = ask("data", "ingest", "--json")
    assert first + again["rows"]["weather"] == WEATHER
    assert sorted(again["unchanged"]) == [
        "airports",
        "arrivals",
        "departures",
        "planes",
        "schedule",
    ]
    assert ask("data", "ingest", "--json")["unchanged"] != []


def test_each_file_of_the_bucket_is_a_version(ask: Any) -> None:  # noqa: ANN401
    versions = ask("data", "history", "schedule", "--json")
    assert len(versions["versions"] if isinstance(versions, dict) else versions) == MONTHS


def test_datasets_are_found_and_shown(ask: Any) -> None:  # noqa: ANN401
    rows = {one["name"]: one["rows"] for one in ask("data", "list", "--json")}
    assert (rows["planes"], rows["weather"], rows["schedule"]) == (PLANES, WEATHER, SCHEDULE)
    assert {hit["name"] for hit in ask("search", "wind", "--json")["hits"]} >= {"weather"}
    assert "wind_gust" in ask("data", "show", "weather")


def test_what_is_made_of_a_column_is_known_down_to_the_endpoint(ask: Any) -> None:  # noqa: ANN401
    told = ask("lineage", "weather.wind_speed", "--down", "--json")
    kinds = {node["kind"] for node in told["downstream"]["nodes"]}
    assert kinds >= {"feature_view", "feature_set", "model", "endpoint"}


def test_versions_are_profiled_and_compared(ask: Any) -> None:  # noqa: ANN401
    profile = ask("data", "profile", "weather", "--json")
    assert profile["rows"] == WEATHER
    told = ask("data", "diff", "weather", "--json")["difference"]
    assert told["added"] > 0
    assert told.get("removed", 0) == 0


def test_stored_rows_keep_their_contract(ask: Any) -> None:  # noqa: ANN401
    assert "planes" in ask("data", "check", "planes")


def test_a_dataset_is_exported(ask: Any, tmp_path: Path) -> None:  # noqa: ANN401
    ask("data", "export", "planes", str(tmp_path / "planes.parquet"))
    assert pq.read_table(tmp_path / "planes.parquet").num_rows == PLANES
