from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.project.load import Project
from towpath.project.plan import apply_plan, plan_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRIPS = """name: trips
owner: rides
description: One row for each ride in a taxi.
tags: [rides]
key: [id]
event_time: at
columns:
- {name: id, dtype: string}
- {name: at, dtype: timestamp}
- {name: fare, dtype: int64, nullable: true, doc: Euros.}
- {name: seats, dtype: int64}
- {name: late, dtype: bool}
"""
FEATURES = """from datetime import timedelta

from towpath.features.feature_set import FeatureSet
from towpath.features.view import Aggregate, FeatureView

rides = FeatureView("rides", "trips", ("id",), (Aggregate("sum", "fare", timedelta(days=1)),))
trip = FeatureSet("trip", "trips", "at", ("rides",))
"""
MODEL = """from sklearn.linear_model import LogisticRegression

from towpath.modelling.model import HashSplit, Label, Model

late = Model(
    "late", "trip", Label("trips", "late"), {"baseline": LogisticRegression},
    split=HashSplit(test_share=0.2),
)
"""
FILES = {
    "datasets/trips.yaml": TRIPS,
    "features/trips.py": FEATURES,
    "models/late.py": MODEL,
    "endpoints/taxi.yaml": "name: taxi\nmodel: late\n",
}


@pytest.fixture
def taxi(tmp_path: Path) -> Path:
    """A project from one dataset to an endpoint, not applied yet."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open("sqlite:catalog.db", tmp_path) as opened:
        yield opened


def apply(root: Path, db: Database, *, allow_breaking: bool = False) -> None:
    """Apply a project as it is written now."""
    project = Project(root)
    plan = plan_project(project, db).replace(allow_breaking=allow_breaking)
    apply_plan(project, db, plan, actor="ada", clock=SystemClock())


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that is there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
