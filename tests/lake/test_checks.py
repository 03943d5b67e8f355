from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.core.errors import Contract, Invalid, NotFound
from towpath.lake.checks import Existing, blocked_rows, check_rows, examples, findings, reasons
from towpath.lake.contract import arrow_schema
from towpath.lake.dataset import Check, Column, Dataset

if TYPE_CHECKING:
    from towpath.lake.checks import Failure

DAY = date(2024, 1, 1)
AT = datetime(2024, 1, 1, tzinfo=UTC)


def column(dtype: str, **checks: object) -> Dataset:
    return Dataset("things", (Column("value", dtype, nullable=True, **checks),))  # type: ignore[arg-type]  # of any check


def rows(dataset: Dataset, *values: object) -> pa.Table:
    return pa.table({"value": list(values)}, schema=arrow_schema(dataset))


def failing(failures: list[Failure]) -> dict[str, list[int]]:
    return {one.check: one.rows.tolist() for one in failures if len(one.rows)}


@pytest.mark.parametrize(
    ("dataset", "values", "expected"),
    [
        (column("int64", minimum=0), [0, -1, None], {"minimum": [1]}),
        (column("int64", maximum=2**62 + 1), [2**62 + 1, 2**62 + 2], {"maximum": [1]}),
        (column("decimal(9,2)", minimum="0.10"), [Decimal("0.10"), Decimal("0.09")], [1]),
        (column("decimal(9,2)", maximum=0.3), [Decimal("0.30"), Decimal("0.31")], [1]),
        (column("date", minimum="2024-01-01"), [DAY, date(2023, 12, 31), None], [1]),
        (column("timestamp", maximum="2024-01-01T02:00:00+02:00"), [AT, AT.replace(hour=1)], [1]),
        (column("string", allowed=("a", "b")), ["a", "c", None, "b"], {"allowed": [1]}),
        (column("int64", allowed=(1, 2)), [1, 3, None, 2], {"allowed": [1]}),
        (column("string", pattern="[a-z]+"), ["ab", "ab1", "1ab", "ab\n", None], [1, 2, 3]),
        (column("string", pattern="a|ab"), ["a", "ab", "abc", ""], [2, 3]),
        (column("string", max_length=2), ["éé", "ééé", "ab", None, "abc"], [1, 4]),
        (column("string", max_length=0), ["", "a"], [1]),
        (column("string", unique=True), ["a", "b", "a", None, None, "a"], {"unique": [2, 5]}),
        (column("bool", unique=True), [True, False, None, True], [3]),
        (column("binary", unique=True), [b"a", b"a\0", b"a", b""], [2]),
        (column("float64", unique=True), [0.0, 1.5, -0.0, 1.5], [2, 3]),
        (column("decimal(9,2)", unique=True), [Decimal(1), Decimal(2), Decimal(1)], [2]),
        (column("date", unique=True), [DAY, None, DAY], [2]),
        (column("timestamp", unique=True), [AT, AT], [1]),
    ],
)
def test_a_check_finds_the_rows_that_fail_it(
    dataset: Dataset, values: list[object], expected: dict[str, list[int]] | list[int]
) -> None:
    found = failing(check_rows(dataset, rows(dataset, *values)))
    assert (found if isinstance(expected, dict) else next(iter(found.values()))) == expected
    assert len(found) == 1


def test_checks_look_at_every_piece_of_a_table() -> None:
    dataset = column("string", pattern="a+", unique=True, max_length=3)
    whole = rows(dataset, "a", "b", "aa", "aaaa", "aa", None)
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 2), whole.slice(3)])
    expected = {"pattern": [1], "max_length": [3], "unique": [4]}
    assert failing(check_rows(dataset, pieces)) == expected
    assert failing(check_rows(dataset, pieces.slice(2))) == {
        "max_length": [1],
        "unique": [2],
    }


def test_a_text_that_repeats_is_matched_as_one_that_does_not() -> None:
    dataset = column("string", pattern="[a-y]")
    table = rows(dataset, *[*"abz", None] * 20_000)
    assert failing(check_rows(dataset, table)) == {"pattern": list(range(2, 80_000, 4))}


def test_an_empty_table_fails_nothing() -> None:
    columns = (Column("value", "string", pattern="a", unique=True, max_length=1, allowed=("a",)),)
    dataset = Dataset("things", columns, key=("value",), checks=(Check("ok", "value = 'a'"),))
    assert failing(check_rows(dataset, arrow_schema(dataset).empty_table())) == {}


def test_a_repeat_of_a_rejected_row_is_no_repeat() -> None:
    dataset = column("int64", minimum=0, unique=True).replace(checks=(Check("x", "value <> 3"),))
    table = rows(dataset, -1, -1, 2, 3, 3, 2)
    found = failing(check_rows(dataset, table))
    assert found == {"minimum": [0, 1], "x": [3, 4], "unique": [5]}


def test_values_are_compared_with_stored_ones() -> None:
    dataset = column("int64", unique=True)
    existing = Existing(dataset, rows(dataset, 7, None, 8))
    found = failing(check_rows(dataset, rows(dataset, 8, None, 9, 9), existing=existing))
    assert found == {"unique": [0, 3]}


def test_rising_keys_after_the_stored_ones_are_new() -> None:
    dataset = Dataset("things", (Column("value", "int64"),), key=("value",))
    existing = Existing(dataset, rows(dataset, 1, 2, 3))
    assert failing(check_rows(dataset, rows(dataset, 4, 5), existing=existing)) == {}
    assert failing(check_rows(dataset, rows(dataset, 3, 4), existing=existing)) == {
        "unique_key": [0]
    }


def test_values_must_be_known_to_the_other_dataset() -> None:
    dataset = column("string", references="planes.tailnum")
    planes = {("planes", "tailnum"): pa.chunked_array([["N1"], ["N2", None]])}
    table = rows(dataset, "N2", "N3", None, "N1")
    failures = check_rows(dataset, table, lookup=lambda *name: planes.get(name))
    assert failing(failures) == {"references": [1]}
    assert failures[0].reason == "value is not among planes.tailnum"


def test_a_reference_to_a_dataset_without_data_is_an_error() -> None:
    dataset = column("string", references="planes.tailnum")
    with pytest.raises(NotFound, match=r"dataset 'planes' has no data\. Ingest planes first"):
        check_rows(dataset, rows(dataset, "N1"))


def test_a_reference_to_a_column_of_another_type_is_an_error() -> None:
    dataset = column("string", references="planes.number")
    with pytest.raises(Invalid, match="Give both columns one type"):
        check_rows(dataset, rows(dataset, "N1"), lookup=lambda *_: pa.array([1]))


def test_a_dataset_may_refer_to_its_own_rows() -> None:
    people = Dataset(
        "people",
        (Column("id", "int64"), Column("boss", "int64", nullable=True, references="people.id")),
    )
    table = pa.table({"id": [1, 2, 3], "boss": [None, 1, 9]})
    assert failing(check_rows(people, table)) == {"references": [2]}
    stored = check_rows(people, table, lookup=lambda *_: pa.array([9]))
    assert failing(stored) == {}


def test_a_predicate_that_is_null_fails() -> None:
    dataset = column("int64").replace(checks=(Check("odd", "value % 2 = 1", severity="warn"),))
    failures = check_rows(dataset, rows(dataset, 1, 2, None))
    assert failing(failures) == {"odd": [1, 2]}
    assert not blocked_rows(failures, 3).any()
    assert findings(failures)[0].message == "2 rows: breaks odd: value % 2 = 1"


def test_a_predicate_that_cannot_be_computed_is_an_error() -> None:
    dataset = column("string").replace(checks=(Check("even", "value::int % 2 = 0"),))
    with pytest.raises(Contract, match="TRY_CAST"):
        check_rows(dataset, rows(dataset, "2", "two"))


def test_rows_of_several_predicates_are_kept_apart() -> None:
    rules = (Check("low", "value < 90000"), Check("high", "value >= 10"))
    dataset = column("int64").replace(checks=rules)
    table = rows(dataset, *range(100_000))
    found = failing(check_rows(dataset, table))
    assert found == {"low": list(range(90_000, 100_000)), "high": list(range(10))}


def test_reasons_are_in_the_order_of_the_checks() -> None:
    dataset = column("string", pattern="[a-z]+", max_length=2)
    failures = check_rows(dataset, rows(dataset, "ABC", "ab"))
    told = reasons(failures, blocked_rows(failures, 2))
    assert told == ["value does not match [a-z]+; value is longer than 2 characters"]


def test_examples_show_the_first_failing_rows_with_their_values() -> None:
    rules = (Check("sane", "value < 2 OR value > 3"),)
    dataset = column("int64", minimum=0).replace(checks=rules)
    table = rows(dataset, 1, -1, 2, -2, -3)
    failures = check_rows(dataset, table)
    shown = examples(failures, table, 2, first=2)
    assert [(one.check, one.row, one.values) for one in shown] == [
        ("minimum", 3, {"value": -1}),
        ("minimum", 5, {"value": -2}),
        ("sane", 4, {"value": 2}),
    ]
    assert shown[0].reason == "value is below 0"


def test_examples_of_a_key_show_the_whole_key() -> None:
    columns = (Column("x", "int64"), Column("y", "string"), Column("z", "bool", nullable=True))
    dataset = Dataset("pairs", columns, key=("x", "y"))
    table = pa.table({"x": [1, 1], "y": ["a", "a"], "z": [True, None]})
    shown = examples(check_rows(dataset, table), table)
    assert [one.values for one in shown] == [{"x": 1, "y": "a"}]


def test_a_wide_key_is_compared_as_a_whole() -> None:
    columns = (Column("x", "int64"), Column("y", "string"), Column("at", "timestamp"))
    dataset = Dataset("pairs", columns, key=("x", "y", "at"))
    table = pa.table(
        {"x": [1, 1, 1, 1], "y": ["a", "b", "a", "a"], "at": pa.array([AT] * 4)},
        schema=arrow_schema(dataset),
    )
    table = table.set_column(0, "x", pa.array([1, 1, 2, 1]))
    assert failing(check_rows(dataset, table)) == {"unique_key": [3]}
