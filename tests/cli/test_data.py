"""``towpath data`` as people and programs use it, on a small project."""

from __future__ import annotations

import importlib
import json
import sqlite3
from typing import TYPE_CHECKING

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from towpath.cli.exit import exit_code
from towpath.cli.main import towpath
from towpath.core.errors import TowpathError
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from towpath.lake.profile import Profile
    from towpath.lake.table import Table

    Run = Callable[..., str]

TRIPS = """\
name: trips
description: One taxi trip.
owner: ada
tags: [taxi]
columns:
- {name: id, dtype: int64}
- {name: fare, dtype: float64, nullable: true, minimum: 0.0}
- {name: kind, dtype: string, doc: day or night}
- {name: at, dtype: timestamp}
key: [id]
event_time: at
source: trips.csv
"""
HEADER = "id,fare,kind,at\n"
FIRST = (
    "1,5.5,day,2024-01-01T10:00:00Z\n2,,night,2024-01-01T22:00:00Z\n3,7,day,2024-01-02T09:00:00Z\n"
)
SECOND = FIRST.replace("5.5", "6.5").replace("2,,night", "4,9,night")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "towpath.toml").write_text('name = "taxi"\n')
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "trips.yaml").write_text(TRIPS)
    (tmp_path / "trips.csv").write_text(HEADER + FIRST)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TOWPATH_ACTOR", "ada")
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    """Run a command and return what it prints; an error is the text with its hint."""

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(towpath, ["data", *words], standalone_mode=False)
        error = result.exception
        found = result.return_value if error is None else exit_code(error)
        assert (found or 0) == code, (result.output, error)
        if isinstance(error, TowpathError):
            return str(error)
        return error.format_message() if isinstance(error, click.ClickException) else result.output

    return run


@pytest.fixture
def filled(run: Run, project: Path) -> Path:
    """Two versions of trips."""
    CliRunner().invoke(towpath, ["apply"], catch_exceptions=False)
    run("ingest")
    (project / "trips.csv").write_text(HEADER + SECOND)
    run("ingest", "trips")
    return project


def test_without_data_each_command_says_so(run: Run) -> None:
    assert "No data yet. next: towpath data ingest trips" in run("show", "trips")
    assert "no data yet" in run("history", "trips")
    assert "No dataset has data yet" in run("check")
    for words in (["diff"], ["profile"], ["check"], ["compact"], ["vacuum"]):
        assert "no data yet" in run(*words, "trips", code=3)
    assert "no data yet" in run("export", "trips", "trips.csv", code=3)


def test_without_data_the_next_step_is_told(run: Run) -> None:
    for command in ("diff", "profile", "check", "compact", "vacuum"):
        assert "Run: towpath data ingest trips" in run(command, "trips", code=3)


@pytest.mark.parametrize("number", ["-1", "9" * 20])
def test_a_number_that_cannot_be_is_refused(run: Run, filled: Path, number: str) -> None:
    for words in (
        ["show", "trips", "--rows", number],
        ["profile", "trips", "--version", number],
        ["export", "trips", "trips.csv", "--version", number],
        ["check", "trips", "--examples", number],
        ["history", "trips", "--limit", number],
        ["search", "trips", "--limit", number],
    ):
        assert "is not in the range" in run(*words, code=2)
    assert run("diff", "trips", "0", "9" * 20, code=2)


def test_all_that_show_prints_is_of_one_version(
    run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process ingests while the page is put together."""
    show = importlib.import_module("towpath.cli.data.show")
    whole: Callable[[Workspace, Table, int], Profile | None] = show._profile

    def slow(workspace: Workspace, table: Table, version: int) -> Profile | None:
        (filled / "trips.csv").write_text(HEADER + FIRST.splitlines()[0] + "\n")
        with Workspace(filled) as other:
            other.lake.ingest("trips")
        return whole(workspace, table, version)

    monkeypatch.setattr(show, "_profile", slow)
    found = json.loads(run("show", "trips", "--rows", "9", "--json"))
    held = (found["version"], found["profile"]["version"], len(found["sample"]))
    assert held == (1, 1, found["rows"])
    assert found["profile"]["rows"] == found["rows"]


@pytest.mark.parametrize("ending", ["parquet", "odcs.yaml"])
def test_a_file_that_cannot_be_written_is_denied(run: Run, filled: Path, ending: str) -> None:
    for name in (f"/proc/x.{ending}", f"{'x' * 300}.{ending}"):
        assert "cannot be written" in run("export", "trips", name, code=4)
    assert not [one for one in filled.iterdir() if one.name.startswith((".export", ".x", "x"))]


@pytest.mark.parametrize("text", ["root:x:0:0:root\n", "just words", "- a\n- b\n"])
def test_what_is_no_contract_is_not_imported(run: Run, project: Path, text: str) -> None:
    (project / "other.yaml").write_text(text)
    told = run("import", "other.yaml", code=2)
    assert "Fields: ." not in told
    assert "right file" in told or "line" in told


def test_a_password_is_kept_out_of_definitions(run: Run, project: Path) -> None:
    path = project / "datasets" / "trips.yaml"
    url = "source: {url: 'postgresql://u:S3cr3t@h/d', table: trips}"
    path.write_text(TRIPS.replace("source: trips.csv", url))
    assert url in path.read_text()
    for words in (["show", "trips", "--json"], ["export", "trips", "x.odcs.yaml"]):
        told = run(*words, code=2)
        assert not (project / "x.odcs.yaml").exists()
        assert "datasets/trips.yaml" in told
        assert "S3cr3t" not in told


@pytest.mark.parametrize(
    "command", ["show", "history", "diff", "profile", "check", "compact", "vacuum"]
)
def test_an_unknown_dataset_is_not_found(run: Run, command: str) -> None:
    assert "Did you mean 'trips'?" in run(command, "tripps", code=3)


def test_the_list_shows_rows_and_versions(run: Run, filled: Path) -> None:
    (one,) = json.loads(run("list", "--json"))
    assert (one["name"], one["rows"], one["version"], one["owner"]) == ("trips", 3, 1, "ada")
    assert "trips" in run("list")


def test_show_tells_contract_content_and_use(run: Run, filled: Path) -> None:
    run("show", "trips", "--rows", "1")
    text = run("show", "trips", "--rows", "2")
    for part in ("One taxi trip.", "trips.csv (overwrite)", "taxi", "≥ 0.0", "day or night"):
        assert part in text
    assert "by ada (dataset.read)" in text
    assert "dataset.ingested by ada" in text
    assert max(map(len, text.splitlines())) <= 110
    found = json.loads(run("show", "trips", "--rows", "2", "--json"))
    assert [row["id"] for row in found["sample"]] == [1, 4]
    assert found["last_use"]["actor"] == "ada"
    assert found["profile"]["rows"] == 3


def test_rejected_rows_can_be_looked_at(run: Run, filled: Path) -> None:
    bad = SECOND + "9,-1,day,2024-01-03T00:00:00Z\n"
    (filled / "trips.csv").write_text(HEADER + bad)
    run("ingest", code=1)
    assert "fare is below 0.0" in run("show", "trips__rejected", "--rows", "5")
    assert "1 rejected" in run("history", "trips")


def test_history_tells_who_and_from_where(run: Run, filled: Path) -> None:
    newest, oldest = json.loads(run("history", "trips", "--json"))
    assert (newest["version"], oldest["version"], oldest["rows"]) == (1, 0, 3)
    assert newest["size"] > 0
    text = run("history", "trips", "--limit", "1")
    assert "overwrite by ada from trips.csv" in text
    assert "and 1 older: --limit 2" in text


def test_diff_shows_rows_and_cells(run: Run, filled: Path) -> None:
    text = run("diff", "trips")
    for part in ("version 0", "version 1", "+ 1 added", "- 1 removed", "~ 1 changed"):
        assert part in text
    assert "+ id 4, fare 9.0, kind night" in text
    assert "- id 2, fare none, kind night" in text
    assert "~ id 1: fare 5.5 → 6.5" in text
    assert "nothing changed" in run("diff", "trips", "1", "1")
    assert "and 1 more" in run("diff", "trips", "--examples", "0")
    found = json.loads(run("diff", "trips", "1", "0", "--json"))
    assert (found["before"], found["after"]) == (1, 0)
    assert found["difference"]["cells_changed"] == {"fare": 1}
    assert "had no data" in run("diff", "trips", "2020-01-01", code=3)
    assert "not a time" in run("diff", "trips", "yesterday", code=2)


def test_values_are_not_taken_for_markup(run: Run, filled: Path) -> None:
    (filled / "trips.csv").write_text(HEADER + SECOND.replace("day", "[red]x[/red]"))
    run("ingest")
    assert "[red]x[/red]" in run("diff", "trips")
    assert "[red]x[/red]" in run("profile", "trips", "--column", "kind")


def test_a_profile_is_kept_and_shown(run: Run, filled: Path) -> None:
    text = run("profile", "trips")
    assert "trips version 1: 3 rows" in text
    assert "6.5 … 7 … 9" in text
    assert "day 67%" in text
    (kept,) = (filled / ".towpath").rglob("profiles/trips/*.json")
    kept.write_text(kept.read_text().replace('"day"', '"kept"'))
    assert "kept" in run("profile", "trips")
    kept.write_text('{"of": "another release"}')
    assert "day 67%" in run("profile", "trips")


def test_a_profile_of_one_column_or_version(run: Run, filled: Path) -> None:
    text = run("profile", "trips", "--column", "fare", "--version", "0")
    assert "missing    1 33%" in text
    assert "Quantiles" in text
    assert "Did you mean 'fare'?" in run("profile", "trips", "--column", "fair", code=3)
    assert "no version 7" in run("profile", "trips", "--version", "7", code=3)
    found = json.loads(run("profile", "trips", "--column", "kind", "--json"))
    assert [one["column"] for one in found["columns"]] == ["kind"]


def test_check_finds_what_breaks_a_stricter_contract(run: Run, filled: Path) -> None:
    assert "checks hold" in run("check")
    stricter = TRIPS.replace("minimum: 0.0", "minimum: 7.0")
    (filled / "datasets" / "trips.yaml").write_text(stricter)
    text = run("check", "trips", code=1)
    assert "1 row: fare is below 7.0" in text
    assert "row 1: id 1, fare 6.5 (fare is below 7.0)" in text
    warns = stricter.replace("minimum: 7.0", "minimum: 7.0, severity: warn")
    (filled / "datasets" / "trips.yaml").write_text(warns)
    (found,) = json.loads(run("check", "--json", "--examples", "0"))
    assert found.get("examples", []) == []
    assert "Name one dataset" in run("check", "--version", "0", code=2)


def test_rows_are_exported_as_the_name_says(run: Run, filled: Path) -> None:
    assert "Wrote 3 rows of trips" in run("export", "trips", "out.parquet", "--version", "0")
    assert pq.read_table("out.parquet").column_names == ["id", "fare", "kind", "at"]
    run("export", "trips", "out.csv", "--columns", "id, kind")
    assert (filled / "out.csv").read_text().splitlines()[:2] == ['"id","kind"', '1,"day"']
    assert "--force" in run("export", "trips", "out.csv", code=5)
    run("export", "trips", "out.csv", "--force")
    found = json.loads(run("export", "trips", "out.jsonl", "--json"))
    assert (found["rows"], found["columns"]) == (3, ["id", "fare", "kind", "at"])
    assert "out.xls" in run("export", "trips", "out.xls", code=2)


def test_a_contract_goes_out_and_comes_back(run: Run, filled: Path) -> None:
    assert "Wrote the contract" in run("export", "trips", "trips.odcs.yaml")
    assert "is there already" in run("import", "trips.odcs.yaml", code=5)
    path = filled / "trips.odcs.yaml"
    text = path.read_text()
    path.write_text(text.replace("name: trips", "name: rides") + "price: {priceAmount: 3}\n")
    shown = run("import", "trips.odcs.yaml")
    assert "Wrote datasets/rides.yaml: 4 columns" in shown
    assert "not carried over: price" in shown
    rides = json.loads(run("show", "rides", "--json"))["dataset"]
    trips = json.loads(run("show", "trips", "--json"))["dataset"]
    assert rides | {"name": "trips"} == trips
    path.write_text("a: 1\n")
    assert "Not a contract of the standard" in run("import", "trips.odcs.yaml", "--force", code=2)


def test_a_contract_is_drafted_from_a_file_or_database(run: Run, project: Path) -> None:
    assert run("infer", "trips.csv").startswith("name: trips\n")
    assert run("infer", "*.csv", "--name", "rides").startswith("name: rides\n")
    with sqlite3.connect(project / "shop.db") as shop:
        shop.execute("CREATE TABLE orders (id INTEGER)")
        shop.execute("INSERT INTO orders VALUES (7)")
    shop.close()
    text = run("infer", "--url", "sqlite:///shop.db", "--table", "orders")
    (project / "datasets" / "orders.yaml").write_text(text)
    assert [one["name"] for one in json.loads(run("list", "--json"))] == ["orders", "trips"]
    CliRunner().invoke(towpath, ["apply"], catch_exceptions=False)
    assert json.loads(run("ingest", "orders", "--json"))["rows"] == {"orders": 1}
    assert "and not both" in run("infer", code=2)
    assert "nothing.csv" in run("infer", "nothing.csv", code=3)


def test_datasets_are_found_by_words(run: Run, filled: Path) -> None:
    assert "trips" in run("search", "taxi")
    assert [hit["kind"] for hit in json.loads(run("search", "fare", "--json"))["hits"]] == [
        "dataset"
    ]


@pytest.mark.parametrize("mode", ["overwrite", "append"])
def test_only_an_overwrite_mends_a_damaged_table(run: Run, filled: Path, mode: str) -> None:
    (filled / "trips.csv").write_text(HEADER + FIRST.replace("1,5.5", "8,5.5", 1))
    run("ingest", "trips", "--mode", mode, code=0 if mode == "overwrite" else 1)
    newest = max((filled / ".towpath/lake/trips").glob("*.parquet"))
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    if mode == "append":
        assert f"{newest.name} of dataset 'trips'" in run("ingest", "--mode", mode, code=1)
        return
    run("ingest", "trips")
    run("profile", "trips")


def test_small_files_are_joined(run: Run, filled: Path) -> None:
    for number in (5, 6, 7):
        line = f"{number},1,day,2024-01-01T10:00:00Z\n"
        (filled / "more.csv").write_text(HEADER + line)
        run("ingest", "trips", "--from", "more.csv", "--mode", "append")
    assert "4 files became 1" in run("compact", "trips")
    assert "no small files" in run("compact", "trips")
    assert "rearranged" in run("history", "trips")
    assert "nothing changed" in run("diff", "trips")
