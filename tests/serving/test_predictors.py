from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from towpath.core.errors import Conflict, Contract, Invalid, NotFound
from towpath.core.instant import EPOCH
from towpath.modelling.artifact import save_estimator
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.export import export
from towpath.modelling.frame import to_matrix, to_rows
from towpath.registry.bundle import seal
from towpath.registry.golden import Golden, write_golden
from towpath.registry.model import ModelVersion
from towpath.serving.bundle import load_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.registry.model import Predictor

SCHEMA = {"hour": "int64", "wind": "float64", "rain": "bool", "carrier": "string"}
ROWS = pa.table(
    {
        "hour": [at % 24 for at in range(200)],
        "wind": [None if at % 9 == 0 else at / 7 for at in range(200)],
        "rain": [at % 3 == 0 for at in range(200)],
        "carrier": [("UA", "B6", None)[at % 3] for at in range(200)],
    }
)


def bundle(folder: Path, predictor: Predictor, *, shift: float = 0.0) -> Path:
    """Fit, save and seal one estimator; ``shift`` makes its golden answers wrong."""
    encode = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), [0, 1, 2]),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [3]),
        ]
    )
    columns = FeatureColumns(SCHEMA)
    fitted = make_pipeline(encode, LogisticRegression(max_iter=500))
    matrix = to_matrix(ROWS, columns)
    fitted.fit(matrix, [at % 4 == 0 for at in range(200)])
    aside = folder / "aside"
    save_estimator(fitted, aside)
    if predictor == "plan":
        export(fitted, columns).save(aside)
    answers = fitted.predict_proba(matrix)[:8, 1] + shift
    rows = tuple(tuple(row) for row in to_rows(ROWS.slice(0, 8)))
    write_golden(Golden(rows=rows, probabilities=tuple(answers.tolist())), aside)  # type: ignore[arg-type]  # plain values
    version = ModelVersion(
        model="late",
        version=1,
        estimator="baseline",
        feature_set="flight",
        schema=SCHEMA,
        predictor=predictor,
        threshold=0.5,
        created_at=EPOCH,
    )
    seal(aside, version, folder / "bundle")
    return folder / "bundle"


@pytest.mark.parametrize("predictor", ["plan", "sklearn"])
def test_one_row_is_answered_as_in_a_table(tmp_path: Path, predictor: Predictor) -> None:
    loaded = load_bundle(bundle(tmp_path, predictor)).predictor
    one_by_one = [loaded.predict_one(row) for row in to_rows(ROWS)]
    assert loaded.predict(ROWS).tolist() == pytest.approx(one_by_one, rel=1e-12)


def test_both_predictors_agree(tmp_path: Path) -> None:
    plan = load_bundle(bundle(tmp_path / "a", "plan")).predictor.predict(ROWS)
    original = load_bundle(bundle(tmp_path / "b", "sklearn")).predictor.predict(ROWS)
    assert plan.tolist() == pytest.approx(original.tolist(), rel=1e-12)


@pytest.mark.parametrize("predictor", ["plan", "sklearn"])
def test_version_that_answers_otherwise_is_refused(tmp_path: Path, predictor: Predictor) -> None:
    with pytest.raises(Conflict, match="Golden row"):
        load_bundle(bundle(tmp_path, predictor, shift=1e-6))


def test_changed_file_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    folder = bundle(tmp_path, "sklearn")
    with zipfile.ZipFile(folder / "model.skops", "a") as file:
        file.writestr("more", b"")
    with pytest.raises(Contract, match=r"model\.skops"):
        load_bundle(folder)


def test_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        load_bundle(tmp_path / "nowhere")


def test_bundle_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Contract, match=r"manifest\.json"):
        load_bundle(bundle(tmp_path, "plan"), sha256="0" * 64)


@pytest.mark.parametrize("predictor", ["plan", "sklearn"])
def test_value_that_a_model_does_not_take_is_invalid(tmp_path: Path, predictor: Predictor) -> None:
    loaded = load_bundle(bundle(tmp_path, predictor)).predictor
    with pytest.raises(Invalid):
        loaded.predict_one(["noon", 1.0, True, "UA"])
