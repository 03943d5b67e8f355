from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.core.errors import Contract, Invalid
from towpath.lake.checks import Existing, blocked_rows, check_rows, findings, reasons
from towpath.lake.column_types import PLAIN, arrow_type, dtype_of
from towpath.lake.contract import conform
from towpath.lake.dataset import Column, Dataset

ORIGIN = "rows"


def one_column(dtype: str) -> Dataset:
    return Dataset("things", (Column("value", dtype, nullable=True),))


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("bool", pa.array([True, None])),
        ("int64", pa.array([1, None], pa.uint8())),
        ("int64", pa.array([1.0, float("nan")])),
        ("float64", pa.array([1, None], pa.int32())),
        ("string", pa.array(["a", None], pa.large_string())),
        ("string", pa.array(["a", None], pa.string_view())),
        ("date", pa.array([0, None], pa.date64())),
        ("timestamp", pa.array([0, None], pa.timestamp("s", "Asia/Tokyo"))),
        ("int64", pa.nulls(2)),
        ("decimal(9,2)", pa.array([Decimal("1.5"), None], pa.decimal256(50, 1))),
        ("decimal(9,2)", pa.array([9_999_999, None])),
        ("decimal(38,30)", pa.array([9_999_999, None])),
        ("binary", pa.array([b"ab", None], pa.binary(2))),
        ("binary", pa.array([b"ab", None], pa.large_binary())),
        ("list<float64>", pa.array([[1, 2], None], pa.list_(pa.int8(), 2))),
        ("list<float64>", pa.array([[None], None], pa.large_list(pa.null()))),
    ],
)
def test_values_of_the_same_meaning_are_taken(dtype: str, values: pa.Array) -> None:  # type: ignore[type-arg]  # of any kind
    table = conform(one_column(dtype), pa.table({"value": values}), origin=ORIGIN)
    assert table["value"].to_pylist()[1] is None


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int64", pa.array(["1"])),
        ("int64", pa.array([1.5])),
        ("int64", pa.array([2**63], pa.uint64())),
        ("bool", pa.array([1])),
        ("string", pa.array([1])),
        ("timestamp", pa.array(["2013-01-01T00:00:00Z"])),
        ("timestamp", pa.array([1], pa.timestamp("ns", "UTC"))),
        ("date", pa.array([0], pa.timestamp("us", "UTC"))),
        ("decimal(9,2)", pa.array([Decimal("0.001")])),
        ("decimal(4,2)", pa.array([100])),
        ("decimal(4,2)", pa.array([Decimal(100)])),
        ("decimal(4,2)", pa.array([0.1])),
        ("decimal(4,2)", pa.array(["0.1"])),
        ("binary", pa.array(["ab"])),
        ("string", pa.array([b"ab"])),
        ("list<float64>", pa.array([["a"]])),
        ("list<float64>", pa.array([1.5])),
    ],
)
def test_values_that_would_change_are_refused(dtype: str, values: pa.Array) -> None:  # type: ignore[type-arg]  # of any kind
    with pytest.raises(Contract, match="'value'"):
        conform(one_column(dtype), pa.table({"value": values}), origin=ORIGIN)


@pytest.mark.parametrize("dtype", [*PLAIN, "decimal(1,0)", "decimal(38,38)"])
def test_each_type_is_known_by_its_arrow_type(dtype: str) -> None:
    assert dtype_of(arrow_type(dtype)) == dtype


@pytest.mark.parametrize(
    "kind",
    [
        pa.time32("s"),
        pa.duration("s"),
        pa.timestamp("us"),
        pa.struct([]),
        pa.list_(pa.string()),
        pa.decimal256(39, 0),
        pa.decimal128(9, -1),
        pa.dictionary(pa.int8(), pa.int64()),
    ],
)
def test_other_types_have_no_place_in_a_contract(kind: pa.DataType) -> None:
    assert dtype_of(kind) is None


def test_a_naive_timestamp_is_refused() -> None:
    naive = pa.table({"value": pa.array([datetime(2013, 1, 1)])})  # noqa: DTZ001  # wrong on purpose
    with pytest.raises(Invalid, match="without a time zone"):
        conform(one_column("timestamp"), naive, origin=ORIGIN)


def rows_of(trips: Dataset, *rows: tuple[object, ...]) -> pa.Table:
    at = datetime(2013, 1, 1, tzinfo=UTC)
    full = [dict(zip(trips.names, (*row, at)[:4], strict=True)) for row in rows]
    return conform(trips, pa.Table.from_pylist(full), origin=ORIGIN)


def test_each_failing_row_is_told_why(trips: Dataset) -> None:
    table = rows_of(
        trips, (1, -1.0, "dusk"), (2, 501.0, None), (None, None, "day"), (4, 0.0, "day")
    )
    failures = check_rows(trips, table)
    blocked = blocked_rows(failures, table.num_rows)
    assert blocked.tolist() == [True, True, True, False]
    assert reasons(failures, blocked) == [
        "fare is below 0.0; kind is not an allowed value",
        "fare is above 500.0",
        "id is null",
    ]


def test_a_warning_keeps_the_row_and_counts_it(trips: Dataset) -> None:
    columns = tuple(column.replace(severity="warn") for column in trips.columns)
    failures = check_rows(trips.replace(columns=columns), rows_of(trips, (1, -1.0, "day")))
    assert not blocked_rows(failures, 1).any()
    failed = [one for one in findings(failures) if not one.passed]
    assert [(one.check, one.subject, one.observed) for one in failed] == [
        ("minimum", "trips.fare", 1)
    ]


def test_of_rows_with_one_key_the_first_valid_one_is_kept(trips: Dataset) -> None:
    table = rows_of(trips, (1, -1.0, "day"), (1, 1.0, "day"), (1, 2.0, "day"), (2, 1.0, "day"))
    failures = check_rows(trips, table)
    assert blocked_rows(failures, 4).tolist() == [True, False, True, False]
    assert "key id is that of an earlier row" in reasons(failures, blocked_rows(failures, 4))[1]


@given(
    keys=st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"))),
    stored=st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"))),
)
def test_repeated_keys_are_those_a_set_would_find(
    keys: list[tuple[int, str]], stored: list[tuple[int, str]]
) -> None:
    dataset = Dataset("pairs", (Column("x", "int64"), Column("y", "string")), key=("x", "y"))
    seen, expected = set(stored), []
    for key in keys:
        expected.append(key in seen)
        seen.add(key)
    failures = check_rows(dataset, _pairs(keys), existing=Existing(dataset, _pairs(stored)))
    assert blocked_rows(failures, len(keys)).tolist() == expected


def _pairs(keys: list[tuple[int, str]]) -> pa.Table:
    return pa.table(
        {
            "x": pa.array([x for x, _ in keys], pa.int64()),
            "y": pa.array([y for _, y in keys], pa.string()),
        }
    )
