from __future__ import annotations

import math
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.core.errors import Contract, NotFound
from towpath.core.record import from_json, to_json
from towpath.lake.difference import Difference, TypeChange, difference

SCHEMA = pa.table(
    {
        "a": pa.array([], pa.int64()),
        "b": pa.array([], pa.string()),
        "fare": pa.array([], pa.float64()),
        "list": pa.array([], pa.list_(pa.float64())),
        "flag": pa.array([], pa.bool_()),
    }
).schema
FARES = st.sampled_from([None, 0.0, -0.0, 1.5, math.nan])
ROW = st.fixed_dictionaries(
    {
        "a": st.integers(0, 3),
        "b": st.sampled_from(["x", "y", "z"]),
        "fare": FARES,
        "list": st.none() | st.lists(st.sampled_from([0.0, 1.0]), max_size=2),
        "flag": st.none() | st.booleans(),
    }
)


def table(rows: list[dict[str, Any]], cut: int = 0) -> pa.Table:
    return pa.concat_tables(pa.Table.from_pylist(part, SCHEMA) for part in (rows[:cut], rows[cut:]))


def plain(row: dict[str, Any]) -> tuple[Any, ...]:
    """A row by its values; what is not a number is missing."""
    return tuple(
        None
        if isinstance(value, float) and math.isnan(value)
        else tuple(value)
        if isinstance(value, list)
        else value
        for value in (row[name] for name in SCHEMA.names)
    )


@given(before=st.lists(ROW, max_size=12), after=st.lists(ROW, max_size=12), cut=st.integers(0, 12))
def test_rows_without_a_key_are_counted_as_a_naive_count_does(
    before: list[dict[str, Any]], after: list[dict[str, Any]], cut: int
) -> None:
    found = difference(table(before, cut), table(after), examples=99)
    old, new = Counter(map(plain, before)), Counter(map(plain, after))
    assert found.added == (new - old).total()
    assert found.removed == (old - new).total()
    assert found.unchanged == (old & new).total()
    assert found.same == (old == new)
    for rows, counted in ((found.added_rows, new - old), (found.removed_rows, old - new)):
        assert Counter((row["a"], row["b"]) for row in rows) == Counter(
            (row[0], row[1]) for row in counted.elements()
        )


@given(
    before=st.lists(ROW, unique_by=lambda row: (row["a"], row["b"])),
    after=st.lists(ROW, unique_by=lambda row: (row["a"], row["b"])),
    cut=st.integers(0, 12),
)
def test_rows_with_a_key_are_matched_as_a_naive_loop_does(
    before: list[dict[str, Any]], after: list[dict[str, Any]], cut: int
) -> None:
    found = difference(table(before, cut), table(after), ("a", "b"), examples=99)
    old = {(row["a"], row["b"]): plain(row) for row in before}
    new = {(row["a"], row["b"]): plain(row) for row in after}
    both = old.keys() & new.keys()
    changed = {key for key in both if old[key] != new[key]}
    assert (found.added, found.removed) == (len(new.keys() - both), len(old.keys() - both))
    assert (found.changed, found.unchanged) == (len(changed), len(both) - len(changed))
    assert {(one.key["a"], one.key["b"]) for one in found.changed_rows} == changed
    cells = Counter(cell.column for row in found.changed_rows for cell in row.cells)
    assert cells == found.cells_changed
    assert {(row["a"], row["b"]) for row in found.added_rows} == new.keys() - both


def test_columns_that_came_went_or_changed_are_named() -> None:
    before = pa.table({"id": [1], "old": [1], "size": [1], "_seq": [0]})
    after = pa.table({"id": [1], "new": ["a"], "size": [1.0], "_seq": [1]})
    found = difference(before, after, ["id"])
    assert (found.columns_added, found.columns_removed) == (("new",), ("old",))
    assert found.columns_changed == (TypeChange("size", "int64", "float64"),)
    assert (found.unchanged, found.same) == (1, False)


def test_changes_are_shown_with_old_and_new_values_and_survive_json() -> None:
    at = [datetime(2013, 10, 1, hour, tzinfo=UTC) for hour in range(2)]
    before = pa.table({"id": [1, 2], "at": pa.array(at, pa.timestamp("us", "UTC"))})
    after = pa.table({"id": [2, 1], "at": pa.array([None, at[0]], pa.timestamp("us", "UTC"))})
    found = difference(before, after, ["id"])
    row = found.changed_rows[0]
    assert (row.key, row.cells[0].before, row.cells[0].after) == (
        {"id": 2},
        "2013-10-01T01:00:00Z",
        None,
    )
    assert from_json(to_json(found), Difference) == found


def test_texts_by_dictionary_are_texts() -> None:
    texts = pa.array(["a", None, "b"])
    before, after = pa.table({"v": texts}), pa.table({"v": texts.dictionary_encode()})
    assert difference(before, after).same


def test_only_so_many_rows_are_shown() -> None:
    found = difference(pa.table({"id": range(50)}), pa.table({"id": range(50, 99)}), examples=3)
    assert (len(found.added_rows), len(found.removed_rows)) == (3, 3)
    assert (found.added, found.removed) == (49, 50)


def test_a_key_that_two_rows_share_is_refused() -> None:
    good, bad = pa.table({"id": [1, 2]}), pa.table({"id": [7, 7]})
    for before, after in ((good, bad), (bad, good)):
        with pytest.raises(Contract, match=r"key id is shared by 2 rows, such as id 7"):
            difference(before, after, ["id"])


def test_a_key_that_a_table_lacks_is_named() -> None:
    with pytest.raises(NotFound, match=r"key column 'ids'.*Did you mean 'id'"):
        difference(pa.table({"id": [1]}), pa.table({"id": [1]}), ["ids"])
    with pytest.raises(NotFound, match="of one type"):
        difference(pa.table({"id": [1]}), pa.table({"id": ["1"]}), ["id"])


def test_empty_tables_are_the_same() -> None:
    empty = pa.table({"id": pa.array([], pa.int64())})
    assert difference(empty, empty).same
    assert difference(empty, empty, ["id"]).same
    assert difference(empty, pa.table({"id": [1]}), ["id"]).added == 1


@pytest.mark.slow
def test_a_million_rows_are_compared_in_seconds() -> None:
    rows = 1_000_000
    random = np.random.default_rng(3)
    note = pa.array(np.char.add("note ", np.arange(rows).astype(str)))
    before = pa.table({"id": np.arange(rows), "fare": random.random(rows), "note": note})
    fares = before["fare"].to_numpy() + (np.arange(rows) % 1000 == 0)
    after = before.set_column(1, "fare", pa.array(fares)).take(random.permutation(rows))
    started = time.perf_counter()
    by_key, by_content = difference(before, after, ["id"]), difference(before, after)
    assert time.perf_counter() - started < 20
    assert (by_key.changed, by_key.cells_changed) == (1000, {"fare": 1000})
    assert (by_content.added, by_content.removed) == (1000, 1000)
