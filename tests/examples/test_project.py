"""The definitions of the flights project fit each other, and its clock is New York's."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from towpath.core.instant import to_micros
from towpath.features.derived import bind_sql, evaluate, evaluate_sql
from towpath.features.expression.vector import vector_from
from towpath.features.feature_set import feature_schema
from towpath.features.training import training_set
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.examples import Join, examples
from towpath.modelling.train import train
from towpath.pipelines.graph import order
from towpath.project.check import check_project
from towpath.project.load import Project, load_function
from towpath.workspace import Workspace

EXAMPLE = Path(__file__).parents[2] / "examples" / "nycflights"


@pytest.fixture(scope="module")
def project() -> Project:
    """The project as it is in the repository."""
    return Project(EXAMPLE)


def derived_feature(project: Project, name: str, *inputs: object) -> list[float]:
    """Compute one of the derived features."""
    found = {one.name: one for one in project.feature_sets["flight_delay"].derived}[name]
    columns = {name: np.array(one) for name, one in zip(found.inputs, inputs, strict=True)}
    values: list[float] = evaluate(found, columns, rows=len(columns[found.inputs[0]]))[0].tolist()
    return values


def test_every_definition_fits_the_others(project: Project) -> None:
    check_project(project)
    assert sorted(project.datasets) == [
        "airports",
        "arrivals",
        "departures",
        "planes",
        "schedule",
        "weather",
    ]


def test_features_cover_every_entity_and_span(project: Project) -> None:
    feature_set = project.feature_sets["flight_delay"]
    schema = feature_schema(feature_set, project.views, project.datasets)
    keys = {key for ref in feature_set.refs for key in project.views[ref.view].keys}
    assert len(schema) >= 25
    assert {"carrier", "origin", "destination", "route", "tail_number"} <= {
        *keys,
        *feature_set.columns,
    }
    assert any(name.endswith("_3h") for name in schema)
    assert any(name.endswith("_30d") for name in schema)


def test_nothing_of_the_flight_itself_but_its_timetable_is_a_feature(project: Project) -> None:
    feature_set = project.feature_sets["flight_delay"]
    outcomes = {*project.datasets["departures"].names, *project.datasets["arrivals"].names}
    outcomes -= set(project.datasets["schedule"].names)
    assert not outcomes & set(feature_set.columns)
    for ref in feature_set.refs:
        assert "flight_id" not in project.views[ref.view].keys


def test_the_pipeline_trains_the_baseline_before_boosting_challenges_it(project: Project) -> None:
    steps = [step.id for step in order(project.pipelines["train"])]
    assert steps.index("promote_baseline") < steps.index("train_boosting")
    assert steps.index("materialize") < steps.index("promote_boosting")


@pytest.mark.parametrize("year", [2008, 2013, 2024])
def test_hour_and_weekday_are_those_of_new_york_all_year(project: Project, year: int) -> None:
    start = datetime(year, 1, 1, tzinfo=UTC)
    instants = [start + timedelta(minutes=30 * step) for step in range(2 * 24 * 366)]
    micros = [to_micros(instant) for instant in instants]
    local = [instant.astimezone(ZoneInfo("America/New_York")) for instant in instants]
    assert derived_feature(project, "hour", micros) == [one.hour for one in local]
    assert derived_feature(project, "weekday", micros) == [one.weekday() for one in local]


def test_an_aircraft_of_unknown_age_has_none(project: Project) -> None:
    at = to_micros(datetime(2013, 12, 31, 23, 59, tzinfo=UTC))
    derived = {one.name: one for one in project.feature_sets["flight_delay"].derived}
    types = {"predict_at": "timestamp", "aircraft__year": "int64"}
    columns = {
        "predict_at": vector_from([at, at], "timestamp"),
        "aircraft__year": vector_from([1998, None], "int64"),
    }
    bound = bind_sql(derived["aircraft_age"], types)
    values, present = evaluate_sql(bound, columns, rows=2)
    assert bound.dtype == "float64"
    assert values[0] == 15
    assert present.tolist() == [True, False]


@pytest.mark.slow
def test_boosting_is_as_good_as_an_honest_model_and_no_better(
    tmp_path: Path,
) -> None:
    """Below 0.70 the features are broken; above 0.80 something of the future leaked."""
    root = tmp_path / "nycflights"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("data", ".towpath"))
    with Workspace(root) as workspace:
        project = workspace.project
        load_function(root, "prepare.py:main")(root)
        reports = [workspace.lake.ingest(name) for name in project.datasets]
        feature_set, model = project.feature_sets["flight_delay"], project.models["delay"]
        table = training_set(
            workspace.lake,
            feature_set,
            project.views,
            spine=workspace.lake["schedule"].scan(),
            engine=workspace.engine,
        )
        rows = examples(
            table,
            workspace.lake["arrivals"].scan(["flight_id", "known_at", "late"]),
            label=model.label,
            columns=FeatureColumns(feature_schema(feature_set, project.views, project.datasets)),
            join=Join(("flight_id",), "predict_at", "known_at"),
        )
    trained = train(model, "boosting", rows)
    assert {one.dataset: one.rejected for one in reports if one.rejected} == {"weather": 1}
    assert 0.70 < trained.evaluation.metrics["roc_auc"].value < 0.80
    assert trained.evaluation.log_loss.value < trained.evaluation.base_log_loss
    assert trained.predictor == "plan"
