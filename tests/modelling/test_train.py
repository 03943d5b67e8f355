from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tests.modelling.conftest import boosting, logistic

from towpath.core.errors import Denied, Invalid
from towpath.core.instant import EPOCH, from_micros
from towpath.modelling.artifact import load_estimator, predict_version, save_estimator
from towpath.modelling.candidate import Origin, draft, write_files
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.examples import Examples, Join, examples
from towpath.modelling.model import Label, Model, TimeSplit
from towpath.modelling.plan import Plan
from towpath.modelling.train import train
from towpath.registry.golden import read_golden, replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sklearn.pipeline import Pipeline
    from tests.modelling.conftest import Flights

ORIGIN = Origin("4f2a", ("flight",), {"arrivals": 3}, "abc", EPOCH)
FORTY_DAYS = 40 * 86_400_000_000


def forest(columns: FeatureColumns) -> Pipeline:
    return make_pipeline(SimpleImputer(), RandomForestClassifier(5))


def broken(columns: FeatureColumns) -> Pipeline:
    return make_pipeline(SimpleImputer(strategy="median"), HistGradientBoostingClassifier())


def nothing(columns: FeatureColumns) -> object:
    return columns


def strange(columns: FeatureColumns) -> Pipeline:
    return make_pipeline(Clipped(), SimpleImputer(), RandomForestClassifier(2))


class Clipped(SimpleImputer):  # type: ignore[misc]  # scikit-learn has no types
    """A class that no saved model may bring in unless it is trusted."""


ESTIMATORS: dict[str, Callable[[FeatureColumns], Any]] = {
    "boosting": boosting,
    "logistic": logistic,
    "forest": forest,
    "broken": broken,
    "nothing": nothing,
    "strange": strange,
}
MODEL = Model(
    "late",
    "flight",
    Label("arrivals", "late"),
    ESTIMATORS,
    TimeSplit(from_micros(FORTY_DAYS)),
    description="Arrival at least 15 minutes late.",
    owner="ops",
)


def labelled(flights: Flights, columns: FeatureColumns) -> Examples:
    table = flights.table
    answers = pa.table({"flight": table["flight"], "at": table["at"], "late": flights.label})
    return examples(
        table, answers, label=MODEL.label, columns=columns, join=Join(("flight",), "at", "at")
    )


@pytest.fixture(scope="module")
def rows(flights: Flights) -> Examples:
    return labelled(flights, flights.columns)


@pytest.fixture(scope="module")
def numbers(flights: Flights) -> Examples:
    return labelled(flights, FeatureColumns({"hour": "int64", "wind": "float64"}))


@pytest.mark.parametrize("estimator", ["boosting", "logistic"])
def test_a_candidate_is_compiled_proved_and_better_than_chance(
    rows: Examples, estimator: str
) -> None:
    trained = train(MODEL, estimator, rows)
    assert trained.predictor == "plan"
    assert trained.parity is not None
    assert trained.parity.holds
    assert trained.evaluation.roc_auc is not None
    assert trained.evaluation.roc_auc.lower > 0.6
    assert trained.training_rows + len(trained.test.label) == 3000


def test_a_second_run_gives_the_same_bytes(rows: Examples, tmp_path: Path) -> None:
    for name in ("first", "second"):
        trained = train(MODEL, "boosting", rows)
        write_files(trained, draft(trained, ORIGIN), tmp_path / name)
    for name in ("plan.json", "plan.npz", "golden.json", "evaluation.json", "card.md"):
        first, second = ((tmp_path / one / name).read_bytes() for one in ("first", "second"))
        assert first == second, name


def test_what_cannot_be_compiled_is_served_as_it_is_with_the_reason(
    numbers: Examples, tmp_path: Path
) -> None:
    trained = train(MODEL, "forest", numbers)
    version = draft(trained, ORIGIN)
    write_files(trained, version, tmp_path)
    assert (trained.plan, version.predictor) == (None, "sklearn")
    assert "RandomForestClassifier" in version.reason
    assert "**Warning**" in (tmp_path / "card.md").read_text(encoding="utf-8")
    assert not (tmp_path / "plan.npz").exists()
    found = predict_version(version, tmp_path, numbers.features.slice(0, 50))
    assert len(found) == 50


def test_the_files_answer_as_the_candidate_did(rows: Examples, tmp_path: Path) -> None:
    trained = train(MODEL, "boosting", rows)
    version = draft(trained, ORIGIN)
    write_files(trained, version, tmp_path)
    golden = read_golden(tmp_path)
    assert len(golden.rows) == 64
    replay(golden, Plan.load(tmp_path).predict_one)
    assert (predict_version(version, tmp_path, trained.test.features) == trained.probability).all()
    original = version.replace(predictor="sklearn")
    again = predict_version(original, tmp_path, trained.test.features)
    assert (again == trained.probability).all()


def test_the_card_says_what_a_reader_asks(rows: Examples, tmp_path: Path) -> None:
    trained = train(MODEL, "boosting", rows)
    write_files(trained, draft(trained, ORIGIN), tmp_path)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    for part in ("ops", "abc", "arrivals", "roc_auc", "carrier", "proved equal", "late.", "4f2a"):
        assert part in text
    assert json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))["rows"] == 1000


@pytest.mark.parametrize(
    ("estimator", "message"), [("broken", "cannot be fitted"), ("nothing", "FeatureColumns")]
)
def test_an_estimator_that_fails_is_named(rows: Examples, estimator: str, message: str) -> None:
    with pytest.raises(Invalid, match=message) as caught:
        train(MODEL, estimator, rows)
    assert repr(estimator) in str(caught.value)


def test_a_saved_class_is_built_only_if_it_is_trusted(numbers: Examples, tmp_path: Path) -> None:
    save_estimator(train(MODEL, "strange", numbers).fitted, tmp_path)
    with pytest.raises(Denied, match="Clipped"):
        load_estimator(tmp_path)
    name = f"{Clipped.__module__}.Clipped"
    assert load_estimator(tmp_path, trusted=(name,)) is not None


def test_functions_of_libraries_are_not_trusted(tmp_path: Path) -> None:
    harmless_looking = make_pipeline(FunctionTransformer(np.array_str), SimpleImputer())
    save_estimator(harmless_looking, tmp_path)
    with pytest.raises(Denied, match=r"numpy\.array_str"):
        load_estimator(tmp_path)


def test_a_plain_csv_is_enough(tmp_path: Path) -> None:
    lines = [f"{at},{at % 7 or ''},{'UA' if at % 3 else ''},{at % 5 < 2}" for at in range(600)]
    (tmp_path / "rows.csv").write_text("id,hour,carrier,late\n" + "\n".join(lines))
    table = pyarrow.csv.read_csv(tmp_path / "rows.csv")
    moment = pa.array([EPOCH] * 300 + [from_micros(FORTY_DAYS)] * 300, pa.timestamp("us", "UTC"))
    table = table.append_column("at", moment)
    rows = examples(
        table,
        table,
        label=Label("rows", "late"),
        columns=FeatureColumns({"hour": "int64", "carrier": "string"}),
        join=Join(("id",), "at", "at"),
    )
    for estimator in ("boosting", "logistic"):
        assert train(MODEL, estimator, rows).predictor == "plan"
