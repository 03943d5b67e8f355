from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.modelling.conftest import boosting

from towpath.core.errors import Contract, Invalid
from towpath.modelling.export import export
from towpath.modelling.frame import to_matrix
from towpath.modelling.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.modelling.conftest import Flights

# numba loads the bare scipy package, which is light; its parts are not.
FORBIDDEN = ("pandas", "sklearn", "mlflow", "scipy.stats", "scipy.special")


@pytest.fixture(scope="module")
def plan(flights: Flights) -> Plan:
    matrix = to_matrix(flights.table, flights.columns)
    return export(boosting(flights.columns).fit(matrix, flights.label), flights.columns)


def test_a_saved_plan_answers_the_same(plan: Plan, flights: Flights, tmp_path: Path) -> None:
    plan.save(tmp_path)
    loaded = Plan.load(tmp_path)
    assert loaded.layout == plan.layout
    assert list(loaded.layout.schema) == list(flights.columns.names)
    assert (loaded.predict(flights.table) == plan.predict(flights.table)).all()


def test_the_same_plan_has_the_same_bytes(plan: Plan, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        plan.save(tmp_path / folder)
    for name in ("plan.json", "plan.npz"):
        first, second = ((tmp_path / one / name).read_bytes() for one in ("first", "second"))
        assert first == second


@pytest.mark.parametrize("name", ["plan.json", "plan.npz"])
def test_a_damaged_plan_is_refused(plan: Plan, tmp_path: Path, name: str) -> None:
    plan.save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-30])
    with pytest.raises(Contract, match="cannot be read"):
        Plan.load(tmp_path)


def test_no_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Contract):
        Plan.load(tmp_path)


def test_too_few_values_are_refused(plan: Plan) -> None:
    with pytest.raises(Invalid, match="takes 4 values and got 2"):
        plan.predict_one([1, "UA"])


def test_a_value_of_the_wrong_type_is_named(plan: Plan) -> None:
    with pytest.raises(Invalid, match="'wind' is a str"):
        plan.predict_one([1, "UA", "strong", True])


def test_a_missing_column_is_named(plan: Plan, flights: Flights) -> None:
    with pytest.raises(Contract, match="no column 'wind'"):
        plan.predict(flights.table.drop_columns(["wind"]))


def test_the_kind_of_text_column_does_not_matter(plan: Plan, flights: Flights) -> None:
    wanted = plan.predict(flights.table)
    at = flights.table.column_names.index("carrier")
    for dtype in (pa.dictionary(pa.int32(), pa.string()), pa.large_string()):
        carrier = flights.table["carrier"].cast(dtype)
        other = flights.table.set_column(at, "carrier", carrier)
        assert (plan.predict(other) == wanted).all()


def test_a_server_loads_plans_without_the_heavy_libraries() -> None:
    script = "import sys, towpath.modelling.plan; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    loaded = done.stdout.decode().split()
    assert not [name for name in FORBIDDEN if name in loaded]
