"""What every model store must do. Inherit, and give a fixture ``store``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import NotFound
from towpath.core.instant import EPOCH
from towpath.registry.model import Metric, ModelVersion

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.registry.stores import ModelStore


def make_draft(model: str = "late") -> ModelVersion:
    """Return a version that is not registered yet, its features in no alphabetical order."""
    return ModelVersion(
        model=model,
        version=0,
        estimator="boosting",
        feature_set="flight",
        schema={"hour": "int64", "carrier": "string", "bad_days": "float64"},
        predictor="plan",
        threshold=0.5,
        created_at=EPOCH,
        metrics={"roc_auc": Metric(0.75, 0.74, 0.76)},
        data_versions={"arrivals": 3},
    )


def log_version(store: ModelStore, folder: Path, model: str = "late") -> ModelVersion:
    """Register a version with one file."""
    files = folder / "files"
    files.mkdir(parents=True)
    (files / "weights.txt").write_text("1 2 3", encoding="utf-8")
    return store.log(make_draft(model), parameters={"depth": 3, "seed": None}, files=files)


class ModelStoreSuite:
    """Tests of the obligations of a ModelStore."""

    def test_versions_count_from_one(self, store: ModelStore, tmp_path: Path) -> None:
        """Each model has numbers of its own."""
        logged = [log_version(store, tmp_path / str(at)) for at in range(2)]
        other = log_version(store, tmp_path / "other", "early")
        assert [one.version for one in (*logged, other)] == [1, 2, 1]

    def test_what_is_logged_is_what_is_got(self, store: ModelStore, tmp_path: Path) -> None:
        """A version comes back whole, the order of its schema included."""
        logged = log_version(store, tmp_path)
        found = store.get("late", 1)
        assert found == logged
        assert list(found.schema) == list(make_draft().schema)
        assert found.run_id
        assert found.bundle
        assert found.bundle_sha256

    def test_the_folder_of_files_moves(self, store: ModelStore, tmp_path: Path) -> None:
        """The given folder is gone afterwards."""
        log_version(store, tmp_path)
        assert not (tmp_path / "files").exists()

    def test_list_is_by_name_and_oldest_first(self, store: ModelStore, tmp_path: Path) -> None:
        """All models, or one."""
        for at, model in enumerate(("late", "early", "late")):
            log_version(store, tmp_path / str(at), model)
        names = [(one.model, one.version) for one in store.list()]
        assert names == [("early", 1), ("late", 1), ("late", 2)]
        assert [one.version for one in store.list("late")] == [1, 2]
        assert store.list("none") == ()

    def test_an_alias_moves(self, store: ModelStore, tmp_path: Path) -> None:
        """It points at the last version it was set to."""
        for at in range(2):
            log_version(store, tmp_path / str(at))
            store.set_alias("late", "champion", at + 1)
        assert store.aliases("late") == {"champion": 2}
        assert store.get("late", "champion").version == 2
        assert store.aliases("none") == {}

    def test_what_is_unknown_is_not_found(self, store: ModelStore, tmp_path: Path) -> None:
        """Unknown models, versions and aliases are told apart."""
        log_version(store, tmp_path)
        with pytest.raises(NotFound, match="Did you mean 'late'"):
            store.get("lat", 1)
        with pytest.raises(NotFound, match="no version 9"):
            store.get("late", 9)
        with pytest.raises(NotFound, match="no alias 'champion'"):
            store.get("late", "champion")
        with pytest.raises(NotFound, match="no version 9"):
            store.set_alias("late", "champion", 9)
