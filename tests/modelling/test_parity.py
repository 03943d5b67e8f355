from __future__ import annotations

from typing import TYPE_CHECKING

from tests.modelling.conftest import boosting, logistic

from towpath.modelling.export import export
from towpath.modelling.frame import to_matrix
from towpath.modelling.parity import prove
from towpath.modelling.plan import Plan

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline
    from tests.modelling.conftest import Flights


def fitted(flights: Flights, estimator: Pipeline) -> Pipeline:
    return estimator.fit(to_matrix(flights.table, flights.columns), flights.label)


def test_parity_holds_for_a_true_plan(flights: Flights) -> None:
    for build in (boosting, logistic):
        original = fitted(flights, build(flights.columns))
        plan = export(original, flights.columns)
        found = prove(original, plan, flights.table, columns=flights.columns, threshold=0.5)
        assert found.holds
        assert found.rows == flights.table.num_rows
        assert found.edges > 30


def test_one_threshold_off_by_one_ulp_is_found(flights: Flights) -> None:
    original = fitted(flights, boosting(flights.columns))
    plan = export(original, flights.columns)
    nodes = plan.arrays.nodes.copy()
    wind = 1  # the second number of the matrix
    at = next(at for at, node in enumerate(nodes) if node["column"] == wind)
    nodes["value"][at] *= 1.0 + 2.0**-52
    broken = Plan(plan.layout, plan.arrays._replace(nodes=nodes))
    found = prove(original, broken, flights.table, columns=flights.columns, threshold=0.5)
    assert not found.holds
    assert found.max_difference > 1e-6


def test_a_flipped_missing_branch_is_found(flights: Flights) -> None:
    original = fitted(flights, boosting(flights.columns))
    plan = export(original, flights.columns)
    nodes = plan.arrays.nodes.copy()
    nodes["missing_left"] = 1 - nodes["missing_left"]
    broken = Plan(plan.layout, plan.arrays._replace(nodes=nodes))
    assert not prove(original, broken, flights.table, columns=flights.columns, threshold=0.5).holds


def test_edges_that_the_original_refuses_are_counted(flights: Flights) -> None:
    original = fitted(flights, logistic(flights.columns))
    plan = export(original, flights.columns)
    found = prove(original, plan, flights.table, columns=flights.columns, threshold=0.5)
    assert found.holds
    # Both infinities of each number, and at least those.
    assert found.refused >= 2 * len(flights.columns.numeric)
