"""A change of what a production model reads is refused unless it names the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import csv

from towpath.core.errors import Conflict, NotFound
from towpath.project.plan import Plan, plan_project
from towpath.project.start import start_project
from towpath.project.tidy import Roles
from towpath.steps.in_use import changes_in_use, refuse_changes_in_use
from towpath.steps.model import evaluate, gate, promote, train
from towpath.steps.project import apply
from towpath.steps.training_set import training_set
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def silent(fraction: float, text: str = "") -> None:
    """Hear of the progress, and say nothing."""


def change(root: Path, before: str, after: str, file: str = "features/trips.py") -> None:
    text = (root / file).read_text()
    assert before in text
    (root / file).write_text(text.replace(before, after, 1))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model has a champion."""
    folder = tmp_path_factory.mktemp("production")
    late = ["yes" if number % 5 < 2 else "no" for number in range(400)]
    columns = {"late": late, "miles": range(400), "stops": [number % 5 for number in range(400)]}
    csv.write_csv(pa.table(columns), folder / "trips.csv")
    root = folder / "shop"
    roles = Roles(label="late", known_at="2026-01-01T00:00:00Z")
    start_project(root, folder / "trips.csv", roles, owner="me")
    with Workspace(root) as workspace:
        apply(workspace, plan_project(workspace.project, workspace.catalog))
        workspace.lake.ingest("trips")
        training_set(workspace, silent, model="late")
        for step in (train, evaluate, gate, promote):
            step(workspace, silent, model="late", estimator="baseline")
    return root


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Path:
    """The project again, for a test to change its files."""
    for folder in ("features", "datasets", "models", "endpoints", "pipelines", "monitors"):
        kept = tmp_path / folder
        kept.mkdir()
        for file in (trained / folder).iterdir():
            if file.is_file():
                (kept / file.name).write_bytes(file.read_bytes())
    (tmp_path / "towpath.toml").write_text((trained / "towpath.toml").read_text())
    (tmp_path / ".towpath").symlink_to(trained / ".towpath")
    return tmp_path


def planned(workspace: Workspace) -> Plan:
    return plan_project(workspace.project, workspace.catalog)


def test_a_changed_feature_of_a_champion_is_refused_and_the_model_named(shop: Path) -> None:
    change(shop, '"miles",', "")
    with Workspace(shop) as workspace:
        (used,) = changes_in_use(workspace, planned(workspace))
        assert (used.model, used.version, used.changed) == ("late", 1, ("feature_set/trips",))
        with pytest.raises(Conflict, match="version 1 of model 'late' reads") as error:
            refuse_changes_in_use(workspace, planned(workspace))
        assert "--allow-model late" in error.value.hint
        assert error.value.where.startswith("features/trips.py:")
        refuse_changes_in_use(workspace, planned(workspace), allowed=["late"])


def test_a_removed_feature_set_of_a_champion_is_refused(shop: Path) -> None:
    change(shop, 'FeatureSet(\n    "trips"', 'FeatureSet(\n    "trips_v2"')
    for file in ("models", "monitors", "endpoints"):
        for path in (shop / file).iterdir():
            path.write_text(path.read_text().replace('features="trips"', 'features="trips_v2"'))
    with Workspace(shop) as workspace:
        (used,) = changes_in_use(workspace, planned(workspace))
        assert used.changed == ("feature_set/trips",)


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("features/trips.py", 'at="known_at"', 'description="Told anew.", at="known_at"'),
        ("datasets/trips.yaml", "name: trips", "name: trips\ndescription: Told anew."),
        (
            "features/trips.py",
            "trips = FeatureSet(",
            'other = FeatureSet("other", spine="trips", at="known_at", columns=("miles",))\n\n'
            "trips = FeatureSet(",
        ),
    ],
)
def test_a_change_that_moves_no_value_is_let_through(
    shop: Path, file: str, before: str, after: str
) -> None:
    change(shop, before, after, file)
    with Workspace(shop) as workspace:
        plan = planned(workspace)
        assert plan.changes
        refuse_changes_in_use(workspace, plan)


def test_an_allowed_model_that_is_not_there_is_named(shop: Path) -> None:
    with Workspace(shop) as workspace, pytest.raises(NotFound, match="no model 'lat'") as error:
        refuse_changes_in_use(workspace, planned(workspace), allowed=["lat"])
    assert "'late'" in error.value.hint
