"""Training again: on the same data, and after the features changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]


def trained(towpath: Run, folder: Path) -> Mapping[str, Mapping[str, Any]]:
    run = json.loads(towpath(folder, "run", "train", "--json").stdout)
    return {one["step"]: one["result"] for one in run["attempts"]}


def test_training_again_promotes_nobody_and_counts_the_attempts(shop: Path, towpath: Run) -> None:
    before = json.loads(towpath(shop, "status", "--json").stdout)
    again = trained(towpath, shop)
    assert again["ingest"]["unchanged"] == ["orders"]
    assert again["gate_boosting"]["decision"] == "reject"
    # The same test as in the first run is not another attempt; that of the baseline is new.
    assert again["gate_boosting"]["attempt"] == 1
    assert again["gate_baseline"]["attempt"] == 2
    assert again["promote_boosting"]["promoted"] is False
    after = json.loads(towpath(shop, "status", "--json").stdout)
    champion = before["aliases"]["returned"]["champion"]
    assert after["aliases"]["returned"]["champion"] == champion
    assert after["datasets"] == before["datasets"]


def test_a_champion_of_other_features_gives_way_to_one_that_can_answer(
    shop: Path, towpath: Run
) -> None:
    path = shop / "features" / "orders.py"
    path.write_text(path.read_text().replace('        "amount",\n', ""))
    towpath(shop, "apply", "--allow-model", "returned")
    answer = towpath(shop, "predict", "returned", "1042", code=5)
    assert "amount" in answer.stderr
    gate = trained(towpath, shop)["gate_baseline"]
    assert gate["decision"] == "promote"
    assert gate["delta"] < 0
    assert "For the record: roc_auc" in gate["message"]
    towpath(shop, "predict", "returned", "1042")
