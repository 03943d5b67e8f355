"""A champion is replaced only by what a gate held against it, on the features that are served."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from towpath.catalog.events import read
from towpath.core.errors import Conflict, NotFound
from towpath.project.plan import plan_project
from towpath.serving.pointer import read_pointer
from towpath.steps.execute import execute_in
from towpath.steps.project import apply
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.e2e


def silent(fraction: float, text: str = "") -> None:
    pass


@pytest.fixture
def step(shop: Path) -> Callable[[str, str], Any]:
    execute = execute_in(shop)
    return lambda uses, estimator: execute(
        uses, {"model": "returned", "estimator": estimator}, silent
    )


def changed(path: Path, before: str, after: str) -> None:
    """Change a file of a project and apply it."""
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    with Workspace(path.parents[1]) as workspace:
        plan = plan_project(workspace.project, workspace.catalog)
        assert plan.changes
        apply(workspace, plan, allow_models=["returned"])


def test_a_candidate_judged_against_another_champion_is_not_promoted(
    step: Callable[[str, str], Any], shop: Path
) -> None:
    with Workspace(shop) as workspace:
        champion = workspace.models.aliases("returned")["champion"]
        workspace.models.set_alias("returned", "champion", 3 - champion)
        held = workspace.models.get("returned", champion).estimator
    with pytest.raises(Conflict, match=rf"held '{held}' against"):
        step("model.promote", held)


def test_promoting_the_champion_again_changes_nothing(
    step: Callable[[str, str], Any], shop: Path
) -> None:
    with Workspace(shop) as workspace:
        before = read(workspace.catalog, action="model.promoted")
        number = workspace.models.aliases("returned")["champion"]
        estimator = workspace.models.get("returned", number).estimator
        again = step("model.promote", estimator)
        assert again["version"] == number
        assert read(workspace.catalog, action="model.promoted") == before
        assert len(workspace.models.list("returned")) == 2


def test_each_other_model_on_the_same_rows_is_another_attempt(
    step: Callable[[str, str], Any], shop: Path
) -> None:
    first, again = step("model.gate", "boosting"), step("model.gate", "boosting")
    assert first["attempt"] == again["attempt"]
    assert step("model.gate", "baseline")["attempt"] == first["attempt"] + 1


def test_a_card_says_what_the_gate_found(shop: Path) -> None:
    with Workspace(shop) as workspace:
        for version in workspace.models.list("returned"):
            card = (workspace.artifacts / version.bundle / "card.md").read_text()
            assert version.findings[0].message in card


def test_a_training_set_of_other_definitions_is_not_learnt_from(
    step: Callable[[str, str], Any], shop: Path
) -> None:
    changed(shop / "features" / "orders.py", '"items",\n', "")
    with pytest.raises(Conflict, match="other definitions"):
        step("model.train", "boosting")


def test_a_model_that_does_not_exist_is_named(step: Callable[[str, str], Any]) -> None:
    with pytest.raises(NotFound, match=re.escape("'bosting'")):
        step("model.promote", "bosting")


def test_an_endpoint_whose_arms_change_is_pointed_when_applied(shop: Path) -> None:
    changed(shop / "endpoints" / "returned.yaml", "unknown_key: error", "arms: {challenger: 1.0}")
    with Workspace(shop) as workspace:
        arm = read_pointer(workspace.state, "returned").arms[0]
        assert arm.alias == "challenger"
        assert arm.version == workspace.models.aliases("returned")["challenger"]
        assert read(workspace.catalog, action="endpoint.deployed")[0].data["arms"] == [
            f"challenger: returned/{arm.version}"
        ]
