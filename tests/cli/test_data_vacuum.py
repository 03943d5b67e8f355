"""``towpath data vacuum`` never takes what something was learnt from."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from towpath.cli.main import towpath
from towpath.core.clock import SimulatedClock
from towpath.core.instant import parse_instant
from towpath.steps.pin import pins
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def run(*words: str) -> str:
    return CliRunner().invoke(towpath, words, catch_exceptions=False).output


def told(*words: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(run(*words, "--json"))
    return found


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with four versions of days long past; its training set is of version 1."""
    chance = random.Random(7)
    lines = [f"{number},{chance.random()},{number % 2}" for number in range(200)]
    (tmp_path / "orders.csv").write_text("\n".join(("id,amount,returned", *lines)) + "\n")
    monkeypatch.chdir(tmp_path)
    run("init", "shop", "--from", "orders.csv", "--label", "returned", "--key", "id")
    folder = tmp_path / "shop"
    monkeypatch.chdir(folder)
    rows = pq.read_table("data/orders.parquet")
    for number in range(4):
        clock = SimulatedClock(parse_instant(f"2024-01-0{number + 1}"))
        with Workspace(folder, clock=clock) as workspace:
            workspace.lake.ingest("orders", rows.slice(number))
        if number == 1:
            run("feature", "training-set", "--model", "returned")
    return folder


def test_versions_in_use_stay(shop: Path) -> None:
    with Workspace(shop) as workspace:
        held = pins(workspace, "orders")
    assert [(one.version, one.holder) for one in held] == [(1, "training_set/returned")]
    text = run("data", "vacuum", "orders")
    assert "version 1 stays for training_set/returned" in text
    with Workspace(shop) as workspace:
        table = workspace.lake["orders"]
        assert [one.version for one in table.versions() if not one.vacuumed] == [1, 3]
        assert table.scan(version=1).num_rows == 199
    assert "vacuumed" in run("data", "history", "orders")
    assert "has no file that only" in run("data", "vacuum", "orders")


def test_young_versions_stay(shop: Path) -> None:
    assert "has no file that only" in run("data", "vacuum", "orders", "--older-than", "5200w")


def test_a_dry_run_tells_what_the_vacuum_removes(shop: Path) -> None:
    text = run("data", "vacuum", "orders", "--dry-run")
    assert "Would remove 2 files" in text
    dry = told("data", "vacuum", "orders", "--dry-run")
    done = told("data", "vacuum", "orders")
    assert (dry.pop("dry"), dry) == (True, done)
    assert (done["versions"], done["files"]) == ([0, 2], 2)


@pytest.mark.e2e
def test_what_models_and_candidates_learnt_from_is_pinned(shop: Path) -> None:
    subprocess.run([sys.executable, "-m", "towpath", "run", "train"], check=True, cwd=shop)
    with Workspace(shop) as workspace:
        held, latest = pins(workspace), workspace.lake["orders"].version()
    holders = {one.holder for one in held if (one.dataset, one.version) == ("orders", latest)}
    assert {"training_set/returned", "model/returned/1"} <= holders
    assert any(one.startswith("candidate/returned/") for one in holders)
    assert any(one.dataset == "returned__training" for one in held)
