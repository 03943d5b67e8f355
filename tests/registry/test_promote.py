from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.catalog.database import Database
from towpath.catalog.events import read
from towpath.core.clock import SimulatedClock
from towpath.core.errors import Conflict, NotFound
from towpath.core.finding import Finding
from towpath.core.instant import EPOCH
from towpath.registry.code import code_commit
from towpath.registry.promote import promote
from towpath.testing.model_store import log_version, make_draft

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from towpath.registry.model import ModelVersion
    from towpath.registry.stores import ModelStore

CLOCK = SimulatedClock(EPOCH)
PASSED = Finding("roc_auc_superior", "roc_auc", passed=True, message="better by 0.01")
FAILED = Finding("roc_auc_superior", "roc_auc", passed=False, message="no better")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open("sqlite:catalog.db", tmp_path) as opened:
        yield opened


@pytest.fixture
def logged(store: ModelStore, tmp_path: Path) -> list[ModelVersion]:
    return [log_version(store, tmp_path / f"work_{at}") for at in range(2)]


def test_a_promotion_moves_the_alias_and_is_logged(
    db: Database, store: ModelStore, logged: list[ModelVersion]
) -> None:
    for version in logged:
        promote(db, store, version.replace(findings=(PASSED,)), actor="ada", clock=CLOCK)
    assert store.aliases("late") == {"champion": 2}
    event = read(db, subject="model/late/2")[0]
    assert (event.actor, event.action) == ("ada", "model.promoted")
    assert event.data["previous"] == 1
    assert event.data["findings"] == ["better by 0.01"]


def test_a_rejected_version_is_not_promoted(
    db: Database, store: ModelStore, logged: list[ModelVersion]
) -> None:
    with pytest.raises(Conflict, match="no better"):
        promote(db, store, logged[0].replace(findings=(FAILED,)), actor="ada", clock=CLOCK)
    assert store.aliases("late") == {}
    assert read(db) == ()


def test_a_draft_is_not_promoted(db: Database, store: ModelStore) -> None:
    with pytest.raises(Conflict, match="not registered"):
        promote(db, store, make_draft(), actor="ada", clock=CLOCK)


def test_a_promotion_that_fails_is_not_logged(
    db: Database, store: ModelStore, logged: list[ModelVersion]
) -> None:
    with pytest.raises(NotFound):
        promote(db, store, logged[0].replace(version=9), actor="ada", clock=CLOCK)
    assert read(db) == ()


def test_code_outside_git_has_no_commit(tmp_path: Path) -> None:
    assert code_commit(tmp_path) == ""
