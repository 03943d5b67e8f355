"""Predictions made afterwards beside those that were answered, and what is verified of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from towpath.core.instant import format_instant
from towpath.lake.system import PREDICTIONS
from towpath.steps.execute import execute_in
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)


def replayed(shop: Path, *, start: datetime) -> dict[str, object]:
    given = {"start": format_instant(start), "until": format_instant(TODAY + DAY)}
    found = execute_in(shop)("endpoint.replay", {"endpoint": "returned", **given}, lambda *_: None)
    return dict(found)


def origins(shop: Path) -> Mapping[object, int]:
    with Workspace(shop) as workspace:
        return Counter(workspace.lake[PREDICTIONS.name].scan(["origin"])["origin"].to_pylist())


def test_overlapping_replays_keep_each_prediction_once(shop: Path, towpath: Run) -> None:
    towpath(shop, "predict", "returned", "1042")
    first = replayed(shop, start=TODAY - DAY)
    again = replayed(shop, start=TODAY - 2 * DAY)
    assert (first["predictions"], first["new"]) == (1200, 1200)
    assert (again["predictions"], again["new"]) == (1200, 0)
    towpath(shop, "feature", "verify", "returned")
    assert origins(shop) == {"live": 1, "replay": 1200}


def test_predictions_before_a_change_of_the_features_are_not_held_against_it(
    shop: Path, towpath: Run
) -> None:
    towpath(shop, "predict", "returned", "1042")
    path = shop / "features" / "orders.py"
    path.write_text(path.read_text().replace('        "amount",\n', ""))
    towpath(shop, "apply", "--allow-model", "returned")
    towpath(shop, "run", "train")
    towpath(shop, "predict", "returned", "1043")
    found = json.loads(towpath(shop, "feature", "verify", "returned", "--json").stdout)
    assert (found["checked"], found["mismatches"], found["stale"]) == (1, 0, 0)
    assert found["skipped"] == {"another definition": 1}
