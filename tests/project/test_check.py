from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import csv

from towpath.core.errors import Invalid
from towpath.project.check import check_project
from towpath.project.load import Project
from towpath.project.start import start_project
from towpath.project.tidy import Roles

if TYPE_CHECKING:
    from pathlib import Path

UNUSED = """from towpath.features.view import FeatureView, Latest

unused = FeatureView("unused", "{source}", ("row_id",), (Latest("{column}"),))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project as ``towpath init`` writes it."""
    csv.write_csv(
        pa.table({"late": ["yes", "no"] * 20, "miles": range(40)}), tmp_path / "trips.csv"
    )
    roles = Roles(label="late", known_at="2026-01-01T00:00:00Z")
    start_project(tmp_path / "shop", tmp_path / "trips.csv", roles, owner="me")
    return tmp_path / "shop"


def refusal(root: Path) -> Invalid:
    with pytest.raises(Invalid) as error:
        check_project(Project(root))
    return error.value


@pytest.mark.parametrize(("source", "column"), [("trip", "miles"), ("trips", "mile")])
def test_a_view_that_no_feature_set_uses_is_checked_too(
    shop: Path, source: str, column: str
) -> None:
    (shop / "features" / "unused.py").write_text(UNUSED.format(source=source, column=column))
    error = refusal(shop)
    assert error.where == "features/unused.py:3"
    assert error.hint.startswith("Did you mean")


def test_an_alerter_that_is_none_is_refused(shop: Path) -> None:
    path = shop / "monitors" / "late.yaml"
    path.write_text(path.read_text() + "to: [logs]\n")
    error = refusal(shop)
    assert error.where == "monitors/late.yaml:1"
    assert error.hint == "Did you mean 'log'?"


def test_labels_need_the_time_at_which_they_became_known(shop: Path) -> None:
    text = (shop / "datasets" / "trips.yaml").read_text()
    outcome = text.replace("name: trips", "name: outcomes").replace("event_time: known_at\n", "")
    (shop / "datasets" / "outcomes.yaml").write_text(outcome)
    path = shop / "models" / "late.py"
    path.write_text(path.read_text().replace('Label("trips"', 'Label("outcomes"'))
    error = refusal(shop)
    assert error.where.startswith("models/late.py:")
    assert "no event_time" in error.message
