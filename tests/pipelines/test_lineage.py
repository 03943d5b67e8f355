"""What a real run of a project leaves behind: versions, uses, and events of the standard."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.catalog.standard import check_event

from towpath.catalog import events
from towpath.catalog.lineage import Node, downstream, upstream
from towpath.catalog.usage import last_use
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path
pytestmark = pytest.mark.e2e

Json = dict[str, Any]

SMALL = """name: small
steps:
  - {id: ingest, uses: data.ingest}
  - {id: materialize, uses: feature.materialize}
  - {id: training_set, uses: feature.training_set, with: {model: late}}
  - {id: train, uses: model.train, with: {model: late, estimator: baseline}}
  - {id: gate, uses: model.gate, with: {model: late, estimator: baseline}}
  - {id: promote, uses: model.promote, with: {model: late, estimator: baseline}}
"""
BROKEN = """name: broken
steps:
  - {id: stop, uses: project.call, with: {function: "stop.py:stop"}}
  - {id: ingest, uses: data.ingest}
"""
QUICK = """name: quick
steps:
  - {id: ingest, uses: data.ingest}
"""
STOP = """def stop(root):
    raise ValueError("no more")
"""


def command(folder: Path, *arguments: str, code: int = 0, collector: str = "") -> str:
    """Run the command line as a user does."""
    given = {"TOWPATH_OPENLINEAGE": collector} if collector else {}
    done = subprocess.run(
        [sys.executable, "-m", "towpath", *arguments],
        cwd=folder,
        env={**os.environ, "TOWPATH_ACTOR": "ada", **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose pipelines ran: one to the end, one into an error."""
    folder = tmp_path_factory.mktemp("ran")
    chance = random.Random(7)
    miles = [chance.randint(1, 40) for _ in range(400)]
    lines = [f"{one},{'yes' if chance.randint(1, 50) < one else 'no'}" for one in miles]
    (folder / "trips.csv").write_text("\n".join(["miles,late", *lines]) + "\n")
    command(folder, "init", "shop", "--from", "trips.csv", "--label", "late")
    root = folder / "shop"
    (root / "pipelines" / "small.yaml").write_text(SMALL)
    (root / "pipelines" / "quick.yaml").write_text(QUICK)
    (root / "pipelines" / "broken.yaml").write_text(BROKEN)
    (root / "stop.py").write_text(STOP)
    command(root, "apply")
    command(root, "run", "small", collector="file:events.jsonl")
    command(root, "run", "broken", collector="file:broken.jsonl", code=1)
    return root


def told(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def named(found: list[Json], state: str, job: str) -> Json:
    """The one event of a job in a state."""
    (one,) = [each for each in found if (each["eventType"], each["job"]["name"]) == (state, job)]
    return one


def tables(event: Json, end: str) -> dict[str, str]:
    """The versions of an event's inputs or outputs, by name."""
    return {
        one["name"]: one["facets"].get("version", {}).get("datasetVersion", "")
        for one in event[end]
    }


def test_every_event_of_a_run_keeps_the_schema_of_the_standard(ran: Path) -> None:
    found = told(ran / "events.jsonl") + told(ran / "broken.jsonl")
    for event in found:
        check_event(event)
    assert [one["eventType"] for one in found].count("START") == 9


def test_events_name_versions_columns_and_their_origins(ran: Path) -> None:
    found = told(ran / "events.jsonl")
    ingest = named(found, "COMPLETE", "small.ingest")
    assert tables(ingest, "inputs") == {"source/data/trips.parquet": ""}
    assert tables(ingest, "outputs") == {"trips": "0"}
    made = named(found, "COMPLETE", "small.training_set")
    assert tables(made, "inputs") == {"trips": "0"}
    output: Json = made["outputs"][0]
    assert output["facets"]["version"]["datasetVersion"] == "0"
    assert [one["name"] for one in output["facets"]["schema"]["fields"]] == ["miles"]
    origins = output["facets"]["columnLineage"]["fields"]["miles"]["inputFields"]
    assert [(one["name"], one["field"]) for one in origins] == [("trips", "miles")]
    assert origins[0]["namespace"] == ingest["outputs"][0]["namespace"]
    promoted = named(found, "COMPLETE", "small.promote")
    assert tables(promoted, "outputs") == {"model/late": "1"}


def test_steps_are_parts_of_their_run(ran: Path) -> None:
    found = told(ran / "events.jsonl")
    run = named(found, "START", "small")["run"]["runId"]
    steps = [one for one in found if one["job"]["name"] != "small"]
    assert len(steps) == 12
    assert {one["run"]["facets"]["parent"]["run"]["runId"] for one in steps} == {run}
    assert named(found, "COMPLETE", "small")["run"]["runId"] == run


def test_a_failed_step_fails_its_run_and_says_why(ran: Path) -> None:
    found = told(ran / "broken.jsonl")
    assert [one["eventType"] for one in found] == ["START", "START", "FAIL", "FAIL"]
    for one in found[2:]:
        assert "no more" in one["run"]["facets"]["errorMessage"]["message"]


def test_a_model_leads_back_to_the_versions_it_was_trained_from(ran: Path) -> None:
    with Workspace(ran) as workspace:
        graph = upstream(workspace.catalog, Node("model", "late", version="1"))
        below = downstream(workspace.catalog, Node("dataset", "trips", version="0"))
    kinds = {(one.kind, one.name, one.version) for one in graph.nodes if one.kind != "run"}
    assert kinds == {
        ("dataset", "trips", "0"),
        ("model", "late", "1"),
        ("source", "data/trips.parquet", ""),
        ("training_set", "late", "0"),
    }
    assert Node("model", "late", version="1") in below.nodes
    assert "model/late@1 is made of 1 dataset" in command(ran, "lineage", "model/late@1", "--up")


def test_what_ran_and_was_trained_on_was_used(ran: Path) -> None:
    with Workspace(ran) as workspace:
        feature_set = workspace.project.models["late"].features
        found = {
            subject: last_use(workspace.catalog, subject)
            for subject in ("pipeline/small", f"feature_set/{feature_set}", "pipeline/train")
        }
    actions = {subject: (one.actor, one.action) for subject, one in found.items() if one}
    assert actions == {
        "pipeline/small": ("ada", "pipeline.run"),
        f"feature_set/{feature_set}": ("ada", "feature.trained"),
    }


def copy(ran: Path, folder: Path) -> Path:
    """A copy to change."""
    return shutil.copytree(ran, folder / "shop")


def test_an_endpoint_that_answers_uses_model_and_features(ran: Path, tmp_path: Path) -> None:
    root = copy(ran, tmp_path)
    command(root, "predict", "late", "1")
    with Workspace(root) as workspace:
        endpoint = last_use(workspace.catalog, "endpoint/late")
        model = last_use(workspace.catalog, "model/late/1")
    assert (endpoint and endpoint.action, model and model.action) == (
        "endpoint.served",
        "model.loaded",
    )
    assert "endpoint/late" not in command(root, "search", "--unused", "1d")


def test_a_step_by_itself_is_told_and_kept_too(ran: Path, tmp_path: Path) -> None:
    root = copy(ran, tmp_path)
    command(root, "feature", "training-set", "--model", "late", collector="file:one.jsonl")
    start, complete = told(root / "one.jsonl")
    check_event(start)
    check_event(complete)
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert tables(complete, "inputs") == {"trips": "0"}


def test_a_dead_collector_fails_no_run(ran: Path, tmp_path: Path) -> None:
    root = copy(ran, tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api/v1/lineage"
        command(root, "run", "quick", collector=url)
    with Workspace(root) as workspace:
        lost = events.read(workspace.catalog, action="lineage.undelivered")
    assert len(lost) == 4
    command(root, "feature", "training-set", "--model", "late", collector="file:later.jsonl")
    assert len(told(root / "later.jsonl")) == 6


def test_a_collector_that_cannot_be_is_refused_before_the_run(ran: Path) -> None:
    text = command(ran, "run", "small", collector="ftp://here", code=2)
    assert "ftp://here" in text
