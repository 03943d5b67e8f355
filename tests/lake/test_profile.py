from __future__ import annotations

import math
import statistics
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.core.record import from_json, to_json
from towpath.lake.profile import BINS, SHARES, ColumnProfile, Profile, profile

KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "int64": (pa.int64(), st.integers(-3, 3) | st.integers(-(2**53), 2**53)),
    "float64": (pa.float64(), st.sampled_from([0.0, -0.0, 1.5, -2.0, 1e9])),
    "decimal(5,2)": (pa.decimal128(5, 2), st.decimals(-9, 9, places=2)),
    "string": (pa.string(), st.text("ab", max_size=2)),
    "date": (pa.date32(), st.dates(date(2013, 1, 1), date(2013, 1, 3))),
    "bool": (pa.bool_(), st.booleans()),
    "binary": (pa.binary(), st.binary(max_size=1)),
}


def one(values: list[Any], kind: pa.DataType) -> ColumnProfile:
    return profile(pa.table({"v": pa.array(values, kind)})).columns[0]


@given(data=st.data(), dtype=st.sampled_from(sorted(KINDS)))
def test_counts_are_those_of_a_naive_count(data: st.DataObject, dtype: str) -> None:
    kind, strategy = KINDS[dtype]
    values = data.draw(st.lists(st.none() | strategy, max_size=30))
    known = sorted(value for value in values if value is not None)
    found = one(values, kind)
    assert (found.column, found.dtype, found.rows) == ("v", dtype, len(values))
    assert (found.nulls, found.distinct) == (values.count(None), len(set(known)))
    assert found.exact
    counted = Counter(known)
    ranked = sorted((-count, value) for value, count in counted.items() if count > 1)
    assert [-count for count, _ in ranked[:10]] == [top.rows for top in found.top]
    if known and dtype in {"int64", "float64"}:
        assert (found.minimum, found.maximum) == (known[0], known[-1])
        assert found.mean == pytest.approx(statistics.fmean(known))
        assert found.std == pytest.approx(statistics.pstdev(known))
        assert found.zeros == known.count(0)
        assert [value.value for value in ranked_quantiles(found)] == [
            known[int(share * (len(known) - 1))] for share in SHARES
        ]


def ranked_quantiles(found: ColumnProfile) -> tuple[Any, ...]:
    assert tuple(quantile.share for quantile in found.quantiles) == SHARES
    return found.quantiles


@given(data=st.data(), dtype=st.sampled_from(sorted(KINDS)))
def test_pieces_make_the_same_profile_as_the_whole(data: st.DataObject, dtype: str) -> None:
    kind, strategy = KINDS[dtype]
    values = data.draw(st.lists(st.none() | strategy, max_size=30))
    cut = data.draw(st.integers(0, len(values)))
    table = pa.table({"v": pa.array(values, kind)})
    whole, cut_up = profile(table), profile([table.slice(0, cut), table.slice(cut)])
    plain = {"mean": None, "std": None}
    assert cut_up.columns[0].replace(**plain) == whole.columns[0].replace(**plain)
    assert cut_up.columns[0].mean == pytest.approx(whole.columns[0].mean)
    assert cut_up.columns[0].std == pytest.approx(whole.columns[0].std)


def test_values_are_told_as_json_knows_them() -> None:
    at = datetime(2013, 10, 1, tzinfo=UTC)
    assert one([at], pa.timestamp("us", "UTC")).minimum == "2013-10-01T00:00:00Z"
    assert one([date(2013, 10, 1)], pa.date32()).quantiles[0].value == "2013-10-01"
    assert one([Decimal("1.50")], pa.decimal128(5, 2)).maximum == "1.50"
    assert one([b"\0\xff"], pa.binary()).minimum == "00ff"
    assert one(["x" * 500], pa.string()).maximum == "x" * 120 + "…"
    infinite = one([float("inf"), 1.0, float("nan"), None], pa.float64())
    assert (infinite.maximum, infinite.mean, infinite.std, infinite.nulls) == ("inf", None, None, 2)


def test_texts_bytes_and_lists_have_lengths() -> None:
    texts = one(["çé", "", None], pa.string()).lengths
    lists = one([[1.0], [], None], pa.list_(pa.float64()))
    assert texts is not None
    assert (texts.minimum, texts.mean, texts.maximum) == (0, 1.0, 2)
    assert lists.lengths is not None
    assert (lists.dtype, lists.nulls, lists.distinct) == ("list<float64>", 1, None)
    assert (lists.lengths.maximum, lists.top, lists.minimum) == (1, (), None)


def test_a_profile_survives_json() -> None:
    table = pa.table(
        {
            "id": [1, 2, 2],
            "at": pa.array([0, 1, None], pa.timestamp("us", "UTC")),
            "kind": pa.array(["a", None, "a"]).dictionary_encode(),
            "nothing": pa.nulls(3, pa.string()),
            "_seq": [1, 2, 3],
        }
    )
    found = profile(table, dataset="trips", version=3)
    assert from_json(to_json(found), Profile) == found
    assert (found.dataset, found.version, found.rows) == ("trips", 3, 3)
    assert [column.column for column in found.columns] == ["id", "at", "kind", "nothing"]
    nothing = found.column("nothing")
    assert nothing is not None
    assert (nothing.nulls, nothing.distinct, nothing.minimum) == (3, 0, None)
    assert found.column("none") is None


def test_no_rows_make_a_profile_too() -> None:
    assert profile([]).columns == ()
    empty = profile(pa.table({"v": pa.array([], pa.int64())})).columns[0]
    assert (empty.rows, empty.distinct, empty.mean, empty.quantiles) == (0, 0, None, ())


@pytest.mark.slow
def test_more_than_a_million_values_are_estimated() -> None:
    rows = 3_000_000
    random = np.random.default_rng(3)
    half = np.where(random.random(rows) < 0.5, 7, np.arange(rows))
    texts = pa.array(np.char.add("customer-", np.arange(rows).astype(str)))
    table = pa.table({"skewed": half, "text": texts, "few": np.arange(rows) % 1000})
    skewed, text, few = profile(table.slice(at, 500_000) for at in range(0, rows, 500_000)).columns
    assert (skewed.exact, text.exact, few.exact) == (False, False, True)
    assert skewed.distinct == pytest.approx(len(np.unique(half)), rel=0.02)
    assert text.distinct == pytest.approx(rows, rel=0.02)
    assert few.distinct == 1000
    assert skewed.top[0].value == 7
    assert skewed.top[0].rows == pytest.approx(rows / 2, rel=0.01)
    assert text.top == ()
    assert skewed.mean == pytest.approx(half.mean())
    assert float(skewed.quantiles[5].value) == pytest.approx(np.quantile(half, 0.95), rel=0.01)


@given(values=st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=30))
def test_a_histogram_counts_the_rows_in_ranges_of_one_width(values: list[float]) -> None:
    found = one(values, pa.float64()).histogram
    finite = [value for value in values if math.isfinite(value)]
    assert sum(found) == len(finite)
    if len(set(finite)) <= 1:
        assert len(found) == len(set(finite))
        return
    assert len(found) == BINS
    assert found[0] > 0
    assert found[-1] > 0
    middle = (min(finite) + max(finite)) / 2
    assert sum(found[: BINS // 2]) == sum(value < middle for value in finite)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 6, 12], (1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)),
        ([7, 7, None], (2,)),
        ([None], ()),
        ([-(2**63), 2**63 - 1], (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
    ],
)
def test_histograms_of_whole_numbers(values: list[int | None], expected: tuple[int, ...]) -> None:
    assert one(values, pa.int64()).histogram == expected


def test_times_and_decimals_have_histograms_and_texts_have_none() -> None:
    days = [date(2024, 1, 1), date(2024, 1, 2)]
    assert sum(one(days, pa.date32()).histogram) == 2
    moments = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2)]
    assert sum(one(moments, pa.timestamp("us", "UTC")).histogram) == 2
    assert sum(one([Decimal("1.50"), Decimal(2)], pa.decimal128(5, 2)).histogram) == 2
    assert one(["a", "b"], pa.string()).histogram == ()
    assert one([True], pa.bool_()).histogram == ()
    with np.errstate(over="ignore"):
        assert one([1.7e308, -1.7e308], pa.float64()).histogram == (1, *[0] * 10, 1)
