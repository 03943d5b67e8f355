from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from towpath.catalog.usage import used
from towpath.cli.main import towpath
from towpath.core.clock import SystemClock
from towpath.core.errors import Invalid
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Find = Callable[..., str]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(towpath, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.fixture(scope="module")
def flights(applied: Path) -> Path:
    """The flights project, applied; its planes were read today, its weather long ago."""
    now = SystemClock().now()
    with Workspace(applied) as workspace:
        for name, at in (("planes", now), ("weather", now - timedelta(days=40))):
            used(workspace.catalog, f"dataset/{name}", actor="ada", action="dataset.read", at=at)
    return applied


@pytest.fixture
def find(flights: Path, monkeypatch: pytest.MonkeyPatch) -> Find:
    monkeypatch.chdir(flights)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: run("search", *arguments)


def test_a_column_is_found_in_datasets_and_features(find: Find) -> None:
    lines = find("dep_delay").splitlines()
    assert lines[0] == "Found 7"
    assert lines[1].startswith("  dataset/departures ")
    assert "dep_delay: Minutes after the timetable" in lines[1]
    assert max(map(len, lines)) <= 80
    assert "  kind   feature_view 5, dataset 1, feature_set 1" in lines


def test_a_search_is_narrowed_by_kind_owner_and_tag(find: Find) -> None:
    for only in (("--kind", "dataset"), ("--owner", "meteorology"), ("--tag", "weather")):
        assert "dataset/weather" in find("wind", *only)
    assert "feature_view" not in find("wind", "--kind", "dataset")
    assert find("wind", "--tag", "nothing") == "Nothing found for 'wind' with tag nothing.\n"


def test_without_words_all_is_listed(find: Find) -> None:
    assert find("--limit", "2").startswith("Found 27, the first 2\n")


def test_a_misspelt_word_is_mended(find: Find) -> None:
    text = find("departurs")
    assert text.startswith("Nothing holds those words; found for departure:\n")
    assert "dataset/departures" in text


def test_json_is_the_result_as_it_is(find: Find) -> None:
    found = json.loads(find("tail_number", "--kind", "dataset", "--json"))
    assert found["total"] == len(found["hits"])
    assert {one["kind"] for one in found["hits"]} == {"dataset"}


def test_what_nobody_used_is_listed_with_its_last_use(find: Find) -> None:
    rows = {
        line.split()[0]: line
        for line in find("--unused", "30d", "--limit", "99").splitlines()
        if "/" in line
    }
    assert "dataset/planes" not in rows
    assert "20" in rows["dataset/weather"]
    assert "never" in rows["dataset/airports"]


def test_unused_is_narrowed_as_a_search_is(find: Find) -> None:
    found = json.loads(find("weather", "--kind", "dataset", "--unused", "30d", "--json"))
    assert "weather" in {one["name"] for one in found}
    assert {one["kind"] for one in found} == {"dataset"}
    text = find("planes", "--kind", "dataset", "--unused", "30d")
    assert text == "Nothing that was found is unused for 30d.\n"


def test_a_long_question_is_cut(find: Find) -> None:
    text = " ".join(find("zz" * 5000).split())
    assert text.startswith("Nothing found for 'zzz")
    assert len(text) < 200


def test_a_span_that_is_none_is_refused(find: Find) -> None:
    with pytest.raises(Invalid, match="not a span"):
        find("--unused", "lately")


def test_an_empty_catalog_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "towpath.toml").write_text('name = "empty"\n')
    monkeypatch.chdir(tmp_path)
    assert run("search", "x") == "Nothing is registered yet: towpath apply\n"
