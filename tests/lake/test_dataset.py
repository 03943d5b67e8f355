from __future__ import annotations

import subprocess
import sys

import pytest

from towpath.core.errors import Invalid, NotFound
from towpath.core.record import from_json, to_json
from towpath.lake.dataset import Check, Column, Dataset
from towpath.project.yaml import parse_record, write_record

ID = Column("id", "string")
AT = Column("at", "timestamp")
RULE = Check("known", "id <> '?'")
FULL = Dataset(
    "trips",
    (
        Column("id", "string", pattern="T[0-9]+", unique=True, max_length=9),
        Column("cost", "decimal(9,2)", minimum="0.10", maximum=99, sensitivity="confidential"),
        Column("day", "date", minimum="2013-01-01"),
        Column("seats", "int64", allowed=(1, 2), minimum=1, maximum=2),
        Column("plane", "string", references="planes.tailnum"),
        Column("at", "timestamp", maximum="2030-01-01T00:00:00Z"),
    ),
    event_time="at",
    checks=(Check("dear", "cost > 1 OR seats = 2", severity="warn", doc="A seat costs."),),
    freshness="1d12h",
    minimum_rows=1,
    maximum_rows=9,
    batch_severity="warn",
)


def test_a_contract_survives_json(trips: Dataset) -> None:
    assert from_json(to_json(trips), Dataset) == trips
    assert from_json(to_json(FULL), Dataset) == FULL


def test_a_contract_survives_yaml() -> None:
    assert parse_record(write_record(FULL), Dataset, name="trips.yaml") == FULL


def test_a_contract_loads_the_sql_engine_only_for_a_predicate() -> None:
    program = (
        "import sys; from towpath.lake.dataset import *; import towpath.lake.checks;"
        "Dataset('trips', (Column('id', 'string', pattern='a'),)); print('duckdb' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_rejected_rows_are_kept_under_a_contract_that_takes_anything() -> None:
    open_ = FULL.without_checks("trips__rejected")
    assert open_.names == FULL.names
    assert (open_.checks, open_.freshness, open_.minimum_rows, open_.key) == ((), "", None, ())
    assert all(
        one == Column(one.name, one.dtype, nullable=True, sensitivity=one.sensitivity)
        for one in open_.columns
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"columns": (ID, ID)}, "lists the column 'id' twice"),
        ({"columns": (ID,), "key": ("id", "id")}, "lists the key column 'id' twice"),
        ({"columns": (ID,), "key": ("ids",)}, "Did you mean 'id'"),
        ({"columns": (AT,), "event_time": "att"}, "Did you mean 'at'"),
        ({"columns": (ID,), "event_time": "id"}, "is not a timestamp"),
        ({"columns": ()}, "has no columns"),
        ({"columns": (Column("id", "string", nullable=True),), "key": ("id",)}, "is nullable"),
        ({"columns": (ID,), "name": "My Trips"}, "such as 'my_trips'"),
        ({"columns": (Column("l", "list<float64>"),), "key": ("l",)}, "choose another key"),
        ({"columns": (AT,), "freshness": "2d"}, "no event_time to judge by"),
        ({"columns": (AT,), "event_time": "at", "freshness": "soon"}, "not a span"),
        ({"columns": (ID,), "minimum_rows": 2, "maximum_rows": 1}, "batches of 2 to 1 rows"),
        ({"columns": (ID,), "minimum_rows": -1}, "batches of -1"),
        ({"columns": (ID,), "maximum_rows": -1}, "batches of 0 to -1"),
        ({"columns": (ID,), "checks": (RULE, RULE)}, "lists the check 'known' twice"),
        ({"columns": (AT,), "checks": (RULE,)}, "Check 'known' of dataset 'trips': .* \"id\""),
    ],
)
def test_a_contract_that_cannot_hold_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        Dataset(**{"name": "trips", **fields})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dtype": "string", "minimum": 1.0}, "no minimum or maximum"),
        ({"dtype": "date", "allowed": ("a",)}, "no list of allowed values"),
        ({"dtype": "int64", "minimum": 2.0, "maximum": 1.0}, "minimum above its maximum"),
        ({"name": "Fare", "dtype": "int64"}, "such as 'fare'"),
        ({"dtype": "int32"}, "Did you mean 'int64'"),
        ({"dtype": "decimal(39,2)"}, "39 digits"),
        ({"dtype": "decimal(2,3)"}, "3 of them after"),
        ({"dtype": "decimal(0,0)"}, "0 digits"),
        ({"dtype": "decimal(9, 2)"}, "no type"),
        ({"dtype": "list<float64>", "minimum": 0}, "no minimum or maximum"),
        ({"dtype": "int64", "minimum": 0.5}, "bound 0.5 is no value of the type int64"),
        ({"dtype": "int64", "maximum": 2**63}, "is no value"),
        ({"dtype": "int64", "maximum": "9"}, "is no value"),
        ({"dtype": "float64", "minimum": float("nan")}, "is no value"),
        ({"dtype": "decimal(4,2)", "maximum": "0.001"}, "is no value"),
        ({"dtype": "decimal(4,2)", "maximum": 100}, "is no value"),
        ({"dtype": "decimal(4,2)", "maximum": "much"}, "is no value"),
        ({"dtype": "date", "minimum": "yesterday"}, "is no value"),
        ({"dtype": "date", "minimum": 20240101}, "is no value"),
        ({"dtype": "timestamp", "minimum": "2024-01-01T00:00:00"}, "is no value"),
        (
            {"dtype": "date", "minimum": "2024-01-02", "maximum": "2024-01-01"},
            "minimum above its maximum",
        ),
        ({"dtype": "decimal(4,2)", "minimum": "9.5", "maximum": 9}, "minimum above its maximum"),
        ({"dtype": "int64", "allowed": (1, "2")}, "cannot allow '2'"),
        ({"dtype": "int64", "allowed": (True,)}, "cannot allow True"),
        ({"dtype": "string", "allowed": ("a", 1)}, "cannot allow 1"),
        ({"dtype": "int64", "pattern": "a"}, "it has no pattern"),
        ({"dtype": "int64", "max_length": 1}, "it has no max_length"),
        ({"dtype": "string", "max_length": -1}, "negative max_length"),
        ({"dtype": "string", "pattern": "(?=a)"}, "invalid perl operator"),
        ({"dtype": "string", "pattern": "(a)\\1"}, "invalid escape"),
        ({"dtype": "string", "pattern": "a)|(b"}, "unexpected"),
        ({"dtype": "string", "pattern": "\\Qa"}, "missing"),
        ({"dtype": "string", "pattern": "(a{1000}){1000}"}, "repetition size"),
        ({"dtype": "string", "references": "planes"}, "Write it as dataset.column"),
        ({"dtype": "string", "references": "planes.tail.num"}, "Write it as dataset.column"),
        ({"dtype": "string", "references": "Planes.tailnum"}, "Write it as dataset.column"),
        ({"dtype": "list<float64>", "references": "planes.tailnum"}, "cannot be checked"),
        ({"dtype": "list<float64>", "unique": True}, "cannot be checked"),
    ],
)
def test_a_check_that_does_not_fit_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        Column(**{"name": "fare", **fields})  # type: ignore[arg-type]  # wrong on purpose


def test_an_unknown_column_suggests_a_close_one(trips: Dataset) -> None:
    with pytest.raises(NotFound, match="Did you mean 'fare'"):
        trips.column("fares")
