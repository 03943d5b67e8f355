"""Checks over Arrow against the same rules written out row by row."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from towpath.lake.checks import Existing, blocked_rows, check_rows, examples, findings
from towpath.lake.checks.hash import row_hashes
from towpath.lake.checks.unique import find_copies
from towpath.lake.contract import arrow_schema
from towpath.lake.dataset import Check, Column, Dataset

Row = tuple[int | None, str | None, float | None, int, bytes]

TRIPS = Dataset(
    "trips",
    (
        Column("number", "int64", minimum=-1, maximum=3, unique=True, severity="warn"),
        Column("word", "string", allowed=("a", "ab", "b1"), pattern="[a-z]+", max_length=1),
        Column("fare", "float64", nullable=True, minimum=0, unique=True),
        Column("car", "int64", references="cars.id"),
        Column("blob", "binary"),
    ),
    key=("word", "car", "blob"),
    checks=(Check("sum", "number + fare > 0", severity="warn"), Check("new", "car <> number")),
)
CARS = (0, 2)
SMALL = st.integers(-2, 4)
words = st.sampled_from(["a", "ab", "b1", "c", "é", ""])
rows = st.lists(
    st.tuples(
        SMALL | st.none(),
        words | st.none(),
        st.sampled_from([-1.0, -0.0, 0.0, 0.5, 2.0]) | st.none(),
        st.integers(0, 2),
        st.sampled_from([b"", b"\0", b"12345678", b"123456789"]),
    ),
    max_size=12,
)
cuts = st.lists(st.integers(0, 12), max_size=3).map(sorted)


def table(values: list[Row], places: list[int]) -> pa.Table:
    """Make a table of several pieces, each a slice of the whole."""
    columns = list(zip(*values, strict=True)) or [()] * 5
    whole = pa.table(dict(zip(TRIPS.names, columns, strict=True)), schema=arrow_schema(TRIPS))
    edges = [0, *(min(place, len(values)) for place in places), len(values)]
    return pa.concat_tables([whole.slice(start, end - start) for start, end in pairwise(edges)])


def row_failures(row: Row) -> list[str]:
    """Name the checks that a row fails by itself."""
    number, word, fare, car, _ = row
    failed = {
        "not_null number": number is None,
        "minimum number": number is not None and number < -1,
        "maximum number": number is not None and number > 3,
        "not_null word": word is None,
        "allowed word": word is not None and word not in {"a", "ab", "b1"},
        "pattern word": word is not None and re.fullmatch("[a-z]+", word) is None,
        "max_length word": word is not None and len(word) > 1,
        "minimum fare": fare is not None and fare < 0,
        "references car": car not in CARS,
        "sum": number is None or fare is None or number + fare <= 0,
        "new": number is None or car == number,
    }
    return [name for name, wrong in failed.items() if wrong]


def expected(values: list[Row], stored: list[Row]) -> dict[str, list[int]]:
    """Find the failing rows of each check, one row after another."""
    found: dict[str, list[int]] = {}
    warned = {"not_null number", "minimum number", "maximum number", "sum"}
    seen: dict[str, set[object]] = {"unique number": set(), "unique fare": set(), "key": set()}
    for place, row in [*((-1, one) for one in stored), *enumerate(values)]:
        number, word, fare, car, blob = row
        failed = row_failures(row) if place >= 0 else []
        for name in failed:
            found.setdefault(name, []).append(place)
        if set(failed) - warned:
            continue
        marks = {"unique number": number, "unique fare": fare, "key": (word, car, blob)}
        for name, mark in marks.items():
            if mark is not None and mark in seen[name] and place >= 0:
                found.setdefault(name, []).append(place)
            seen[name].add(mark)
    return found


@given(rows, rows, cuts)
def test_each_check_fails_the_rows_that_a_loop_would_fail(
    values: list[Row], stored: list[Row], places: list[int]
) -> None:
    existing = Existing(TRIPS, table(stored, places).select(list(TRIPS.identity)))
    given_ = table(values, places)
    failures = check_rows(TRIPS, given_, existing=existing, lookup=lambda *_: pa.array(CARS))
    found: dict[str, list[int]] = {}
    for one in failures:
        column = one.subject.rpartition(".")[2]
        name = {"unique_key": "key", "sum": "sum", "new": "new"}.get(
            one.check, f"{one.check} {column}"
        )
        if len(one.rows):
            found[name] = one.rows.tolist()
    assert found == expected(values, stored)
    counts = [one.observed for one in findings(failures)]
    assert counts == [len(one.rows) for one in failures]
    blocked = blocked_rows(failures, len(values))
    shown = examples(failures, given_, 1)
    assert len(shown) == sum(count > 0 for count in counts if isinstance(count, int))
    assert all(blocked[one.rows].all() for one in failures if one.severity == "block")


KINDS: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3),
    "string": st.text(max_size=20) | st.sampled_from(["a" * 8, "a" * 9, "a" * 16, "b" * 17]),
    "binary": st.binary(max_size=20),
    "float64": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "date32[day]": st.dates(),
    "decimal128(20, 2)": st.decimals(-(10**15), 10**15, places=2),
}
TYPES: dict[str, pa.DataType] = {
    "int64": pa.int64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date32[day]": pa.date32(),
    "decimal128(20, 2)": pa.decimal128(20, 2),
}


@given(st.data(), st.sampled_from(sorted(KINDS)), cuts)
def test_equal_values_hash_alike_and_copies_are_found(
    data: st.DataObject, kind: str, places: list[int]
) -> None:
    values = data.draw(st.lists(KINDS[kind] | st.none(), max_size=12))
    whole = pa.table({"value": pa.array(values, TYPES[kind])})
    edges = [0, *(min(place, len(values)) for place in places), len(values)]
    pieces = [whole.slice(start, end - start) for start, end in pairwise(edges)]
    column = pa.concat_tables(pieces)["value"]
    hashes = row_hashes([column])
    same = [[left == right for right in values] for left in values]
    assert all(hashes[i] == hashes[j] for i, row in enumerate(same) for j in np.flatnonzero(row))
    skipped = find_copies([column], skip_null=True)
    assert skipped.rows.tolist() == [
        place for place, one in enumerate(values) if one is not None and values.count(one) > 1
    ]
    kept = find_copies([column, column])
    assert kept.rows.tolist() == [
        place for place, one in enumerate(values) if values.count(one) > 1
    ]
