from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.core.errors import Contract
from towpath.serving.live import Taken, load_deployment
from towpath.serving.pointer import Deployment
from towpath.serving.score import score

if TYPE_CHECKING:
    from tests.serving.conftest import FlightProject

    from towpath.serving.live import Loaded

SCHEMA = {"number": "float64", "late": "bool", "carrier": "string"}
ROWS = pa.table(
    {
        "flight_id": ["f1", "f2", "f3", "f4"],
        "at": pa.array([10, 20, 30, 40], pa.timestamp("us", "UTC")),
        "number": [1.0, -2.0, 0.1, float("inf")],
        "late": [True, None, False, None],
        "carrier": ["UA", None, "B6", "AA"],
    }
)


@pytest.fixture
def loaded(project: FlightProject) -> Loaded:
    arms = (
        project.bundle(1).replace(share=0.5),
        project.bundle(2, weight=0.02).replace(alias="challenger", share=0.5),
    )
    return load_deployment(Deployment("delay", arms), Taken(SCHEMA), artifacts=project.artifacts)


def test_rows_are_answered_by_the_arm_of_their_key(loaded: Loaded) -> None:
    rows = score(loaded, ROWS, key=["flight_id"], at="at").to_pylist()
    for row, number in zip(rows, ROWS["number"].to_pylist(), strict=True):
        place = loaded.place(row["key"].encode())
        values = [number, None, None]
        assert row["arm"] == ("champion", "challenger")[place]
        assert row["probability"] == loaded.bundles[place].predictor.predict_one(values)
        assert row["decision"] == (row["probability"] >= 0.5)


def test_row_is_logged_at_the_time_that_it_predicts_at(loaded: Loaded) -> None:
    found = score(loaded, ROWS, key=["flight_id"], at="at")
    assert found["at"].to_pylist() == ROWS["at"].to_pylist() == found["logged_at"].to_pylist()


def test_features_read_back_as_they_were(loaded: Loaded) -> None:
    found = score(loaded, ROWS, key=["flight_id"], at="at")["features"].to_pylist()
    assert json.loads(str(found[0])) == {"number": 1.0, "late": True, "carrier": "UA"}
    assert json.loads(str(found[2]))["number"] == 0.1
    assert json.loads(str(found[3])) == {"number": "inf", "late": None, "carrier": "AA"}


def test_same_rows_give_the_same_table(loaded: Loaded) -> None:
    first, second = (score(loaded, ROWS, key=["flight_id"], at="at") for _ in range(2))
    assert first.equals(second)
    assert len(set(first["id"].to_pylist())) == 4


def test_missing_feature_is_named(loaded: Loaded) -> None:
    with pytest.raises(Contract, match="'carrier'"):
        score(loaded, ROWS.drop_columns(["carrier"]), key=["flight_id"], at="at")
