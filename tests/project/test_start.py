from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from towpath.core.errors import Conflict
from towpath.core.settings import read_settings
from towpath.project.check import check_project
from towpath.project.load import Project, load_function
from towpath.project.start import new_folder, start_project
from towpath.project.tidy import Roles

if TYPE_CHECKING:
    from pathlib import Path

ROWS = pa.table({"class": ["yes", "no"] * 20, "price": [float(row) for row in range(40)]})
ROLES = Roles(label="class", known_at="2026-01-01T00:00:00Z")


def write(source: Path) -> Path:
    if source.suffix == ".parquet":
        parquet.write_table(ROWS, source)
    else:
        csv.write_csv(ROWS, source)
    return source


def prepared(folder: Path) -> dict[str, bytes]:
    load_function(folder, "prepare.py:main")(folder)
    return {path.name: path.read_bytes() for path in (folder / "data").rglob("*.*")}


@pytest.mark.parametrize("name", ["x.parquet", "import.csv", "it\"s'mine.csv", "a\\n.csv"])
def test_a_project_starts_on_a_file_of_any_name(tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name)
    started = start_project(tmp_path / "shop", source, ROLES, owner="me")
    check_project(Project(tmp_path / "shop"))
    assert started.label == "class_"
    assert prepared(tmp_path / "shop") == prepared(tmp_path / "shop")


def test_the_original_is_kept_beside_what_is_made_from_it(tmp_path: Path) -> None:
    source = write(tmp_path / "x.parquet")
    start_project(tmp_path / "shop", source, ROLES, owner="me")
    kept = tmp_path / "shop" / "data" / "source" / "x.parquet"
    assert kept.read_bytes() == source.read_bytes()
    assert parquet.read_schema(tmp_path / "shop" / "data" / "x.parquet").names[0] == "row_id"


def test_an_owner_with_quotes_is_kept(tmp_path: Path) -> None:
    start_project(tmp_path / "shop", write(tmp_path / "x.csv"), ROLES, owner='Ann "é" \\ Lee')
    assert read_settings(tmp_path / "shop", {}).owner == 'Ann "é" \\ Lee'


def fail_in(folder: Path) -> None:
    with new_folder(folder):
        (folder / "models").mkdir(parents=True)
        (folder / "towpath.toml").write_text("half")
        raise KeyboardInterrupt


def test_what_fails_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail_in(tmp_path / "teams" / "shop")
    assert list(tmp_path.iterdir()) == []


def test_what_fails_leaves_an_empty_folder_empty(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fail_in(tmp_path / "shop")
    assert [path.name for path in tmp_path.rglob("*")] == ["shop"]


@pytest.mark.parametrize("name", ["taken", "taken/shop", "full"])
def test_what_is_there_already_is_a_conflict(tmp_path: Path, name: str) -> None:
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(Conflict, match="another name"), new_folder(tmp_path / name):
        pass
    assert (tmp_path / "taken").read_text() == (tmp_path / "full" / "file").read_text() == "mine"
