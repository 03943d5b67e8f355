"""``towpath doctor`` sees a lake that does not answer, and events that wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from towpath.cli.exit import exit_code
from towpath.cli.main import towpath

if TYPE_CHECKING:
    from pathlib import Path

TRIPS = "name: trips\nsource: trips.csv\ncolumns:\n- {name: id, dtype: int64}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "towpath.toml").write_text('name = "taxi"\n')
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "trips.yaml").write_text(TRIPS)
    (tmp_path / "trips.csv").write_text("id\n1\n")
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "tests")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    return tmp_path


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(towpath, words, standalone_mode=False)
    if result.exception is not None:
        return exit_code(result.exception), str(result.exception)
    return 0, result.output


def finding(name: str) -> dict[str, object]:
    result = CliRunner().invoke(towpath, ["doctor", "--json"])
    found: list[dict[str, object]] = json.loads(result.stdout)["findings"]
    return next(one for one in found if one["check"] == name)


def test_all_is_well_in_a_new_project(project: Path) -> None:
    assert run("apply")[0] == 0
    assert (finding("lake")["passed"], finding("openlineage")["passed"]) == (True, True)


def test_a_lake_that_does_not_answer_is_seen(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("apply")
    monkeypatch.setenv("TOWPATH_LAKE", "s3://b/x")
    found = finding("lake")
    assert not found["passed"]
    assert "s3://b/x does not answer" in str(found["subject"])
    assert "AWS_ENDPOINT_URL" in str(found["message"])
    for words in (["apply"], ["data", "list"], ["data", "show", "trips"]):
        code, _ = run(*words)
        assert code in {0, 6}, words
    for command in ("list", "show", "ingest", "compact"):
        code, text = run("data", command, *(["trips"] if command != "list" else []))
        assert (code, "does not answer" in text) == (6, True), command


def test_events_that_wait_are_seen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("apply")
    spool = project / ".towpath" / "state" / "openlineage.spool"
    spool.parent.mkdir(parents=True, exist_ok=True)
    spool.write_bytes(b"{}\n{}\n")
    monkeypatch.setenv("TOWPATH_OPENLINEAGE", "http://ada:hunter2@127.0.0.1:9/")
    found = finding("openlineage")
    assert (found["passed"], found["observed"], found["severity"]) == (False, 2, "warn")
    assert "hunter2" not in str(found)


def test_a_way_that_is_none_is_seen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("apply")
    monkeypatch.setenv("TOWPATH_OPENLINEAGE", "ftp://x:S3cr3t@y")
    found = finding("openlineage")
    assert not found["passed"]
    assert "S3cr3t" not in str(found)
